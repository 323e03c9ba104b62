"""Memory that grows with each connection."""

import socket
import time

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

CLIENTS = 40
KEPT_BYTES = 1_000_000
GROWN_KB = 500  # of resident memory for each connection, at least


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time; something is kept of each of them, or not."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    seen: list[bytes] = []
    while service.accepting:
        try:
            connection, peer = listener.accept()
        except BlockingIOError:
            continue
        if not mended:
            seen.append(
                f"{peer}".encode() * (KEPT_BYTES // len(f"{peer}"))
            )  # a cache without bound
        talk(connection, service)
    listener.close()


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
    """Forty clients, one after another."""
    stage.ask("/bytes/100")
    stage.watch(0.3, lambda: stage.numbers().memory_bytes)
    before = stage.numbers().memory_bytes
    statuses = {stage.ask("/bytes/100").status for _ in range(CLIENTS)}

    def grown_now_kb() -> float:
        return (stage.numbers().memory_bytes - before) / CLIENTS / 1e3

    stage.watch(0.4, lambda: stage.mended or grown_now_kb() > GROWN_KB)
    grown_kb = grown_now_kb()
    stage.figure("grown_kb", grown_kb)
    stage.figure("clients", CLIENTS)
    stage.claim("all are answered", statuses == {200})
    if stage.mended:
        stage.claim("memory stays as it was", grown_kb < 100)
    else:
        stage.claim("memory grows with each connection", grown_kb > GROWN_KB)
        stage.culprit("the process that grows")


LAB = Lab(
    name="growing-memory",
    title="Memory that grows with each connection",
    question="A server remembers something of each client in a list. All connections are closed. What "
    "does its memory do?",
    choices=("it grows with each connection there ever was", "it falls back", "it stays"),
    look="memory against the number of connections accepted so far, while none is open",
    answer="{grown_kb:,.0f} KB more for each of {clients} connections, all of them closed. Without the "
    "list: {mended.grown_kb:,.0f} KB.",
    fix="bound every cache; look for what still refers to a closed connection",
    play=play,
    finding="memory-growth",
)
