"""Where the recordings of findings lie, and how they are read: made by make_findings_recordings.py."""

import lzma
from pathlib import Path

FOLDER = Path(__file__).parent / "recordings" / "findings"
FIRES, SILENT = "fires", "silent"
BRANCHES = {
    ("descriptor-limit", "spins"): "for want of a descriptor",
    ("loop-blocked", "rests"): "The loop rests",
}
"""Findings that have more to say than one thing: finding and kind of one more recording in which it fires ->
words of what it has to say there."""
STEP_NS = 50_000_000  # at which they are played: less than between two looks


def place(finding: str, kind: str) -> Path:
    """The file of a finding, in which it fires or is silent."""
    return FOLDER / f"{finding}.{kind}.jsonl.xz"


def unpacked(finding: str, kind: str, folder: Path) -> Path:
    """The same as a recording that can be played."""
    file = folder / f"{finding}.{kind}.jsonl"
    file.write_bytes(lzma.decompress(place(finding, kind).read_bytes()))
    return file
