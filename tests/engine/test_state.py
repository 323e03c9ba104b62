"""The fold: scenarios as files (tests/scenarios/), and what holds for any events whatever.

A line of a scenario's events: time in ms, kind, connection, then fields; `_` in a note is a space.
"""

import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.connection import STEPS
from engine.events import Event, Kind, Unreported
from engine.snapshot import (
    STRIP_CELL_NS,
    STRIP_CELLS,
    STRIP_LETTERS,
    ConnectionView,
    State,
)
from engine.state import CLOSED_KEPT, CLOSED_KEPT_NS, ServerState

SCENARIOS = sorted((Path(__file__).parent.parent / "scenarios").glob("*.toml"))
MS = 1_000_000
SECOND = 1_000 * MS
EMPTY = Event(0, 0, Kind.TICK, 0, 5, 10, "MainThread", 0, 0, "")


def event(kind: Kind, conn: int, at_ns: int, **fields: Any) -> Event:
    return EMPTY._replace(kind=kind, conn=conn, at_ns=at_ns, **fields)


def read(line: str) -> Event:
    at_ms, kind, conn, *words = line.split()
    fields: dict[str, Any] = dict(word.split("=", 1) for word in words)
    texts = {
        name: fields.pop(name).replace("_", " ") for name in ("note", "task") if name in fields
    }
    numbers = {name: int(value) for name, value in fields.items()}
    return event(Kind[kind.upper()], int(conn), int(at_ms) * MS, **numbers, **texts)


def differences(expected: dict[str, Any], actual: Any, path: str) -> list[str]:
    """Where `actual` is not as expected; only what is named is compared."""
    found = []
    for name, value in expected.items():
        got = actual[name] if isinstance(actual, dict) else getattr(actual, name)
        if isinstance(got, State):
            got = got.name
        if isinstance(value, dict):
            found += differences(value, got, f"{path}{name}.")
        elif got != value:
            found.append(f"{path}{name}: {got!r}, expected {value!r}")
    return found


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_scenario(path: Path, at_once: bool) -> None:
    scenario = tomllib.loads(path.read_text())
    events = [read(line) for line in scenario["events"].strip().splitlines()]
    state = ServerState()
    for batch in [events] if at_once else [[each] for each in events]:
        state.fold(batch)
    snapshot = state.snapshot(scenario["at_ms"] * MS)
    expected = scenario["expect"]
    views = {str(view.conn): view for view in snapshot.connections}
    found = differences(expected.pop("connections", {}), views, "connections.")
    assert found + differences(expected, snapshot, "") == [], scenario["about"]


# --- whatever happens ------------------------------------------------------------------------------

HOSTILE_NOTES = st.sampled_from(
    [
        *("", " ", "process", "process x", "process -1", "process 2 exit 1", "process 3 exit 0"),
        *("process 3 killed by signal 9", "thread", "thread a", "client closed first", "lost 3"),
        *("wakeups 1 would-block 2", "wakeups x", "thinned", "thinned requests 1 in 2 out 3"),
        "thinned 1 1 1 1 1 1 1 1",
    ]
)
ANY_EVENT = st.builds(
    event,
    kind=st.sampled_from(Kind),
    conn=st.integers(0, 4),
    at_ns=st.integers(1, 20 * SECOND),
    pid=st.integers(1, 4),
    bytes=st.integers(0, 500),
    note=HOSTILE_NOTES,
)


@settings(max_examples=300)
@given(st.lists(ANY_EVENT, max_size=60), st.integers(0, 20 * SECOND))
def test_the_fold_never_raises_and_counts_every_event(events: list[Event], now_ns: int) -> None:
    state = ServerState()
    state.fold(events)
    snapshot = state.snapshot(now_ns)
    assert state.counts == {kind: Counter(each.kind for each in events)[kind] for kind in Kind}
    counts = snapshot.counts
    assert counts.events == len(events)
    known = [each for each in events if each.conn]
    assert counts.bytes_out == sum(each.bytes for each in known if each.kind is Kind.SEND)
    assert counts.bytes_in == sum(each.bytes for each in known if each.kind is Kind.RECV)
    assert len({view.row for view in snapshot.connections}) == len(snapshot.connections)
    assert all(len(view.strip) == STRIP_CELLS for view in snapshot.connections)
    assert {letter for view in snapshot.connections for letter in view.strip} <= set(STRIP_LETTERS)


