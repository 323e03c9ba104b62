"""Percentiles of the rooms: of so many finished waits that they say something."""

import pytest

from engine.events import Kind
from engine.fold.state import ServerState
from engine.views.snapshot import Room
from tests.engine.made import MS, event


def rooms_after(requests: int) -> dict[str, Room]:
    """One client after another, each with a request that is in the handler for 1 ms, 2 ms and so on."""
    state = ServerState()
    now_ns = MS
    for number in range(1, requests + 1):
        answered_ns = now_ns + number * MS
        state.fold(
            [
                event(Kind.ACCEPT, number, now_ns),
                event(Kind.RECV, number, now_ns, bytes=9, note="unread for 500 us"),
                event(Kind.REQUEST, number, now_ns, note="GET /"),
                event(Kind.RESPONSE, number, answered_ns, bytes=5, note="200"),
                event(Kind.SEND, number, answered_ns, bytes=5),
                event(Kind.CLOSE, number, answered_ns, note="client closed first"),
            ]
        )
        now_ns = answered_ns
    return state.snapshot(now_ns).rooms


@pytest.mark.parametrize(
    ("requests", "p50_ms", "p99_ms"),
    [
        (4, None, None),
        (19, None, None),
        (20, 10.0, None),
        (999, 500.0, None),
        (1_000, 500.0, 990.0),
    ],
)
def test_a_percentile_has_ten_waits_above_it(
    requests: int, p50_ms: float | None, p99_ms: float | None
) -> None:
    room = rooms_after(requests)["handler"]
    assert (room.p50_ms, room.p99_ms) == (p50_ms, p99_ms)


def test_so_it_is_in_the_rooms_before_the_handler() -> None:
    few, some, many = (rooms_after(requests) for requests in (19, 20, 1_000))
    for name in ("accept_queue", "unread"):
        assert (few[name].p50_ms, some[name].p99_ms) == (None, None)
        assert some[name].p50_ms is not None
        assert many[name].p99_ms is not None
