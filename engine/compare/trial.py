"""What came of one run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.load.figures import FINE, HINDERED
from engine.load.samples import Percentiles, merged, percentiles


@dataclass(frozen=True, slots=True)
class Trial:
    """One model, one mode, one round: under load for some seconds."""

    model: str
    mode: str
    failure: str = ""
    """Why there are no figures; empty: there are."""
    answered: int = 0  # good answers, between two looks at a steady load
    seconds: float = 0.0  # between those two
    server_cpu_s: float | None = None  # and what the server used of a processor in them
    histogram: str = ""  # of response times, all but the warm-up's: HDR, base64
    errors: Mapping[str, int] = field(default_factory=dict)
    dropped: int = 0  # of an open loop: due, and never sent
    all_in_use: int = (
        0  # of an open loop that could not ask in time: all the connections it may have
    )
    service_p50_ms: float | None = None  # without the wait for a connection
    client: str = FINE  # its verdict on itself
    cpu: Mapping[str, float | None] = field(
        default_factory=dict
    )  # of one processor, in percent: CpuShares
    waits: Mapping[str, float | None] = field(default_factory=dict)
    """Room -> how many were in it, the mean of many looks; None: it cannot be known."""
    memory_bytes: float | None = None  # for each open connection
    processes: int = 0
    threads: int = 0
    descriptors: int | None = None

    @property
    def requests_per_s(self) -> float:
        """Good answers."""
        return self.answered / self.seconds if self.seconds else 0.0

    @property
    def is_hindered(self) -> bool:
        """The client had no time to spare, or no processor: it measured itself, or the machine."""
        return self.client in HINDERED

    def percentiles(self) -> Percentiles:
        """Of the response times."""
        return percentiles(merged(self.histogram)) if self.histogram else Percentiles()
