"""Processes that share the memory of the event queue: forked, killed, gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from engine.event_queue import reader as event_reader
from engine.event_queue import shared_memory as event_queue
from engine.event_queue.reader import Reader
from engine.event_queue.shared_memory import SLOTS, SharedMemory
from engine.event_queue.writer import Writer
from engine.events import text_records
from tests.engine.writers import notes, put_tick, writer
from tests.support import ROOT, OneTask, read_until

PRELUDE = """
import os, sys, time, threading
sys.path.insert(0, {root!r})
from engine.event_queue.shared_memory import SharedMemory
from engine.event_queue.reader import Reader
from engine.event_queue.writer import Writer
from engine.events import Kind
memory = SharedMemory({fd})
from tests.support import OneTask
def new(name): return Writer(memory, memory.claim(), OneTask(name))
"""
Script = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def script(memory: SharedMemory) -> Iterator[Script]:
    """Start a process that shares the memory; it runs after PRELUDE."""
    started: list[subprocess.Popen[bytes]] = []

    def start(source: str) -> "subprocess.Popen[bytes]":
        prelude = PRELUDE.format(root=str(ROOT), fd=memory.fd)
        process = subprocess.Popen(
            [sys.executable, "-c", prelude + source],
            pass_fds=(memory.fd,),
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def output(process: "subprocess.Popen[bytes]", line: bytes) -> bytes:
    assert process.stdout is not None
    return read_until(process.stdout, line, 20)


def test_forked_children_claim_and_give_back(memory: SharedMemory, script: Script) -> None:
    process = script("""
main = new("main")
for child in range(40):
    main.put(Kind.SPAWN, 0, -1, 0, note=f"child {child}")
    if os.fork() == 0:
        memory.after_fork()
        writer = new(f"child {child}")
        for number in range(20):
            writer.put(Kind.TICK, 0, -1, 0, note=str(number))
        writer.finish()
        os._exit(0)
for child in range(40):
    os.wait()
main.finish()
""")
    assert process.wait(20) == 0
    events = Reader(memory).drain()
    assert notes([event for event in events if event.task == "main"]) == [
        f"child {child}" for child in range(40)
    ]
    for child in range(40):
        mine = [event for event in events if event.task == f"child {child}"]
        assert notes(mine) == [str(number) for number in range(20)]
        assert len({event.pid for event in mine} | {process.pid}) == 2
    assert memory.words[event_queue.FREE] == SLOTS


def test_a_child_forked_while_another_thread_claims(memory: SharedMemory, script: Script) -> None:
    """What the other thread of the parent holds must not stay locked in the child."""
    process = script("""
held, go = threading.Event(), threading.Event()
def hold():
    with memory.locked():
        held.set()
        go.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    memory.after_fork()
    writer = new("child")  # waits for the parent's lock on the file, not for a lock of its own
    writer.put(Kind.TICK, 0, -1, 0, note="claimed")
    writer.finish()
    os._exit(0)
go.set()
thread.join()
os.waitpid(child, 0)
""")
    assert process.wait(20) == 0
    assert notes(Reader(memory).drain()) == ["claimed"]


def test_processes_claim_at_the_same_time(memory: SharedMemory, script: Script) -> None:
    source = """
for turn in range(100):
    writers = [new(str(os.getpid())) for _ in range(5)]
    for writer in writers: writer.put(Kind.TICK, 0, -1, 0, note=str(writer.slot))
    for writer in writers: writer.finish()
"""
    for process in [script(source) for _ in range(4)]:
        assert process.wait(30) == 0
    events = Reader(memory).drain()
    assert len(events) == 4 * 100 * 5
    assert all(event.task == str(event.pid) for event in events)
    assert memory.words[event_queue.FREE] == SLOTS


def test_who_is_killed_loses_nothing_that_it_put(memory: SharedMemory, script: Script) -> None:
    process = script("""
writer = new("doomed")
for number in range(5000):
    writer.put(Kind.RECV, 1, 3, number, note=f"note {number % 7}")
print("put", flush=True)
time.sleep(60)
""")
    output(process, b"put")
    process.send_signal(signal.SIGKILL)
    process.wait()
    events = Reader(memory).drain()
    assert [event.bytes for event in events] == list(range(5000))
    assert notes(events) == [f"note {number % 7}" for number in range(5000)]


def test_slots_of_the_dead_are_freed_and_used_again(memory: SharedMemory, script: Script) -> None:
    process = script("""
writers = [new(f"Thread-{number}") for number in range(3)]
for writer in writers: writer.put(Kind.TICK, 0, -1, 0, note="last words")
print("put", flush=True)
time.sleep(60)
""")
    output(process, b"put")
    reader = Reader(memory)
    reader.free_slots_of_the_dead()
    assert memory.words[event_queue.FREE] == SLOTS - 3, "it lives"
    process.kill()
    process.wait()
    reader.free_slots_of_the_dead()
    reader.free_slots_of_the_dead()
    assert memory.words[event_queue.FREE] == SLOTS
    mine = [writer(memory, "heir") for _ in range(3)]
    assert sorted(one.slot for one in mine) == [0, 1, 2]
    for one in mine:
        put_tick(one, "mine")
    events = reader.drain()
    assert [(event.pid, event.note) for event in events] == [
        *[(process.pid, "last words")] * 3,
        *[(os.getpid(), "mine")] * 3,
    ]


def test_who_is_killed_within_a_text_spoils_no_later_one(memory: SharedMemory) -> None:
    one, reader = writer(memory), Reader(memory)
    put_tick(one, "before")
    one._store(text_records(9, "x" * 200)[0])  # and killed
    heir = Writer(memory, one.slot, OneTask("heir"))
    put_tick(heir, "after")
    assert [(event.task, event.note) for event in reader.drain()] == [
        ("Thread-1", "before"),
        ("heir", "after"),
    ]


def test_somebody_elses_process_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbid)
    assert event_reader._is_alive(1)