def lives(draws: list[Event]) -> list[Event]:
    """The events a ms apart; each connection begins with one accept and has at most one close."""
    once: set[tuple[int, Kind]] = set()
    kept = []
    for number, each in enumerate(draws):
        kind = each.kind
        if each.conn and (each.conn, Kind.ACCEPT) not in once:
            kind = Kind.ACCEPT
        elif kind in (Kind.ACCEPT, Kind.CLOSE) and (not each.conn or (each.conn, kind) in once):
            continue
        once.add((each.conn, kind))
        kept.append(each._replace(kind=kind, at_ns=(number + 1) * MS))
    return kept


@settings(max_examples=300)
@given(st.lists(ANY_EVENT, max_size=80).map(lives))
def test_open_is_what_the_table_holds(events: list[Event]) -> None:
    state = ServerState()
    for each in events:
        state.fold([each])
        shown = sum(not one.closed_ns for one in state.connections.values())
        assert state.snapshot(each.at_ns, 0, 0).counts.open == shown


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 10)), max_size=80))
def test_a_walk_along_the_table_has_no_illegal_step(choices: list[tuple[int, int]]) -> None:
    state = ServerState()
    unsent: Counter[int] = Counter()
    for number, (conn, choice) in enumerate(choices):
        connection = state.connections.get(conn)
        kind = Kind.ACCEPT
        if connection is not None:
            allowed = sorted(STEPS[connection.state])
            kind = allowed[choice % len(allowed)]
        state.fold([event(kind, conn, number, bytes=choice)])
        unsent[conn] += choice if kind is Kind.RESPONSE else 0
    assert state.snapshot(len(choices)).counts.illegal_steps == 0


def test_every_state_can_end_and_nothing_leaves_the_last() -> None:
    for state, steps in STEPS.items():
        assert (Kind.CLOSE in steps) is (state is not State.CLOSED)
    assert set(STEPS[State.CLOSED].values()) == {State.CLOSED}


# --- what is kept, and for how long ------------------------------------------------------------------


def closed(state: ServerState, count: int, at_ns: int = 1) -> None:
    """`count` connections that were opened and closed."""
    for conn in range(1, count + 1):
        state.fold([event(Kind.ACCEPT, conn, at_ns), event(Kind.CLOSE, conn, at_ns)])


def test_a_closed_connection_is_seen_for_three_seconds() -> None:
    state = ServerState()
    closed(state, 1)
    assert state.snapshot(CLOSED_KEPT_NS + 1).rows == 1
    assert state.snapshot(CLOSED_KEPT_NS + 2).rows == 0
    assert state.connections == {}


def test_at_most_so_many_closed_connections_are_kept() -> None:
    state = ServerState()
    closed(state, CLOSED_KEPT + 50)
    state.fold([event(Kind.ACCEPT, 10_000, 1)])
    snapshot = state.snapshot(1)
    assert len(snapshot.connections) == CLOSED_KEPT + 1
    assert [view.conn for view in snapshot.connections if not view.closed_ns] == [10_000]
    assert snapshot.counts.closed == CLOSED_KEPT + 50


def test_rows_hold_still_and_free_ones_are_used_again() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, conn, 0) for conn in range(1, 6)])
    state.fold([event(Kind.CLOSE, 2, 1), event(Kind.CLOSE, 5, 1)])
    assert [view.row for view in state.snapshot(4 * SECOND).connections] == [0, 2, 3]
    assert state.snapshot(4 * SECOND).rows == 4
    state.fold([event(Kind.ACCEPT, conn, 4 * SECOND) for conn in (7, 8)])
    rows = {view.conn: view.row for view in state.snapshot(4 * SECOND).connections}
    assert rows == {1: 0, 7: 1, 3: 2, 4: 3, 8: 4}


def test_the_window_is_a_part_of_the_rows() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, conn, 0) for conn in range(1, 31)])
    snapshot = state.snapshot(0, first_row=10, rows=5)
    assert [view.conn for view in snapshot.connections] == [11, 12, 13, 14, 15]
    assert (snapshot.first_row, snapshot.rows) == (10, 30)
    assert state.snapshot(0, 28, 10).connections[-1].conn == 30
    assert state.snapshot(0, 100, 10).connections == ()
    assert state.snapshot(0, 0, 0).connections == ()


# --- strips ------------------------------------------------------------------------------------------


def strip(events: list[Event], now_cell: int) -> str:
    state = ServerState()
    state.fold(events)
    (view,) = state.snapshot(now_cell * STRIP_CELL_NS).connections
    return view.strip


