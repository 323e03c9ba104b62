"""Plays an act of a lab: starts its server, lets the script run beside it, and takes pictures meanwhile.

The run belongs to the main thread (an engine ends with the thread that started it); the script has one of
its own.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import monotonic, sleep
from urllib.parse import urlsplit

from engine.events import Event
from engine.findings.finding import Finding
from engine.labs import SERVER, private_network
from engine.labs.lab import Act, Lab, LabError
from engine.labs.stage import BEAT_S, Stage
from engine.running.run import Run
from engine.running.run_settings import RunError, RunSettings

START_S = 30.0  # for an engine on a machine that has little time for it
ACT_S = 20.0  # longer, and something hangs that should not
SAMPLE_S = 0.2  # of process numbers
LOOK_S = 0.1  # of findings, and the numbers behind them
AFTERWARDS_S = 0.4  # what shows at the very end is still told


def play_act(
    lab: Lab,
    *,
    mended: bool,
    on_beat: Callable[[Run, Stage, float], None] = lambda *_: None,
    on_events: Callable[[Run, list[Event]], None] = lambda *_: None,
) -> Act:
    """Play one act. `on_beat` is given the run, the stage and the seconds since the script began, at each
    turn; `on_events` what the run has just told. Raises LabError."""
    if lab.private_network:
        private_network.enter()
    try:
        run = Run(_settings(lab, mended=mended))
    except RunError as error:
        raise LabError(str(error)) from error
    try:
        stage = _begin(run, mended, on_events)
        failures: list[BaseException] = []
        heard: list[tuple[float, Finding]] = []
        script = threading.Thread(target=_perform, args=(lab, stage, failures), daemon=True)
        script.start()
        began_s = monotonic()
        ends_s = began_s + ACT_S
        while monotonic() < ends_s:
            on_events(run, run.poll())
            _show(run, stage)
            for one in run.findings(LOOK_S):
                heard.append((monotonic() - began_s, one))
            on_beat(run, stage, monotonic() - began_s)
            sleep(BEAT_S)
            if not script.is_alive():
                ends_s = min(ends_s, monotonic() + AFTERWARDS_S)
        if script.is_alive():
            raise LabError(f"it did not come to an end within {ACT_S:.0f} s")
        if failures and isinstance(failures[0], LabError):
            raise failures[0]
        if failures:
            raise LabError(repr(failures[0])) from failures[0]
        return act_of(lab, stage, heard)
    finally:
        run.stop()


def act_of(lab: Lab, stage: Stage, heard: Sequence[tuple[float, Finding]]) -> Act:
    """What it was. `heard`: the findings, after so many seconds, oldest first."""
    findings: dict[str, float] = {}
    for seconds, one in heard:
        findings.setdefault(one.id, seconds)
    claims, found_after_s = list(stage.claims), findings.get(lab.finding)
    if stage.named and found_after_s is not None:
        claims.append(stage.named.claim([one for _, one in heard if one.id == lab.finding]))
        found_after_s = found_after_s if claims[-1].holds else None
    told = {one.id: one for _, one in heard}
    return Act(stage.mended, tuple(claims), stage.figures, findings, told, found_after_s)


def _settings(lab: Lab, *, mended: bool) -> RunSettings:
    settings = RunSettings(
        model=lab.models[mended] or SERVER + lab.name,
        port=0,
        backlog=lab.backlog,
        short=lab.short[mended],
        limits=lab.limits,
        tick_s=lab.tick_s[mended],
    )
    return settings if lab.models[mended] else replace(settings, serve_options={"mended": mended})


def _begin(run: Run, mended: bool, on_events: Callable[[Run, list[Event]], None]) -> Stage:
    ends_s = monotonic() + START_S
    while run.status().phase != "serving":
        on_events(run, run.poll())
        if run.status().phase == "dead" or monotonic() > ends_s:
            words = run.status().last_words or ("it did not begin in time",)
            raise LabError(f"its server cannot serve: {words[-1]}")
        sleep(BEAT_S)
    where = urlsplit(run.url)
    assert where.hostname is not None
    assert where.port is not None
    stage = Stage(mended, (where.hostname, where.port))
    _show(run, stage)
    return stage


def _show(run: Run, stage: Stage) -> None:
    stage.show(run.snapshot(), run.numbers(SAMPLE_S), run.status().engine_pid)


def _perform(lab: Lab, stage: Stage, failures: list[BaseException]) -> None:
    try:
        lab.play(stage)
    except (
        BaseException
    ) as error:  # told by the main thread: a script that fails is a lab that fails
        failures.append(error)
