"""All workers are woken for one connection."""

import os
import select
import socket
from collections.abc import Callable
from time import monotonic

from engine.labs.kernel import all_sleep, children, switches
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.service import Service

WORKERS = 8
CLIENTS = 150
ASLEEP_S = 0.02  # a worker that finds nothing to do is asleep again long before


def start_workers(work: Callable[[int], None]) -> list[int]:
    """A child for each number; their pids."""
    pids = []
    for number in range(WORKERS):
        pid = os.fork()
        if pid == 0:
            try:
                work(number)
            finally:
                os._exit(0)
        pids.append(pid)
    return pids


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """Workers that share one listener, each with an epoll set of its own."""
    listener.setblocking(False)

    def work(_: int) -> None:
        poller = select.epoll()
        how = select.EPOLLIN | (select.EPOLLEXCLUSIVE if mended else 0)
        poller.register(listener.fileno(), how)
        while service.settings.accepting:
            if poller.poll(ACCEPT_LOOKUP_S):
                take(listener, service)

    pids = start_workers(work)
    while service.accepting:
        select.select([], [], [], ACCEPT_LOOKUP_S)
    for pid in pids:
        os.waitpid(pid, 0)


def take(listener: socket.socket, service: Service) -> None:
    """Accept, if another worker was not faster; answer."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    connection.setblocking(True)
    with connection:
        conversation = service.converse(connection)
        for request in conversation.receive(connection.recv(RECEIVE_BYTES)):
            for piece in conversation.send(service.answer(request)):
                connection.sendall(piece)


def play(stage: Stage) -> None:
    """One client after another, each of whom finds all workers asleep."""
    before, began_s = switches(stage.engine_pid), monotonic()
    statuses = set()
    for _ in range(CLIENTS):
        # Who has been woken and has had no processor yet cannot be woken again.
        stage.until(lambda: all_sleep(stage.engine_pid), ASLEEP_S, each_s=0.001)
        statuses.add(stage.ask("/bytes/100").status)
    # Each of them also wakes by itself, to see whether it has to leave.
    alone = WORKERS * (monotonic() - began_s) / ACCEPT_LOOKUP_S
    woken = max(switches(stage.engine_pid) - before - round(alone), 0)
    stage.watch(1.4)
    stage.figure("clients", CLIENTS)
    stage.figure("woken", woken)
    stage.claim("all are answered", statuses == {200})
    if stage.mended:
        stage.claim("few are woken who had nothing to do", woken < CLIENTS * WORKERS * 0.5)
    else:
        stage.claim("nearly all workers are woken for each client", woken > CLIENTS * WORKERS * 0.6)
        stage.culprit("the workers, and not their parent", pids=children(stage.engine_pid))


LAB = Lab(
    name="thundering-herd",
    title="All workers are woken for one connection",
    question="Eight workers wait in epoll_wait() for the same listening socket. A client connects. How "
    "many of them does the kernel wake?",
    choices=("all eight, and seven in vain", "one", "none: they poll"),
    look="wake-ups of the workers against the connections that they accepted, and would-block results",
    answer="{clients} connections woke workers {woken:,} times, though each needs one: the kernel wakes "
    "all who wait for the socket, and the first takes the connection. With EPOLLEXCLUSIVE: "
    "{mended.woken:,} times.",
    fix="EPOLLEXCLUSIVE, a listener for each worker (SO_REUSEPORT), or a blocking accept()",
    play=play,
    short=(True, True),
    finding="thundering-herd",
    remains=("hot-worker",),  # the one that slept last is woken first, mended or not
)
