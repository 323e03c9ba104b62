"""The vocabulary: escaped texts, the JSON form, the records on the wire."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import (
    LIFE,
    NOTE_CHARS,
    RECORD,
    RECORD_BYTES,
    TEXT,
    TEXT_KIND,
    TEXT_PIECE_BYTES,
    WRITER_KIND,
    Event,
    Kind,
    Unreported,
    printable,
    text_records,
)

WORDS = st.integers(0, 2**64 - 1)
EVENTS = st.builds(
    Event,
    seq=WORDS,
    at_ns=WORDS,
    kind=st.sampled_from(Kind),
    conn=WORDS,
    fd=st.integers(-1, 2**31 - 1),
    pid=st.integers(1, 2**31 - 1),
    task=st.text().map(printable),
    bytes=WORDS,
    line=st.integers(0, 2**16 - 1),
    note=st.text().map(printable),
)


@given(st.text(max_size=500), st.integers(3, 300))
def test_what_is_printable_is_ascii_without_control_codes(text: str, most: int) -> None:
    shown = printable(text, most)
    assert all(" " <= letter <= "~" for letter in shown)
    assert len(shown) <= most


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=NOTE_CHARS))
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("GET /\x1b[2J", r"GET /\x1b[2J"),
        ("a\nb\tc\0", r"a\nb\tc\x00"),
        ("\x7f\x9b", r"\x7f\x9b"),
        ("10 €", r"10 \u20ac"),
        ("😀", r"\U0001f600"),
        ("\udc80", r"\udc80"),  # an undecodable byte, as surrogateescape reads it
    ],
)
def test_the_rest_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_what_grows_too_long_ends_in_dots() -> None:
    assert printable("\n" * NOTE_CHARS).endswith("...")
    assert len(printable("\n" * NOTE_CHARS)) == NOTE_CHARS


@given(EVENTS)
def test_json_and_back(event: Event) -> None:
    line = event.to_json()
    assert "\n" not in line
    assert Event.from_json(line) == event


def test_json_names_every_field_and_the_kind_in_lower_case() -> None:
    event = Event(0, 7, Kind.ACCEPT, 1, 3, 4, "MainThread", 0, 12, "127.0.0.1:5000")
    assert json.loads(event.to_json()) == {
        "seq": 0,
        "at_ns": 7,
        "kind": "accept",
        "conn": 1,
        "fd": 3,
        "pid": 4,
        "task": "MainThread",
        "bytes": 0,
        "line": 12,
        "note": "127.0.0.1:5000",
    }


@pytest.mark.parametrize(
    "line",
    ["", "{", "5", "[]", "{}", '"accept"', '{"kind": 5}', '{"kind": "x"}', '{"kind":"tick"}'],
)
def test_what_is_no_event_is_a_value_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Event.from_json(line)


def test_life_and_detail() -> None:
    detail = {Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND, Kind.TICK}
    assert set(Kind) - LIFE == detail


def test_records_of_all_kinds_have_one_size_and_kinds_are_no_markers() -> None:
    assert RECORD_BYTES == RECORD.size == TEXT.size
    assert all(TEXT_KIND < kind < WRITER_KIND for kind in Kind)


@given(st.integers(1, 65535), st.text(max_size=400))
def test_a_text_travels_in_pieces(number: int, text: str) -> None:
    records = [TEXT.unpack(record) for record in text_records(number, text)]
    assert {(kind, of) for kind, _, of, _ in records} == {(TEXT_KIND, number)}
    assert [length <= TEXT_PIECE_BYTES for _, length, _, _ in records][:-1] == [False] * (
        len(records) - 1
    )
    arrived = b"".join(piece[:length] for _, length, _, piece in records)
    assert arrived == text.encode("ascii", "replace")[:255]


def test_unreported_events_add_up() -> None:
    one = Unreported()
    one.dropped[Kind.SEND] = 2
    one.bytes[Kind.SEND] = 300
    two = Unreported(life_lost=1)
    two.thinned[Kind.SEND] = 5
    two.dropped[Kind.ACCEPT] = 1
    both = one + two
    assert (both.count(Kind.SEND), both.count(Kind.ACCEPT), both.total()) == (7, 1, 8)
    assert (both.bytes[Kind.SEND], both.life_lost) == (300, 1)
