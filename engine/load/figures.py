"""What sustained load did and met: the running counts, and the figures that are made from them.

`requests` are those that ended, warm-up included; percentiles and requests/s leave the warm-up out.
Response time counts from the instant at which a request was due: in an open loop by the rate, in a
closed one when its connection was free, so that who waits for a user there is in no latency
(coordinated omission). Service time counts from when the request was sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from operator import add
from typing import Any, Self

from engine.load.cpu import CpuShares
from engine.load.plan import Plan
from engine.load.result import as_object, known
from engine.load.samples import Percentiles, Samples, merged, percentiles

FINE = "fine"
NOTHING = "nothing measured"
NEAR_LIMIT = "client near its limit"
CROWDED = "machine crowded: the client waited for a processor, and the latency is partly that"
SATURATED = "client saturated: the latency is partly ours"
VERDICTS = (FINE, NOTHING, NEAR_LIMIT, CROWDED, SATURATED)
"""From good to bad."""
HINDERED = (CROWDED, SATURATED)
"""Of these the figures say less of the server than of what stood in the client's way."""
NEVER_NS = 1 << 63
# Of the time, in percent: the client ran, or waited for a processor. Above, a request that becomes
# due often finds it busy with another.
NEAR_LIMIT_FROM, SATURATED_FROM = 75, 92
LATE_FROM = 0.01  # of the answers: then p99 is partly that


def verdict(cpu: Mapping[str, float | None]) -> str:
    """Whether the client had time to spare, from the fields of CpuShares.

    One that waited for longer than it ran is not at its own limit: others had the processors, be it
    the server.
    """
    ran, waited = cpu["client"] or 0, cpu["client_waited"] or 0
    if ran + waited < NEAR_LIMIT_FROM:
        return FINE
    if waited > ran:
        return CROWDED
    return SATURATED if ran + waited >= SATURATED_FROM else NEAR_LIMIT


