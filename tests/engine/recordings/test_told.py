"""What a recording tells beside the events comes back as it was."""

import json
from dataclasses import asdict

import pytest

from engine.events import Event, Kind
from engine.recordings.told import TELLER, MalformedError, told
from engine.views.kernel_numbers import QUEUES_MOST, AcceptQueue, KernelNumbers
from engine.views.snapshot import Room


def a_line(values: object) -> Event:
    note = f"kernel {json.dumps(values)}"
    return Event(0, 1, Kind.TICK, 0, -1, 1, TELLER, 0, 0, note)


def test_kernel_numbers_come_back() -> None:
    rooms = {"accept_queue": Room(3, 402.5, limit=128), "unread": Room(1, None)}
    queues = (AcceptQueue(7, 3, 128), AcceptQueue(9, 0, 128))
    waits = {"127.0.0.1:40112": 402.5, "[::1]:40114": 7}
    numbers = KernelNumbers(
        rooms=rooms, accept_queue_ms=waits, unread_bytes=83, listen_drops=2, queues=queues
    )
    assert told(a_line(asdict(numbers))) == numbers


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"rooms": []},
        {"rooms": {"unread": 3}},
        {"rooms": {"unread": {"now": -1, "longest_ms": 0}}},
        {"rooms": {}, "unread_bytes": "many"},
        {"rooms": {}, "queues": {}},
        {"rooms": {}, "queues": [7]},
        {"rooms": {}, "queues": [{"listener": 7}]},
        {"rooms": {}, "queues": [{"listener": 7, "length": "3", "limit": 128}]},
        {"rooms": {}, "queues": [asdict(AcceptQueue(7, 3, 128))] * (QUEUES_MOST + 1)},
        {"rooms": {}, "accept_queue_ms": [1]},
        {"rooms": {}, "accept_queue_ms": {"127.0.0.1:40112": -1}},
    ],
)
def test_what_nothing_of_ours_writes_is_refused(values: object) -> None:
    with pytest.raises(MalformedError):
        told(a_line(values))
