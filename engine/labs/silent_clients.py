"""Silent clients hold all threads of a pool."""

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
    threads = [
        threading.Thread(target=work, args=(waiting, service, mended)) for _ in range(WORKERS)
    ]
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


def work(
    waiting: "queue.SimpleQueue[socket.socket | None]", service: Service, mended: bool
) -> None:
    """One connection after another."""
    while (connection := waiting.get()) is not None:
        talk(connection, service, mended)


def talk(connection: socket.socket, service: Service, mended: bool) -> None:
    """Answer a client; one that says nothing is let go soon, or late."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, 0.2 if mended else service.limits.idle_s)
    with connection:
        try:
            while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
                for request in conversation.receive(data):
                    for piece in conversation.send(service.answer(request)):
                        connection.sendall(piece)
        except OSError:
            pass  # silent for too long


def play(stage: Stage) -> None:
    """Four clients that say nothing, and one that asks."""
    silent = [stage.connect() for _ in range(WORKERS)]
    stage.until(lambda: stage.snapshot().counts.open == WORKERS)
    answer = stage.ask(patience_s=1.5)
    for client in silent:
        client.socket.close()
    stage.figure("threads", WORKERS)
    stage.figure("waited_s", answer.seconds)
    if stage.mended:
        stage.claim("the fifth client is answered", answer.status == 200)
        stage.claim("within the patience for silent ones", answer.seconds < 1.0)
    else:
        stage.claim("the fifth client gets no answer", answer.failure == "time-out")
        stage.culprit("the silent clients, and not the fifth", stage.conns_of(*silent))


LAB = Lab(
    name="silent-clients",
    title="Silent clients hold all threads of a pool",
    question="A pool has four threads. Four clients connect and say nothing. A fifth one asks for a "
    "page. When does it get it?",
    choices=("when one of the four gives up, or is given up", "at once", "never"),
    look="four threads that read, and a connection that none of them has touched",
    answer="The fifth client waited for {waited_s:.1f} s and gave up, while {threads} threads waited for "
    "clients that had nothing to say. With a patience of 0.2 s for silent ones: "
    "{mended.waited_s:.2f} s.",
    fix="a short time-out for the first bytes, TCP_DEFER_ACCEPT, or a loop that hands over whole requests",
    play=play,
    finding="pool-starved",
)