def in_cell(cell: int, kind: Kind, **fields: Any) -> Event:
    return event(kind, 1, cell * STRIP_CELL_NS, **fields)


ASKED = [
    in_cell(0, Kind.ACCEPT),
    in_cell(1, Kind.RECV, bytes=5),
    in_cell(3, Kind.RECV, bytes=5),
    in_cell(3, Kind.REQUEST),
]
ANSWERED = [*ASKED, in_cell(6, Kind.RESPONSE, bytes=9), in_cell(6, Kind.SEND, bytes=9)]


@pytest.mark.parametrize(
    ("events", "now_cell", "letters"),
    [
        (ASKED[:1], 0, "A"),
        (ASKED[:1], 3, "AAAA"),
        (ASKED[:2], 2, "Arr"),
        (ASKED, 5, "ArrHHH"),
        (ANSWERED, 8, "ArrHHHs__"),
        ([*ASKED, in_cell(4, Kind.RESPONSE, bytes=9)], 6, "ArrHSSS"),
        ([*ANSWERED, in_cell(8, Kind.CLOSE, note="client closed first")], 10, "ArrHHHs_x  "),
        ([*ANSWERED, in_cell(8, Kind.CLOSE, note="server closed first")], 8, "ArrHHHs_X"),
        ([*ANSWERED, in_cell(7, Kind.TICK, note="lost 3")], 8, "ArrHHHs~_"),
        (ANSWERED, 40, "_" * STRIP_CELLS),
        ([*ANSWERED, in_cell(60, Kind.RECV, bytes=1)], 61, "_" * 18 + "rr"),
    ],
)
def test_the_letters_of_a_strip(events: list[Event], now_cell: int, letters: str) -> None:
    assert strip(events, now_cell) == letters.rjust(STRIP_CELLS)


def test_of_all_that_happened_in_a_cell_it_shows_what_stands_first_in_the_table() -> None:
    steps = [
        (in_cell(1, Kind.RECV, bytes=9), "r"),
        (in_cell(1, Kind.REQUEST), "H"),
        (in_cell(1, Kind.RESPONSE, bytes=9), "S"),
        (in_cell(1, Kind.SEND, bytes=9), "s"),  # nothing is unsent any more
        (in_cell(1, Kind.RECV, bytes=9), "s"),
        (in_cell(1, Kind.REQUEST), "H"),
        (in_cell(1, Kind.TICK, note="lost 3"), "~"),
        (in_cell(1, Kind.CLOSE, note="client closed first"), "x"),
    ]
    events = [in_cell(0, Kind.ACCEPT)]
    for one, letter in steps:
        events.append(one)
        assert strip(events, 1).strip() == f"A{letter}"
    together = strip([in_cell(1, Kind.ACCEPT), *events[1:7]], 1).strip()
    assert together == "A"
    assert "".join(STRIP_LETTERS).startswith("XxA~SHsr_")


# --- rates -------------------------------------------------------------------------------------------


def requests(state: ServerState, count: int, from_ns: int, to_ns: int) -> None:
    step = (to_ns - from_ns) // count
    state.fold([event(Kind.REQUEST, 0, from_ns + number * step) for number in range(count)])


def test_a_steady_flow_has_its_rate() -> None:
    state = ServerState()
    requests(state, 5_000, 0, 5 * SECOND)
    snapshot = state.snapshot(5 * SECOND)
    assert snapshot.requests_per_s == pytest.approx(1_000, rel=0.02)
    assert snapshot.events_per_s == pytest.approx(1_000, rel=0.02)
    assert snapshot.requests_history == (1_000,) * 5


@pytest.mark.parametrize("frame_ns", [70 * MS, 500 * MS, 3 * SECOND, 60 * SECOND])
def test_rates_decay_to_nothing_although_nothing_comes(frame_ns: int) -> None:
    state = ServerState()
    requests(state, 1_000, 0, SECOND)
    now_ns = SECOND
    while now_ns < 3 * SECOND:
        now_ns += frame_ns
        snapshot = state.snapshot(now_ns)
    assert snapshot.requests_per_s == 0
    assert snapshot.events_per_s == 0


def test_a_silence_is_seen_in_the_history() -> None:
    state = ServerState()
    requests(state, 10, 0, SECOND)
    requests(state, 20, 4 * SECOND, 5 * SECOND)
    assert state.snapshot(5 * SECOND).requests_history == (10, 0, 0, 0, 20)


