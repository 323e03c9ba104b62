"""Recordings: the header, and what is left when the writer is cut short."""

import json
from pathlib import Path

import pytest

from engine.events import Event, Kind
from engine.models import MODELS, edition_of
from engine.recordings.recording import VERSION, Recording

COMMAND = ["servetui", "serve", "-m", "thread"]
EVENTS = [Event(n, 1_000 + n, Kind.RECV, 5, 6, 7, "Thread-1", n, 40, f"note {n}") for n in range(9)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.servetui"


def read(data: bytes) -> tuple[dict[str, object], list[Event]]:
    """The header and the events of all whole lines."""
    header, *lines = data[: data.rindex(b"\n")].decode().split("\n")
    return json.loads(header), [Event.from_json(line) for line in lines]


def test_a_recording_begins_with_its_header(path: Path) -> None:
    recording = Recording(path, "thread", COMMAND)
    pages = {name: edition_of(name) for name in MODELS}
    assert read(path.read_bytes()) == (
        {"servetui": VERSION, "model": "thread", "command": COMMAND, "pages": pages},
        [],
    )
    recording.close()


def test_events_are_in_the_file_when_write_returns(path: Path) -> None:
    recording = Recording(path, "thread", COMMAND)
    recording.write(EVENTS[:4])
    assert read(path.read_bytes())[1] == EVENTS[:4]
    recording.write(EVENTS[4:])
    recording.write([])
    assert read(path.read_bytes())[1] == EVENTS
    recording.close()
    assert read(path.read_bytes())[1] == EVENTS


def test_it_is_readable_up_to_the_last_whole_line_wherever_it_is_cut(path: Path) -> None:
    recording = Recording(path, "thread", COMMAND)
    recording.write(EVENTS)
    recording.close()
    whole = path.read_bytes()
    for end in range(whole.index(b"\n") + 1, len(whole) + 1):
        header, events = read(whole[:end])
        assert header["model"] == "thread"
        assert events == EVENTS[: whole[:end].count(b"\n") - 1]


def test_a_folder_that_is_missing_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        Recording(tmp_path / "nowhere" / "run", "thread", COMMAND)
