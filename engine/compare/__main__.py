"""The process that compares: what is asked in argv[1], JSON lines of the comparison on stdout.

A line now and then, and one at the end. SIGTERM ends it early, with what was done. Exit 1, with one line
on stderr, when what is asked cannot be.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace

from engine.compare.conditions import ROUNDS_LEAST, Asked
from engine.compare.measuring import CannotServeError, Server
from engine.compare.report import Comparison
from engine.compare.standing import Standing, standing
from engine.compare.sweep import Sweep, climb
from engine.compare.trial import Trial
from engine.dying import die_with_parent


class Work:
    """What is done so far."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._trials: dict[tuple[str, str], list[Trial]] = {}
        self._sweeps: list[Sweep] = []
        self._standings: tuple[Standing, ...] = ()
        self._begun_s = time.monotonic()
        self._made = time.strftime("%Y-%m-%d %H:%M")
        pairs = len(asked.models) * len(asked.modes)
        self._steps = pairs * asked.rounds + (pairs if asked.sweeps else 0)
        self._step = 0
        self._doing = ""

    def do(self) -> None:
        """All of it. In a round each model has its turn before one has its second; whom a crowded
        machine has left one round short has another at the end."""
        for number in range(1, self._asked.rounds + 1):
            for mode in self._asked.modes:
                for model in self._asked.models:
                    self._doing = f"{model}, {mode}, round {number} of {self._asked.rounds}"
                    self._try(model, mode)
                    self._step += 1
        for mode, model in self._one_short():
            self._doing = f"{model}, {mode}, once more"
            self._try(model, mode)
        if self._asked.sweeps:
            for mode in self._asked.modes:
                for model in self._asked.models:
                    self._climb(model, mode)
                    self._step += 1

    def _one_short(self) -> list[tuple[str, str]]:
        """Who lacks one round for a verdict, since the machine or the client was in its way."""
        return [
            key
            for key, trials in self._trials.items()
            if sum(trial.is_hindered for trial in trials) == self._asked.rounds - ROUNDS_LEAST + 1
            and not any(trial.errors for trial in trials)
        ]

    def tell(self, *, is_final: bool = False) -> None:
        """A line on stdout."""
        is_whole = self._step == self._steps
        told = Comparison(
            self._asked.conditions,
            self._standings,
            tuple(self._sweeps),
            made=self._made,
            rounds=self._asked.rounds,
            seconds=time.monotonic() - self._begun_s,
            share=min(self._step / self._steps, 1.0),
            doing=self._doing,
            is_final=is_final,
            is_whole=is_whole,
        )
        sys.stdout.write(told.to_json() + "\n")
        sys.stdout.flush()

    def _try(self, model: str, mode: str) -> None:
        trials = self._trials.setdefault((mode, model), [])
        if trials and trials[-1].failure:
            return  # it cannot: once is enough
        self.tell()
        try:
            server = Server(self._asked.conditions, model, mode)
            try:
                trials.append(server.load())
            finally:
                server.stop()
        except CannotServeError as error:
            trials.append(Trial(model, mode, failure=str(error)))
        self._standings = self._standing_now()

    def _standing_now(self) -> tuple[Standing, ...]:
        told = [standing(each, self._asked.conditions) for each in self._trials.values() if each]
        modes = self._asked.modes
        return tuple(sorted(told, key=lambda one: (modes.index(one.mode), -one.requests_per_s)))

    def _climb(self, model: str, mode: str) -> None:
        failed = next((each.failure for each in self._trials[mode, model] if each.failure), "")
        if failed:
            return
        place = len(self._sweeps)
        self._sweeps.append(Sweep(model, mode))
        try:
            server = Server(self._asked.conditions, model, mode)
            try:
                for sweep in climb(model, mode, lambda rate: self._at(server, model, mode, rate)):
                    self._sweeps[place] = sweep
            finally:
                server.stop()
        except CannotServeError as error:
            self._sweeps[place] = replace(self._sweeps[place], failure=str(error))

    def _at(self, server: Server, model: str, mode: str, rate: float) -> Trial:
        self._doing = f"{model}, {mode}, {rate:,.0f} requests/s"
        self.tell()
        return server.load(rate)


def main() -> int:
    """Do what argv asks for; returns the exit code."""
    try:
        asked = Asked.from_json(sys.argv[1] if len(sys.argv) > 1 else "")
        if asked.parent_pid is not None:
            die_with_parent(asked.parent_pid)
        work = Work(asked)
    except ValueError as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # raises KeyboardInterrupt
    try:
        try:
            work.do()
        except KeyboardInterrupt:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        work.tell(is_final=True)
    except BrokenPipeError:
        os._exit(1)  # nobody reads: a flush at exit would only complain
    return 0


if __name__ == "__main__":
    sys.exit(main())