def test_what_was_not_reported_counts_in_totals_and_rates() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 1, 0)])
    unreported = Unreported(Counter({Kind.SEND: 5}), Counter({Kind.SEND: 7}))
    state.note_unreported(replace(unreported, bytes=Counter({Kind.SEND: 1_200})))
    snapshot = state.snapshot(100 * MS)
    assert (snapshot.counts.lost, snapshot.counts.thinned) == (5, 7)
    assert (snapshot.counts.events, snapshot.counts.bytes_out) == (13, 1_200)
    assert snapshot.bytes_out_per_s > 0


def test_snapshots_do_not_change_afterwards() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 1, 0)])
    before = state.snapshot(0)
    state.fold([event(Kind.RECV, 1, 1, bytes=5), event(Kind.CLOSE, 1, 2)])
    (view,) = before.connections
    assert isinstance(view, ConnectionView)
    assert (view.state, view.bytes_in, before.counts.closed) == (State.ACCEPTED, 0, 0)
    assert before.numbers == {1: 1}


def test_events_keep_the_number_of_a_connection_whose_row_is_gone() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 7, 0), event(Kind.CLOSE, 7, 1, note="client closed first")])
    later = state.snapshot(CLOSED_KEPT_NS + SECOND)
    assert later.connections == ()
    assert later.numbers == {7: 1}


@pytest.mark.parametrize(
    ("note", "after", "silent_s"),
    [
        ("server closed first", 6, 5),
        ("server closed first: client silent", 6, 5),
        ("server closed first: last answer", 6, 0),
        ("client closed first", 6, 0),
        ("server closed first", 1, 0),  # at once: something else ended it
    ],
)
def test_for_how_long_a_client_was_silent_when_it_was_closed(
    note: str, after: int, silent_s: int
) -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 7, 0), event(Kind.RECV, 7, SECOND, bytes=5)])
    state.fold([event(Kind.CLOSE, 7, after * SECOND, note=note)])
    (view,) = state.snapshot(after * SECOND).connections
    assert view.silent_ns == silent_s * SECOND


def test_a_request_in_the_handler_is_no_silence_of_its_client() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 7, 0), event(Kind.RECV, 7, 1, bytes=5)])
    state.fold(
        [event(Kind.REQUEST, 7, 1), event(Kind.CLOSE, 7, 9 * SECOND, note="server closed first")]
    )
    assert state.snapshot(9 * SECOND).connections[0].silent_ns == 0


def test_wakeups_are_told_a_second_across_engines() -> None:
    state = ServerState()
    state.fold([event(Kind.TICK, 0, SECOND, note="wakeups 30 would-block 60 sockets 1")])
    state.fold([event(Kind.LISTEN, 0, SECOND, pid=11)])
    state.fold([event(Kind.TICK, 0, 2 * SECOND, pid=11, note="wakeups 5 would-block 10 sockets 1")])
    now = state.snapshot(2 * SECOND)
    assert now.would_block_per_s == 2 * now.wakeups_per_s > 0
    assert (now.counts.wakeups, now.counts.would_block) == (5, 10)


def test_wakeups_are_those_of_the_running_engine() -> None:
    state = ServerState()
    state.fold([event(Kind.TICK, 0, 1, note="wakeups 3 would-block 4 sockets 1")])
    assert state.snapshot(2).counts.would_block == 4
    state.fold([event(Kind.LISTEN, 0, 3, pid=11)])
    assert (state.snapshot(4).counts.wakeups, state.snapshot(4).counts.would_block) == (0, 0)


def test_what_the_parent_gives_up_is_not_the_last_event_of_a_connection() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 7, 0), event(Kind.RECV, 7, 1, bytes=5, pid=11)])
    state.fold([event(Kind.RELEASE, 7, 2)])
    assert state.snapshot(3).connections[0].last == "recv 5"


def test_a_child_killed_before_it_received_anything_is_cut_off() -> None:
    state = ServerState()
    state.fold(
        [
            event(Kind.ACCEPT, 7, 0, pid=10),
            event(Kind.SPAWN, 0, 1, pid=10, note="process 11"),
            event(Kind.RELEASE, 7, 2, pid=10),
            event(Kind.EXIT, 0, 3, pid=10, note="process 11 killed by signal 9"),
        ]
    )
    assert state.snapshot(4).counts.cut == 1
    assert state.snapshot(4).connections[0].last == "cut: its process was killed"
