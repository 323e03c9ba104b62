"""One thread computes, all others wait for the interpreter's lock."""

import socket
import statistics
import threading
import time

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

REQUESTS = 80
BREATH_S = (
    0.01  # in which the thread that computes takes the lock, also where it hardly gets a processor
)


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A thread for each connection, and one beside them that computes, or does not."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    if not mended:
        threading.Thread(target=compute, args=(service,), name="computing").start()
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        threading.Thread(target=talk, args=(connection, service)).start()
    listener.close()


def compute(service: Service) -> None:
    """Work in Python that never waits for anything."""
    while service.settings.accepting:
        sum(range(1_000))


def talk(connection: socket.socket, service: Service) -> None:
    """Answer a client to its end."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        try:
            while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
                for request in conversation.receive(data):
                    response = service.answer(request)
                    time.sleep(response.wait_s)
                    for piece in conversation.send(response):
                        connection.sendall(piece)
        except OSError:
            pass  # silent for too long, or gone


def play(stage: Stage) -> None:
    """One request after another on one connection, with a breath between them."""
    times_ms = []
    with stage.connect() as client:
        for _ in range(REQUESTS):
            times_ms.append(client.ask("/bytes/100").seconds * 1e3)
            stage.watch(BREATH_S)
    median_ms = statistics.median(times_ms)
    stage.figure("median_ms", median_ms)
    stage.figure("per_s", 1e3 / median_ms)
    # Other work on the machine may make most requests slow, but not all of them.
    quick_ms = statistics.quantiles(times_ms, n=10)[0]
    stage.figure("quick_ms", quick_ms)
    if stage.mended:
        stage.claim("one request in ten takes less than 3 ms", quick_ms < 3)
    else:
        stage.claim("most wait for the lock, 5 ms each time", median_ms > 4)
        stage.culprit("the process whose thread computes")


LAB = Lab(
    name="lock-convoy",
    title="One thread computes, all others wait for the interpreter's lock",
    question="A thread serves a client with small answers. Beside it another thread computes, on a "
    "machine with two processors. How much slower are the answers?",
    choices=("each takes some 5 ms more", "not at all: there are two processors", "by half"),
    look="the time between a recv that is done and the answer: multiples of 5 ms",
    answer="{median_ms:.1f} ms a request, {per_s:,.0f}/s: whoever gives up the interpreter's lock for a "
    "system call waits up to 5 ms (sys.getswitchinterval) to get it back. Without the thread that "
    "computes: {mended.median_ms:.2f} ms, {mended.per_s:,.0f}/s.",
    fix="compute in another process",
    play=play,
    finding="lock-convoy",
)
