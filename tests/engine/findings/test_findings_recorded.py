"""Each finding is told in the recording of a run in which its failure happened, and not in one, hardly
other, in which it did not. The recordings are made by tests/make_findings_recordings.py."""

from pathlib import Path

import pytest

from engine.findings.finding import Finding
from engine.findings.rules import FINDING_IDS
from engine.recordings.replay import Replay
from tests.engine.still_clock import Clock
from tests.recorded_findings import BRANCHES, FIRES, FOLDER, SILENT, STEP_NS, place, unpacked

BYTES_MOST = 16_000


def found_in(file: Path) -> dict[str, Finding]:
    """As each was told last."""
    clock = Clock()
    replay = Replay(file, clock)
    found: dict[str, Finding] = {}
    looks = set()
    while not replay.is_over:
        clock.ns += STEP_NS
        replay.poll()
        looks.add(replay.looked.now_ns)
        for one in replay.findings():
            found[one.id] = one
    assert len(looks) > 2, "a recording without looks tells of none"
    return found


@pytest.mark.parametrize("finding", FINDING_IDS)
def test_it_is_told_where_it_happened(finding: str, tmp_path: Path) -> None:
    told = found_in(unpacked(finding, FIRES, tmp_path))[finding]
    assert told.conns or told.pids or finding in ("accept-queue", "time-wait", "engine-died")
    assert any(letter.isdigit() for letter in told.text)


@pytest.mark.parametrize("finding", FINDING_IDS)
def test_it_is_not_told_where_it_did_not(finding: str, tmp_path: Path) -> None:
    assert finding not in found_in(unpacked(finding, SILENT, tmp_path))


@pytest.mark.parametrize(("finding", "kind"), BRANCHES)
def test_it_is_told_in_its_other_words_too(finding: str, kind: str, tmp_path: Path) -> None:
    told = found_in(unpacked(finding, kind, tmp_path))[finding]
    assert BRANCHES[finding, kind] in told.text
    assert told.pids


def test_there_are_no_recordings_of_other_findings_and_none_is_large() -> None:
    files = {place(finding, kind) for finding in FINDING_IDS for kind in (FIRES, SILENT)}
    files |= {place(finding, kind) for finding, kind in BRANCHES}
    assert set(FOLDER.iterdir()) == files
    assert all(file.stat().st_size < BYTES_MOST for file in files)


def test_a_jump_finds_what_was_told_then(tmp_path: Path) -> None:
    replay = Replay(unpacked("head-of-line", FIRES, tmp_path), Clock())
    replay.jump(replay.length_s)
    assert [one.id for one in replay.findings()] == ["head-of-line"]
    (blocker, *_) = replay.findings()[0].conns
    detail = replay.detail(blocker)
    assert detail
    assert detail.kernel
    replay.jump(0.0)
    assert replay.findings() == ()
