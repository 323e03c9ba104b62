"""Whom a finding has to name: the script knows which connection or process has the fault. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.findings.finding import Finding
from engine.labs.lab import Claim

NAMES = "the finding names "
"""So begins what is claimed of it."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """The connections and the processes that are at fault; empty: a finding may name none."""

    who: str
    """In words that follow NAMES."""
    conns: frozenset[int]
    pids: frozenset[int]
    is_first: bool = False
    """Only the first of the connections is at fault; those after it suffer from it."""

    def claim(self, tellings: Sequence[Finding]) -> Claim:
        """Whether each time that it was told the finding named some of these, and nobody else."""
        return Claim(NAMES + self.who, all(map(self._is_named_by, tellings)))

    def _is_named_by(self, found: Finding) -> bool:
        conns = found.conns[:1] if self.is_first else found.conns
        return _are_of(conns, self.conns) and _are_of(found.pids, self.pids)


def _are_of(named: Sequence[int], those: frozenset[int]) -> bool:
    return set(named) <= those and bool(named) == bool(those)
