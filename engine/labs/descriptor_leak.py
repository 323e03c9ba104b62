"""A file that each request opens, and nobody closes."""

import os
import socket
import time

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

REQUESTS = 60


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time; each connection opens a log, and closes it, or not."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        log = os.open(os.devnull, os.O_WRONLY)
        talk(connection, service)
        if mended:
            os.close(log)
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
    """Sixty clients, one after another."""
    stage.ask("/bytes/100")
    stage.watch(0.3, lambda: stage.numbers().descriptors)
    before = stage.numbers().descriptors or 0
    statuses = {stage.ask("/bytes/100").status for _ in range(REQUESTS)}

    def grown_now() -> int:
        return (stage.numbers().descriptors or 0) - before

    stage.watch(0.4, lambda: stage.mended or grown_now() > REQUESTS * 0.9)
    grown = grown_now()
    stage.figure("grown", grown)
    stage.figure("requests", REQUESTS)
    stage.figure("limit", stage.numbers().descriptor_limit)
    stage.claim("all are answered", statuses == {200})
    if stage.mended:
        stage.claim("descriptors stay as they were", grown < 3)
    else:
        stage.claim("each request costs a descriptor", grown > REQUESTS * 0.9)
        stage.culprit("the process that opens them")


LAB = Lab(
    name="descriptor-leak",
    title="A file that each request opens, and nobody closes",
    question="Each connection opens a file and forgets it. All is answered, quickly. When does somebody "
    "notice?",
    choices=("when the limit of descriptors is reached", "at once", "never"),
    look="descriptors against open connections: one only grows, the other comes back to 0",
    answer="{grown} descriptors more after {requests} connections, all of them closed; at {limit:,} "
    "accept() fails with EMFILE. With a close(): {mended.grown}.",
    fix="close what a connection opens on every way out (with, finally)",
    play=play,
    finding="descriptor-leak",
)
