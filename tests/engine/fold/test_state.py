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

from engine.events import Event, Kind, Unreported
from engine.fold.connection import STEPS
from engine.fold.state import ServerState
from engine.fold.table import CLOSED_KEPT_NS
from engine.views.snapshot import (
    STRIP_CELLS,
    STRIP_LETTERS,
    ConnectionView,
    State,
)
from tests.engine.made import MS, SECOND, event

SCENARIOS = sorted((Path(__file__).parents[2] / "scenarios").glob("*.toml"))


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


def test_what_the_parent_gives_up_is_not_the_last_event_of_a_connection() -> None:
    state = ServerState()
    state.fold([event(Kind.ACCEPT, 7, 0), event(Kind.RECV, 7, 1, bytes=5, pid=11)])
    state.fold([event(Kind.RELEASE, 7, 2)])
    assert state.snapshot(3).connections[0].last == "recv 5"
