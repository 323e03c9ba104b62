"""Tells a recording what is no event: modes, totals, bursts, numbers, and each look for findings.

A reader sees them in the order in which the run did: what a look saw stands before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from engine.events import Unreported
from engine.findings.moment import Moment
from engine.recordings.recording import Recording
from engine.recordings.told import run_values, unreported_values
from engine.recordings.told_look import Seen, apply, difference, look_values, seen_at
from engine.views.kernel_numbers import EMPTY_KERNEL
from engine.views.snapshot import EMPTY_NUMBERS, BurstView


class Teller:
    """Remembers what was told last, and tells what has changed since."""

    def __init__(self, file: Recording, mode: str, unreported: Unreported) -> None:
        """`mode` is told by the header; what was not reported until now is no part of the recording."""
        self._file = file
        self._mode = mode
        self._unreported = self._unreported_before = unreported
        self._bursts: dict[int, BurstView] = {}
        self._looked_ns = 0
        self._numbers, self._kernel = EMPTY_NUMBERS, EMPTY_KERNEL
        self._run: dict[str, Any] = {}
        self._seen: dict[int, Seen] = {}

    def tell(
        self, now_ns: int, mode: str, unreported: Unreported, bursts: Sequence[BurstView] = ()
    ) -> None:
        """Told when it changes. Raises OSError."""
        if mode != self._mode:
            self._mode = mode
            self._file.tell(now_ns, "mode", {"mode": mode})
        for view in bursts:
            if self._bursts.get(view.number) != view:
                self._bursts[view.number] = view
                self._file.tell(now_ns, "burst", {"index": view.number, **asdict(view)})
        if unreported != self._unreported:
            self._unreported = unreported
            values = unreported_values(unreported - self._unreported_before)
            self._file.tell(now_ns, "unreported", values)

    def look(self, moment: Moment, unread_since_ns: Mapping[int, int]) -> None:
        """A look, told once, after the samples that it was taken with. Called right after it, before the
        next events are written. Raises OSError."""
        now_ns = moment.now_ns
        if now_ns == self._looked_ns or not now_ns:
            return
        self._looked_ns = now_ns
        self.tell(now_ns, moment.status.mode, moment.snapshot.unreported)
        if moment.numbers is not self._numbers:
            self._numbers = moment.numbers
            self._file.tell(now_ns, "numbers", asdict(moment.numbers))
        if moment.kernel is not self._kernel:
            self._kernel = moment.kernel
            self._file.tell(now_ns, "kernel", asdict(moment.kernel))
        if (run := run_values(moment.status)) != self._run:
            self._run = run
            self._file.tell(now_ns, "run", run)
        told = difference(self._seen, seen_at(moment, unread_since_ns), moment.copies)
        apply(told, self._seen)
        self._file.tell(now_ns, "look", look_values(told))
