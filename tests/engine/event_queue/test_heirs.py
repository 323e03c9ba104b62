"""Writers that a process makes for its children: ready before the fork, one child after another."""

import contextlib
import gc
import os
import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from engine.event_queue.heirs import Heir, Heirs
from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import HELD, OWNERS, RING, SLOTS, SharedMemory
from engine.events import RECV_REQUEST, Kind, text_records
from engine.serving.rehearsal import ROUNDS, plain_connections, rehearse
from engine.serving.service import Service, Settings
from tests.support import OneTask


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    memory = SharedMemory.create()
    memory.claim()  # the large ring is the parent's
    yield memory
    memory.close()


def in_a_child(heirs: Heirs, *notes: str, killed: bool = False) -> int:
    """Fork a child that reports these; its pid, once it has ended."""
    others = set(threading.enumerate()) - {threading.main_thread()}
    assert all(thread.daemon for thread in others)  # as the test runner's own
    child = heirs.fork(os.fork)
    if child == 0:
        heir = heirs.heir
        assert heir is not None
        for note in notes:
            heir.put(Kind.ERROR, 0, -1, 0, 0, note)
        if not killed:
            heir.finish()
        os._exit(0)
    os.waitpid(child, 0)
    return child


def taken_over(heirs: Heirs) -> Heir:
    """The writer of a child, here, as if this were the child."""
    heirs.fork(lambda: 0)
    assert heirs.heir is not None
    return heirs.heir


def no_process() -> int:
    """A fork when the system gives no more processes."""
    raise BlockingIOError


def test_one_child_after_another_uses_the_same_slot(memory: SharedMemory) -> None:
    heirs, reader = Heirs(memory, OneTask("MainThread"), ["GET /", "200"]), Reader(memory)
    slots = []
    for turn in range(3):
        with pytest.raises(BlockingIOError):
            heirs.fork(no_process)
        heir = heirs.heir
        assert heir is not None
        slots.append(heir.slot)
        assert reader.drain() == [], "nothing is told before the child tells something"
        child = in_a_child(heirs, "GET /", f"new {turn}", "GET /")
        assert heirs.heir is None
        assert heir.child == child
        memory.words[OWNERS + heir.slot] = HELD | os.getpid()  # it ends after that, as a rule
        told = reader.drain()
        assert [event.note for event in told] == ["GET /", f"new {turn}", "GET /"]
        assert {(event.pid, event.task) for event in told} == {(child, "MainThread")}
        assert [event.seq for event in told] == [0, 1, 2]
    assert slots == [1, 1, 1]


def test_those_whose_children_live_are_not_lent_again(memory: SharedMemory) -> None:
    heirs = Heirs(memory, OneTask("MainThread"))
    slots = set()
    for child in (1, os.getppid(), os.getpid()):
        heirs.fork(partial(int, child))
        slots |= {slot for slot in range(SLOTS) if memory.words[OWNERS + slot] == child}
    assert len(slots) == 4, "the large ring is this process's own"


def test_two_threads_that_fork_at_once_have_a_writer_each(memory: SharedMemory) -> None:
    heirs = Heirs(memory, OneTask("MainThread"))

    def meanwhile() -> int:
        heirs.fork(partial(int, os.getppid()))
        return os.getpid()

    heirs.fork(meanwhile)
    assert memory.words[OWNERS + 1] == os.getpid()
    assert memory.words[OWNERS + 2] == os.getppid()


def test_the_slot_of_a_killed_child_goes_back_to_all(memory: SharedMemory) -> None:
    heirs, reader = Heirs(memory, OneTask("MainThread")), Reader(memory)
    in_a_child(heirs, "last words", killed=True)
    reader.free_slots_of_the_dead()
    assert memory.words[OWNERS + 1] == 0
    assert memory.claim() == 1, "somebody else's now"
    assert taken_over(heirs).slot == 2
    assert [event.note for event in reader.drain()] == ["last words"]


def test_the_slots_of_a_parent_that_is_gone_go_back_to_all(memory: SharedMemory) -> None:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BlockingIOError):
            Heirs(memory, OneTask("MainThread")).fork(no_process)
        os._exit(0)
    os.waitpid(child, 0)
    assert memory.words[OWNERS + 1] == HELD | child
    Reader(memory).free_slots_of_the_dead()
    assert memory.words[OWNERS + 1] == 0


def test_none_without_a_free_slot(memory: SharedMemory) -> None:
    for _ in range(SLOTS - 1):
        memory.claim()
    heirs = Heirs(memory, OneTask("MainThread"))
    assert heirs.fork(lambda: 0) == 0
    assert heirs.heir is None
    assert heirs.fork(lambda: 1) == 1


def test_children_go_round_the_end_of_the_ring(memory: SharedMemory) -> None:
    texts = [f"text {number}" for number in range(50)]
    heirs, reader = Heirs(memory, OneTask("MainThread"), texts), Reader(memory)
    told = []
    for _ in range(RING):
        heir = taken_over(heirs)
        heir.put(RECV_REQUEST, 7, 3, 80, 5, texts[-1], 0, 6)
        told += [event.note for event in reader.drain() if event.kind is Kind.REQUEST]
    assert told == [texts[-1]] * RING


def test_a_child_killed_within_a_text_costs_the_next_one_nothing(memory: SharedMemory) -> None:
    heirs, reader = Heirs(memory, OneTask("MainThread"), ["GET /"]), Reader(memory)
    taken_over(heirs)._store(text_records(7, "x" * 100)[0])
    heir = taken_over(heirs)
    heir.put(Kind.ERROR, 0, -1, 0, 0, "its own")
    heir.put(Kind.ERROR, 0, -1, 0, 0, "GET /")
    assert [event.note for event in reader.drain()] == ["its own", "GET /"]


def test_a_rehearsal_leaves_nothing_behind(memory: SharedMemory) -> None:
    """Each round sees a whole request; none of the files that it opens stays open."""
    before = os.listdir("/proc/self/fd")
    seen = []

    def talk(connection: socket.socket, _: Service) -> None:
        seen.append(connection.recv(65536))
        assert connection.recv(65536) == b""
        connection.close()

    service = Service(
        Settings(memory.words), lambda request, _: pytest.fail(str(request)), lambda: None
    )
    rehearse(service, ["/", "/a"], plain_connections, talk)
    gc.unfreeze()  # what a server may forget, other tests may not
    assert len(set(seen)) == ROUNDS, "no answer can be one that is remembered"
    assert {data.split()[1] for data in seen} == {b"/", b"/a"}
    assert os.listdir("/proc/self/fd") == before