@dataclass(frozen=True, slots=True)
class Report:
    """What the load process tells now and then, and at the end: counts that can be added up."""

    requests: int  # that ended, well or not; a retried one counts once
    offered: int  # due so far
    sent: int
    late: int  # of an open loop, warm-up left out: when due, all connections were in use
    connections: int  # that it may have
    done: int  # good answers
    retried: int  # sent again, since a kept connection was closed under them (RFC 9110, 9.2.2)
    errors: Mapping[str, int]
    connections_opened: int  # for these requests
    connections_beside: int  # opened by slow heads, slow readers and silent clients
    bytes_sent: int
    bytes_received: int
    started_ns: int  # time.monotonic_ns, the clock of the events
    seconds: float  # since the start
    warm_up_s: float
    measured_s: float  # from the warm-up to the end of asking, or to a good answer after it
    share: float  # how much of what was asked has been done, 0 to 1
    is_open_loop: bool
    cpu: Mapping[str, float | None]  # CpuShares, from the warm-up to the end of asking
    prompt: str  # service time of requests sent when they were due; this and the next: HDR, base64
    service: str  # of the others
    response: str  # of the others
    send_lag: str  # of the others, in an open loop: from due to sent, a connect included
    connect: str
    latencies: tuple[int, ...]  # of response time: counts by HISTOGRAM_EDGES_MS, and one above
    is_final: bool
    is_whole: bool  # so far nobody has stopped it before its end

    @property
    def dropped(self) -> int:
        """Due, and never sent since no connection was free; while it runs nobody knows."""
        return self.offered - self.sent if self.is_final else 0

    @property
    def lacked_connections(self) -> bool:
        """An open loop could not ask in time, and nobody stopped it: more might carry more."""
        is_late = 0 < LATE_FROM * sum(self.latencies) < self.late
        return is_late or (self.dropped > 0 and self.is_whole)

    def to_json(self) -> str:
        """One line, for `from_json`."""
        return json.dumps({"kind": "report", **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for what is no such line."""
        values = as_object(text)
        values.pop("kind", None)
        told = known(cls, values)
        return cls(**{**told, "latencies": tuple(told["latencies"])})


@dataclass(slots=True)
class Counts:
    """The running counts of one run."""

    plan: Plan
    started_ns: int
    sent: int = 0
    late: int = 0
    done: int = 0
    failed: int = 0
    retried: int = 0
    connections_opened: int = 0
    connections_beside: int = 0
    was_stopped: bool = False
    answered_ns: int = 0  # when the last good answer came
    asks_until_ns: int = NEVER_NS
    bytes_sent: int = 0
    bytes_received: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    prompt: Samples = field(default_factory=Samples)
    service: Samples = field(default_factory=Samples)
    response: Samples = field(default_factory=Samples)
    send_lag: Samples = field(default_factory=Samples)
    connect: Samples = field(default_factory=Samples)
    measures_from_ns: int = field(init=False)
    """A request that is due before belongs to the warm-up."""

    def __post_init__(self) -> None:
        self.measures_from_ns = self.started_ns + int(self.plan.warm_up * 1e9)

    def note_error(self, kind: str) -> None:
        """A request ended as one of the kinds in result.py."""
        self.failed += 1
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def note_latency(self, due_ns: int, sent_ns: int, now_ns: int) -> None:
        """A good answer to a request after the warm-up."""
        self.answered_ns = now_ns
        if due_ns == sent_ns:
            self.prompt.add(now_ns - due_ns)
        else:
            self.service.add(now_ns - sent_ns)
            self.response.add(now_ns - due_ns)
            if self.plan.rate is not None:  # else nothing is due but by our own connect
                self.send_lag.add(sent_ns - due_ns)

    @property
    def times(self) -> tuple[Samples, ...]:
        """All that are collected."""
        return self.prompt, self.service, self.response, self.send_lag, self.connect

    def report(self, now_ns: int, cpu: CpuShares, *, is_final: bool = False) -> Report:
        """As it stands at `now_ns`."""
        seconds = (now_ns - self.started_ns) / 1e9
        # Who waits in vain for the time-out of his request must not make the others slower.
        until_ns = max(min(now_ns, self.asks_until_ns), self.answered_ns)
        ended = self.done + self.failed
        return Report(
            requests=ended,
            offered=self._offered(seconds),
            sent=self.sent,
            late=self.late,
            connections=self.plan.connections,
            done=self.done,
            retried=self.retried,
            errors=dict(self.errors),
            connections_opened=self.connections_opened,
            connections_beside=self.connections_beside,
            bytes_sent=self.bytes_sent,
            bytes_received=self.bytes_received,
            started_ns=self.started_ns,
            seconds=seconds,
            warm_up_s=self.plan.warm_up,
            measured_s=max((until_ns - self.measures_from_ns) / 1e9, 0.0),
            share=1.0 if is_final else self._share(seconds, ended),
            is_open_loop=self.plan.rate is not None,
            cpu=asdict(cpu),
            prompt=self.prompt.encoded(),
            service=self.service.encoded(),
            response=self.response.encoded(),
            send_lag=self.send_lag.encoded(),
            connect=self.connect.encoded(),
            latencies=tuple(map(add, self.prompt.buckets, self.response.buckets)),
            is_final=is_final,
            is_whole=not self.was_stopped,
        )

    def _offered(self, seconds: float) -> int:
        if self.plan.rate is None:
            return self.sent  # a closed loop asks when it can
        due = self.plan.offered(min(seconds, self.plan.seconds or seconds))
        return max(due, self.sent)

    def _share(self, seconds: float, ended: int) -> float:
        if self.plan.requests is not None:
            return min(ended / self.plan.requests, 1.0)
        assert self.plan.seconds is not None
        return min(seconds / self.plan.seconds, 1.0)


@dataclass(frozen=True, slots=True)
class Figures:
    """A report as people read it."""

    requests: int
    connections_opened: int
    errors: Mapping[str, int]
    seconds: float
    requests_per_s: float  # good answers, over the measured seconds
    p50_ms: float | None  # of response time
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    verdict: str
    is_whole: bool  # False: it was stopped before its end
    loop: str  # `closed` or `open`
    offered: int
    sent: int
    done: int
    dropped: int  # due, and never sent since no connection was free
    late: int  # sent later than due, since all connections were in use; warm-up left out
    retried: int
    requests_per_connection: float | None  # None: no connection was opened
    measured: int  # good answers after the warm-up
    warm_up_s: float
    measured_s: float
    response: Percentiles
    service: Percentiles
    send_lag: Percentiles | None  # None: in a closed loop nothing is due
    connect: Percentiles
    bytes_sent: int
    bytes_received: int
    connections_beside: int
    connections: int  # that it might have
    lacked_connections: bool  # dropped or late: more might carry more
    cpu: Mapping[str, float | None]
    latencies: tuple[int, ...]

    def as_values(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def response_time(report: Report) -> Percentiles:
    """Of all that were measured."""
    return percentiles(merged(report.prompt, report.response))


def verdict_on(report: Report) -> str:
    """In words: see `verdict`."""
    return verdict(report.cpu) if any(report.latencies) else NOTHING


def figures(report: Report) -> Figures:
    """What a report says. Takes some milliseconds: not for the load process."""
    told = response_time(report)
    lag = percentiles(merged(report.send_lag)) if report.is_open_loop else None
    opened = report.connections_opened
    return Figures(
        requests=report.requests,
        connections_opened=opened,
        errors=report.errors,
        seconds=report.seconds,
        requests_per_s=told.count / report.measured_s if report.measured_s else 0.0,
        p50_ms=told.p50_ms,
        p90_ms=told.p90_ms,
        p99_ms=told.p99_ms,
        max_ms=told.max_ms,
        verdict=verdict_on(report),
        is_whole=report.is_whole,
        loop="open" if report.is_open_loop else "closed",
        offered=report.offered,
        sent=report.sent,
        done=report.done,
        dropped=report.dropped,
        late=report.late,
        retried=report.retried,
        requests_per_connection=report.requests / opened if opened else None,
        measured=told.count,
        warm_up_s=report.warm_up_s,
        measured_s=report.measured_s,
        response=told,
        service=percentiles(merged(report.prompt, report.service)),
        send_lag=lag,
        connect=percentiles(merged(report.connect)),
        bytes_sent=report.bytes_sent,
        bytes_received=report.bytes_received,
        connections_beside=report.connections_beside,
        connections=report.connections,
        lacked_connections=report.lacked_connections,
        cpu=report.cpu,
        latencies=report.latencies,
    )
