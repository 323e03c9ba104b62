"""What sustained load is asked to be, and when each of its requests is due. No sockets, no clock."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Self

from engine.load.result import as_object, known

WARM_UP_SHARE, WARM_UP_MOST_S = 0.1, 2.0  # of a run with an end in time, when none is asked for


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of one run. Raises ValueError for what means nothing.

    Without a `rate` the loop is closed: each connection asks again once it has its answer. With a
    rate it is open: requests are due whether or not the server keeps up.
    """

    url: str
    connections: int = 16  # in an open loop, at most
    requests: int | None = None  # all that are sent, warm-up included; None: until `seconds`
    seconds: float | None = None  # None: until `requests`
    rate: float | None = None  # requests/s that are due; None: a closed loop
    per_connection: int | None = None  # requests until the client closes; 1: short; None: no end
    asks_close: bool = False  # `Connection: close`: the server closes, and keeps TIME_WAIT
    ramp_s: float = 0.0  # until all connections are open, or the whole rate is due
    warm_up_s: float | None = None  # left out of the figures; None: as `warm_up` says
    think_s: float = 0.0  # between an answer and the next request; closed loop only
    paths: tuple[tuple[str, float], ...] = ()  # (path, weight); empty: that of the URL
    slow_heads: int = 0  # connections beside the load that send a byte of a head each second,
    slow_readers: int = 0  # that read a kilobyte of an answer each second,
    silent: int = 0  # that send nothing
    verify_bodies: bool = False  # each body must be the first one of its path; else its length
    timeout_s: float = 10.0  # for one request, connect included
    allow_remote: bool = False  # load on someone else's machine must be asked for
    server_pid: int | None = None  # whose CPU is told as the server's, its children's included
    watcher_pid: int | None = None  # whose CPU is told as the dashboard's
    parent_pid: int | None = None  # end at once when this is no longer the parent

    def __post_init__(self) -> None:
        if (self.requests is None) == (self.seconds is None):
            raise ValueError("either a number of requests or of seconds, and not both")
        for name in ("connections", "requests", "per_connection"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise ValueError(f"{name} must be a whole number from 1, not {value!r}")
        for name in ("seconds", "rate", "timeout_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be more than 0, not {value!r}")
        for name in ("ramp_s", "think_s", "slow_heads", "slow_readers", "silent"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)!r}")
        self._check_together()

    def _check_together(self) -> None:
        if self.warm_up_s is not None and not self.warm_up_s >= 0:
            raise ValueError(f"warm_up_s must be 0 or more, not {self.warm_up_s!r}")
        if self.seconds is not None and self.warm_up >= self.seconds:
            raise ValueError("the warm-up is as long as the run: nothing would be measured")
        if self.rate is not None and self.think_s:
            raise ValueError(
                "a rate says when requests are due: there is no time to think beside it"
            )
        for path, weight in self.paths:
            if not path.startswith("/") or not 0 < weight < math.inf:
                raise ValueError(f"a path is /PATH with a weight above 0, not {path!r} {weight!r}")

    @property
    def warm_up(self) -> float:
        """Seconds that are left out of the figures; by default none of a run that counts requests."""
        if self.warm_up_s is not None:
            return self.warm_up_s
        return min(self.seconds * WARM_UP_SHARE, WARM_UP_MOST_S) if self.seconds else 0.0

    def due_s(self, index: int) -> float:
        """When the request with this index (from 0) is due in an open loop, in seconds from the
        start. While the rate rises evenly to R in T seconds, t²·R/2T requests are due by t."""
        assert self.rate is not None
        in_ramp = self.rate * self.ramp_s / 2
        if index < in_ramp:
            return math.sqrt(2 * self.ramp_s * index / self.rate)
        return self.ramp_s + (index - in_ramp) / self.rate

    def offered(self, seconds: float) -> int:
        """How many requests are due in an open loop within so many seconds."""
        assert self.rate is not None
        if seconds < self.ramp_s:
            due = self.rate * seconds**2 / (2 * self.ramp_s)
        else:
            due = self.rate * (seconds - self.ramp_s / 2)
        return math.ceil(due) if self.requests is None else min(math.ceil(due), self.requests)

    def to_json(self) -> str:
        """One line, for `from_json`."""
        return json.dumps({"kind": "plan", **asdict(self)})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises ValueError for what is not a JSON object of these fields."""
        values = as_object(text)
        values.pop("kind", None)
        try:
            values["paths"] = tuple((path, weight) for path, weight in values.get("paths", ()))
            return cls(**known(cls, values))
        except TypeError as error:
            raise ValueError(f"a setting of the wrong type: {error}") from error


def weighted_path(word: str) -> tuple[str, float]:
    """`/a?b=c=3` is (`/a?b=c`, 3): the weight stands after the last =, where that is a number."""
    path, equals, weight = word.rpartition("=")
    try:
        return (path, float(weight)) if equals else (word, 1.0)
    except ValueError:
        return word, 1.0
