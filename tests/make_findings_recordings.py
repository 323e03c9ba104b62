"""Records, for each finding, a run in which it must be told and one in which it must not, from the labs.

    python -m tests.make_findings_recordings [FINDING ...]

A lab's act with the fault, and its act with the fault mended, as the program records them; cut off soon
after the finding was told, and compressed. tests/engine/findings/test_findings_recorded.py plays them.
"""

import lzma
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from engine.events import Event, Kind
from engine.findings.rules import FINDING_IDS
from engine.labs import LABS
from engine.labs.acting import play_act
from engine.labs.playing import load
from engine.labs.stage import Stage
from engine.recordings.recording import Recording
from engine.recordings.replay import Replay
from engine.recordings.teller import Teller
from engine.running.run import Run
from tests.engine.still_clock import Clock
from tests.recorded_findings import BRANCHES, FIRES, SILENT, STEP_NS, place

TOLD_FOR_S = 0.4  # so much of a recording is kept after the finding was told
SILENT_S = 2.5  # and so much of one in which nothing happens
EACH_S = 60.0
OF_LAB = {
    "engine-died": "aborted-in-queue",
    "loop-blocked": "blocked-loop",
    "busy-polling": "ghost-in-epoll",
}
"""Finding -> which of the labs that provoke it tells it best, and in few events."""
FIRES_MENDED = ("descriptor-limit",)
"""These are told in the mended act as well, and there not among thousands of failed calls."""
BRANCH_LABS = {"spins": "no-descriptors", "rests": "pause-per-round"}
"""Kind of a recording -> the lab whose act with the fault it is."""
SPINS_EACH = 50
"""Of so many turns and failed calls of a loop that spins one is kept, or the file is large."""
SILENT_LABS = {"descriptor-limit": "descriptor-leak"}
"""Finding -> the lab whose mended act is silent, where that is not the lab of the finding."""


def lab_of(finding: str) -> str:
    """One that provokes it."""
    return OF_LAB.get(finding) or next(name for name in LABS if load(name).finding == finding)


def record(lab: str, file: Path, *, mended: bool) -> None:
    """Play an act of a lab, and keep what it told."""
    tellers: list[tuple[Recording, Teller]] = []

    def keep(run: Run, events: list[Event]) -> None:
        if not tellers:
            run.whole = True
            status = run.status()
            out = Recording(
                file, status.model, ["servetui", "lab", lab], url=status.url, mode=status.mode
            )
            tellers.append((out, Teller(out, status.mode, run.state.unreported)))
        out, _ = tellers[0]
        out.write(events)

    def look(run: Run, _stage: Stage, _seconds: float) -> None:
        _, teller = tellers[0]
        teller.look(run.looked, run.unread_since_ns())

    act = play_act(load(lab), mended=mended, on_beat=look, on_events=keep)
    tellers[0][0].close()
    if not act.holds:
        raise SystemExit(f"{lab}: what it claims does not hold; try again")


def told_at_s(file: Path, finding: str, words: str = "") -> float | None:
    """When the finding is told for the first time, in these words; None: it is not."""
    clock = Clock()
    replay = Replay(file, clock)
    while not replay.is_over:
        if any(one.id == finding and words in one.text for one in replay.findings()):
            return replay.at_s
        clock.ns += STEP_NS
        replay.poll()
    return None


def cut(file: Path, seconds: float | None) -> bytes:
    """The lines of a recording up to a time; None: so long after the first client came as is enough."""
    header, *lines = file.read_bytes().splitlines(keepends=True)
    events = [Event.from_json(line.decode()) for line in lines]
    end_ns = events[0].at_ns + ((seconds or 0.0) + TOLD_FOR_S) * 1e9
    if seconds is None:
        first_ns = next(one.at_ns for one in events if one.kind is Kind.ACCEPT)
        end_ns = first_ns + SILENT_S * 1e9
    kept = next((at for at, one in enumerate(events) if one.at_ns > end_ns), len(events))
    return b"".join([header, *lines[:kept]])


def thinned(recording: bytes) -> bytes:
    """With a few of its turns and failed calls."""
    header, *lines = recording.splitlines(keepends=True)
    kept: list[bytes] = [header]
    spins: Counter[Kind] = Counter()
    for line in lines:
        event = Event.from_json(line.decode())
        if event.kind is Kind.ERROR or event.note.startswith("turn "):
            spins[event.kind] += 1
            if spins[event.kind] % SPINS_EACH:
                continue
        kept.append(line)
    return b"".join(kept)


def make(finding: str, kind: str, folder: Path) -> None:
    """One recording; tries again when the machine was too busy for the finding to show, or not to."""
    fires, words = kind != SILENT, BRANCHES.get((finding, kind), "")
    usual = lab_of(finding) if fires else SILENT_LABS.get(finding, lab_of(finding))
    lab = BRANCH_LABS.get(kind, usual)
    is_broken = kind in BRANCH_LABS or (fires and finding not in FIRES_MENDED)
    mended = "" if is_broken else "mended"
    raw = folder / "raw.jsonl"
    for _ in range(3):
        # A private network cannot be left again: each act has a process of its own.
        command = [sys.executable, "-m", __spec__.name, "--act", lab, str(raw), mended]
        if subprocess.run(command, check=False, timeout=EACH_S).returncode:
            continue
        at_s = told_at_s(raw, finding, words)
        if (at_s is not None) is fires:
            break
    else:
        raise SystemExit(
            f"{finding}: no run in which it {'fires' if fires else 'is silent'} in three of {lab}"
        )
    file, kept = place(finding, kind), cut(raw, at_s)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(lzma.compress(thinned(kept) if kind == "spins" else kept, preset=9))
    print(f"{file.name}  {file.stat().st_size:,} bytes, of {lab}", flush=True)


def main(words: list[str]) -> None:
    """Make those of the findings that are named, or of all."""
    if words[:1] == ["--act"]:
        _, lab, file, mended = words
        record(lab, Path(file), mended=bool(mended))
        return
    with tempfile.TemporaryDirectory() as folder:
        for finding in words or FINDING_IDS:
            branches = [kind for one, kind in BRANCHES if one == finding]
            for kind in (FIRES, SILENT, *branches):
                make(finding, kind, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
