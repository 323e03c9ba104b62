"""A client that is gone before it is accepted."""

import socket
import struct
import time

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time; an error of one of them ends that one, or the server."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        try:
            talk(connection, service)
        except ConnectionResetError:
            if not mended:
                raise
    listener.close()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer a client to its end."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
            for request in conversation.receive(data):
                response = service.answer(request)
                time.sleep(response.wait_s)
                for piece in conversation.send(response):
                    connection.sendall(piece)


def play(stage: Stage) -> None:
    """One client that keeps the server busy, one that resets while it is queued, and one more."""
    with stage.connect() as busy:
        busy.send(b"GET /wait/300 HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        stage.watch(0.1)
        aborted = stage.connect()
        aborted.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        aborted.socket.close()  # with this, a reset
        busy.answer()
    stage.watch(0.3)
    last = stage.ask(patience_s=1.0)
    stage.figure("outcome", last.told)
    if stage.mended:
        stage.claim("the next client is served", last.status == 200)
    else:
        stage.claim("the server is gone", last.status == 0)


LAB = Lab(
    name="aborted-in-queue",
    title="A client that is gone before it is accepted",
    question="A client connects, waits in the accept queue and resets. Then the server accepts. What "
    "happens?",
    choices=(
        "accept() succeeds, and the first recv() fails",
        "accept() passes it over",
        "the server is reset as well",
    ),
    look="a connection that is accepted and ends with ECONNRESET at once",
    answer="On Linux accept() succeeds, and recv() raises ConnectionResetError. Nobody caught it, so the "
    "server ended, and the next client had {outcome}. Caught: it had "
    "{mended.outcome}.",
    fix="let the error of a connection end that connection, and nothing else",
    play=play,
    finding="engine-died",
)
