"""One worker takes far more than its share of the connections."""

import os
import select
import socket
import time
from collections import Counter
from collections.abc import Callable

from engine.http1.messages import Response
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

WORKERS = 8
CLIENTS = 200


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
    """Workers that share one listener: by epoll with EPOLLEXCLUSIVE, or by a blocking accept()."""
    listener.setblocking(mended)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)

    def work(_: int) -> None:
        poller = select.epoll()
        poller.register(listener.fileno(), select.EPOLLIN | select.EPOLLEXCLUSIVE)
        while service.settings.accepting:
            if mended or poller.poll(ACCEPT_LOOKUP_S):
                take(listener, service)

    pids = start_workers(work)
    while service.accepting:
        select.select([], [], [], ACCEPT_LOOKUP_S)
    for pid in pids:
        os.waitpid(pid, 0)


def take(listener: socket.socket, service: Service) -> None:
    """Accept and answer with the worker's pid."""
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        return
    connection.setblocking(True)
    with connection:
        conversation = service.converse(connection)
        for _ in conversation.receive(connection.recv(RECEIVE_BYTES)):
            whose = Response(200, "text/plain", str(os.getpid()).encode(), int(time.time()))
            for piece in conversation.send(whose):
                connection.sendall(piece)


def play(stage: Stage) -> None:
    """Two hundred clients, one after another; each is told who served it."""
    shares = Counter(stage.ask(f"/bytes/{number}").body for number in range(1, CLIENTS + 1))
    ((hottest, most),) = shares.most_common(1)
    stage.figure("workers", WORKERS)
    stage.figure("most", most)
    stage.watch(1.4)
    stage.figure("clients", CLIENTS)
    stage.figure("used", len(shares))
    stage.claim("all are answered", sum(shares.values()) == CLIENTS and b"" not in shares)
    if stage.mended:
        stage.claim("all workers have their share", most < CLIENTS / WORKERS * 2)
    else:
        stage.claim("one worker has far more than its share", most > CLIENTS / WORKERS * 2.5)
        stage.culprit("that worker", pids=[int(hottest or 0)])


LAB = Lab(
    name="hot-worker",
    title="One worker takes far more than its share",
    question="Eight workers wait for one listener in epoll_wait(), each with EPOLLEXCLUSIVE, so that "
    "only one is woken. Two hundred clients come, one after another. Who serves them?",
    choices=("one worker far more than its share", "each worker 25", "whoever is quickest"),
    look="accepted connections of each worker",
    answer="One of {workers} workers served {most} of {clients} clients: epoll wakes the one that has "
    "waited for the shortest time (last in, first out). A blocking accept() wakes the one that has waited "
    "longest: there the busiest served {mended.most}.",
    fix="a blocking accept(), SO_REUSEPORT, or workers that leave connections to others when busy",
    play=play,
    short=(True, True),
    finding="hot-worker",
)
