"""What a burst is asked to do and what came of it. Plain values: no sockets, no clock.

Each report crosses the process border as one JSON line; `parse_line` reads either kind.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Self

from engine.percentiles import percentile

# How a request can fail. A failed request is in no percentile.
REFUSED = "refused"  # nobody listens
RESET = "reset"  # RST: the peer dropped the connection
TIMED_OUT = "timed out"  # `timeout_s` passed before the last byte
CLOSED_EARLY = "closed early"  # end of stream before the response was complete
BAD_BODY = "bad body"  # more bytes than Content-Length promised
BAD_ANSWER = "bad answer"  # no HTTP
OUT_OF_PORTS = "client ran out of ports"  # EADDRNOTAVAIL: the fault is ours, not the server's
OUT_OF_FILES = "client ran out of descriptors"  # EMFILE, ENFILE
OTHER = "other"


def bad_status(status: int) -> str:
    """The kind of an answer that is neither 2xx nor 3xx."""
    return f"status {status}"


# Upper edges of the histogram's buckets in ms, 1-2-5 a decade; the last bucket has no edge.
HISTOGRAM_EDGES_MS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50),
    *(100, 200, 500, 1000, 2000, 5000, 10000),
)


def histogram(samples_ms: Sequence[float]) -> tuple[int, ...]:
    """How many samples fall into each bucket: (previous edge, edge], then the rest."""
    counts = [0] * (len(HISTOGRAM_EDGES_MS) + 1)
    for sample_ms in samples_ms:
        counts[bisect_left(HISTOGRAM_EDGES_MS, sample_ms)] += 1
    return tuple(counts)


@dataclass(frozen=True, slots=True)
class Burst:
    """The settings of one burst. Raises ValueError for numbers that mean nothing."""

    url: str
    requests: int = 50
    connections: int = 10  # virtual users; each has at most one connection open
    short: bool = False  # the client closes after each response
    timeout_s: float = 10.0  # for one request, connect included
    allow_remote: bool = False  # load on someone else's machine must be asked for
    parent_pid: int | None = None  # end at once when this is no longer the parent; None: whoever

    def __post_init__(self) -> None:
        if not isinstance(self.url, str):
            raise ValueError(f"url must be text, not {self.url!r}")
        for name in ("requests", "connections"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise ValueError(f"{name} must be a whole number from 1, not {value!r}")
        if not isinstance(self.timeout_s, int | float) or not self.timeout_s > 0:
            raise ValueError(f"timeout_s must be more than 0, not {self.timeout_s!r}")

    def to_json(self) -> str:
        """One line, for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for what is not a JSON object of these fields."""
        return cls(**known(cls, as_object(text)))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a burst is. Counts are from its start."""

    requests: int  # finished, well or not
    requests_wanted: int
    connections_opened: int
    errors: Mapping[str, int]  # by kind; kinds that did not happen are absent
    retried: int
    seconds: float

    def to_json(self) -> str:
        """One line, for `parse_line`."""
        return json.dumps({"kind": "progress", **asdict(self)})


@dataclass(frozen=True, slots=True)
class BurstResult:
    """What came of a burst. Latencies are from before the connect to the last byte of the body,
    of successful requests only; None when there are none, and a percentile when too few stand above it.

    Closed loop: a user waits for its response before it asks again, so that time spent waiting
    for a user is in no latency (coordinated omission).
    """

    requests: int  # every request, well or not; a retried one counts once
    connections_opened: int
    requests_per_connection: float | None  # None when no connection was opened
    errors: Mapping[str, int]
    retried: int  # sent again since a kept connection was closed under them (RFC 9110, 9.2.2)
    seconds: float
    requests_per_s: float  # successful ones
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    latencies: tuple[int, ...]  # counts by HISTOGRAM_EDGES_MS, and one for what is above
    started_ns: int  # time.monotonic_ns, the clock of the events

    @property
    def failed(self) -> int:
        """Requests that got no good response."""
        return sum(self.errors.values())

    def to_json(self) -> str:
        """One line, for `parse_line`."""
        return json.dumps({"kind": "result", **asdict(self)})


@dataclass(slots=True)
class Tally:
    """The running counts of one burst, from which both reports are made."""

    wanted: int
    started_ns: int
    requests: int = 0
    connections_opened: int = 0
    retried: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    samples_ms: list[float] = field(default_factory=list)

    def succeeded(self, latency_ns: int) -> None:
        """A request got its good response after this long."""
        self.requests += 1
        self.samples_ms.append(latency_ns / 1e6)

    def failed(self, kind: str) -> None:
        """A request ended as one of the kinds above."""
        self.requests += 1
        self.errors[kind] = self.errors.get(kind, 0) + 1

    def progress(self, now_ns: int) -> Progress:
        """How far it is at `now_ns`."""
        return Progress(
            requests=self.requests,
            requests_wanted=self.wanted,
            connections_opened=self.connections_opened,
            errors=dict(self.errors),
            retried=self.retried,
            seconds=(now_ns - self.started_ns) / 1e9,
        )

    def result(self, now_ns: int) -> BurstResult:
        """What came of it, when it ended at `now_ns`."""
        ordered = sorted(self.samples_ms)
        seconds = (now_ns - self.started_ns) / 1e9
        opened = self.connections_opened
        return BurstResult(
            requests=self.requests,
            connections_opened=opened,
            requests_per_connection=self.requests / opened if opened else None,
            errors=dict(self.errors),
            retried=self.retried,
            seconds=seconds,
            requests_per_s=len(ordered) / seconds if seconds > 0 else 0.0,
            p50_ms=percentile(ordered, 50),
            p90_ms=percentile(ordered, 90),
            p99_ms=percentile(ordered, 99),
            max_ms=ordered[-1] if ordered else None,
            latencies=histogram(ordered),
            started_ns=self.started_ns,
        )


def parse_line(line: str) -> Progress | BurstResult:
    """Read a line of the load process. Raises ValueError for anything else."""
    values = as_object(line)
    kind = values.pop("kind", None)
    if kind == "progress":
        return Progress(**known(Progress, values))
    if kind == "result":
        told = known(BurstResult, values)
        return BurstResult(**{**told, "latencies": tuple(told["latencies"])})
    raise ValueError(f"a report of unknown kind: {kind!r}")


def as_object(text: str) -> dict[str, Any]:
    """Raises ValueError for what is not a JSON object."""
    values = json.loads(text)  # its JSONDecodeError is a ValueError
    if not isinstance(values, dict):
        raise ValueError("not a JSON object")
    return values


def known(cls: type, values: dict[str, Any]) -> dict[str, Any]:
    """The values, when they are those of a dataclass; else raises ValueError."""
    names = {each.name for each in fields(cls)}
    required = {each.name for each in fields(cls) if each.default is MISSING}
    if unknown := values.keys() - names:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    if missing := required - values.keys():
        raise ValueError(f"missing: {', '.join(sorted(missing))}")
    return values
