"""Connections that are kept alive hold the threads of a pool."""

import queue
import socket
import threading

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

WORKERS = 4


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """Four threads take connections from a queue."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    waiting: queue.SimpleQueue[socket.socket | None] = queue.SimpleQueue()
    threads = [threading.Thread(target=work, args=(waiting, service)) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        waiting.put(connection)
    listener.close()
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.join()


def work(waiting: "queue.SimpleQueue[socket.socket | None]", service: Service) -> None:
    """One connection after another."""
    while (connection := waiting.get()) is not None:
        talk(connection, service)


def talk(connection: socket.socket, service: Service) -> None:
    """Answer a client to its end."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        try:
            while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
                for request in conversation.receive(data):
                    response = service.answer(request)
                    for piece in conversation.send(response):
                        connection.sendall(piece)
        except OSError:
            pass  # silent for too long, or gone


def play(stage: Stage) -> None:
    """Four clients that have their answer and stay, and one that asks."""
    kept = [stage.connect() for _ in range(WORKERS)]
    statuses = {client.ask().status for client in kept}
    answer = stage.ask(patience_s=1.5)
    for client in kept:
        client.socket.close()
    stage.figure("threads", WORKERS)
    stage.figure("waited_s", answer.seconds)
    stage.claim("the four are answered", statuses == {200})
    if stage.mended:
        stage.claim("so is the fifth, at once", answer.status == 200 and answer.seconds < 0.7)
    else:
        stage.claim("the fifth waits for threads that wait for nothing", answer.status == 0)
        stage.culprit("the kept connections, and not the fifth", stage.conns_of(*kept))


LAB = Lab(
    name="pinned-by-keep-alive",
    title="Connections that are kept alive hold the threads of a pool",
    question="A pool has four threads, and connections are kept alive. Four clients have their page and "
    "read it. A fifth one comes. Who serves it?",
    choices=("nobody, until a kept connection ends", "a thread that is idle", "the acceptor"),
    look="four idle connections, each with a thread of its own",
    answer="The fifth client waited for {waited_s:.1f} s in vain: each of {threads} threads waited for "
    "the next request of a client that had none. With short connections it had its answer after "
    "{mended.waited_s:.3f} s.",
    fix="short connections, a short idle time-out, or a loop that keeps the idle ones",
    play=play,
    short=(False, True),
    finding="keep-alive-pins",
)
