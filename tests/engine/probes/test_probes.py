"""The process numbers of a real tree: a parent, a child that lives, one that is a zombie."""

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from engine.probes.processes import ProcessProbe, holder_of_port
from engine.views.snapshot import ProcessNumbers
from tests.support import wait_until

TREE = """
import os, sys, threading
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(5)]
if os.fork() == 0:
    sys.stdin.read()  # lives until the pipe ends, as its parent does
    os._exit(0)
if os.fork() == 0:
    os._exit(3)  # and nobody waits for it
threading.Thread(target=sys.stdin.read).start()
"""
TREE_PROCESSES, TREE_THREADS = 2, 3


@pytest.fixture
def tree() -> Iterator[int]:
    """The pid of the parent of a child and a zombie."""
    process = subprocess.Popen([sys.executable, "-c", TREE], stdin=subprocess.PIPE)
    try:
        yield process.pid
    finally:
        process.communicate(timeout=10)


def is_complete(numbers: ProcessNumbers) -> bool:
    whole = (TREE_PROCESSES, TREE_THREADS, 1)
    return (numbers.processes, numbers.threads, numbers.zombies) == whole


def sampled(probe: ProcessProbe, pid: int) -> ProcessNumbers:
    """The numbers once the tree has grown. Its main thread waits for its second one."""
    numbers = [ProcessNumbers()]

    def look() -> bool:
        numbers[0] = probe.sample(pid, [], (2, 128))
        return is_complete(numbers[0])

    wait_until(look, 10, "a parent of two threads, a child and a zombie")
    return numbers[0]


def test_a_tree_with_a_zombie(tree: int) -> None:
    numbers = sampled(ProcessProbe(), tree)
    assert numbers.descriptors is not None
    assert numbers.descriptors >= 3 + 5
    assert numbers.children_descriptors is not None
    assert numbers.children_descriptors >= 3 + 5
    assert numbers.memory_bytes > 1 << 20
    assert numbers.descriptor_limit > 0
    assert (numbers.accept_queue, numbers.accept_queue_limit) == (2, 128)


def test_zombies_have_pids_and_those_who_wait_are_counted(tree: int) -> None:
    numbers = sampled(ProcessProbe(), tree)
    (zombie,) = numbers.zombie_pids
    assert psutil.Process(zombie).status() == psutil.STATUS_ZOMBIE
    assert numbers.children_switches >= 1  # the child waits for the pipe


def test_the_limit_is_that_of_the_process(tree: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(tree, resource.RLIMIT_NOFILE, (77, hard))
    assert sampled(ProcessProbe(), tree).descriptor_limit == 77


def test_a_process_is_starved_while_it_is_ready_and_does_not_run() -> None:
    mine = {min(os.sched_getaffinity(0))}
    burn = "while True: pass"
    both = [subprocess.Popen([sys.executable, "-c", burn]) for _ in range(2)]
    try:
        for process in both:
            os.sched_setaffinity(process.pid, mine)  # two that compute on one processor
        probe = ProcessProbe()
        pid = both[0].pid

        def is_starved() -> bool:
            return probe.sample(pid, [], None).starved_percent > 20

        wait_until(is_starved, 10, "a process that waits for a processor")
    finally:
        for process in both:
            process.kill()
            process.wait(timeout=10)


def test_processes_that_drain_count_too(tree: int) -> None:
    probe = ProcessProbe()
    alone = sampled(probe, tree)
    beside = probe.sample(os.getpid(), [tree], None)
    # The tree is a part of this process's own: nothing is counted twice.
    assert beside.processes == 1 + alone.processes
    assert beside.zombies == alone.zombies
    assert beside.accept_queue is None


def test_cpu_is_counted_from_the_sample_before(tree: int) -> None:
    probe = ProcessProbe()
    sampled(probe, tree)
    assert 0 <= probe.sample(tree, [], None).cpu_percent < 400


def test_a_process_that_has_ended_counts_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(timeout=10)
    numbers = ProcessProbe().sample(process.pid, [process.pid], None)
    assert (numbers.processes, numbers.threads, numbers.zombies) == (0, 0, 0)
    assert numbers.descriptors is None


def test_without_an_engine_only_the_accept_queue_is_known() -> None:
    assert ProcessProbe().sample(None, [], (1, 2)) == ProcessNumbers(
        accept_queue=1, accept_queue_limit=2
    )


def test_the_holder_of_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert holder_of_port(port).endswith(f" (pid {os.getpid()})")
    assert holder_of_port(port) == ""
