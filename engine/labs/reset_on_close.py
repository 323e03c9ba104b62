"""A close while the client is still sending."""

import socket

from engine.labs.client import Answer
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

UPLOAD_BYTES = 8_000_000
REFUSAL = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time, refused after its first bytes."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        with connection:
            refuse(connection, mended)
    listener.close()


def refuse(connection: socket.socket, mended: bool) -> None:
    """Answer 413, and close with what the client sent unread, or after having read it."""
    set_receive_timeout(connection, 1.0)
    try:
        connection.recv(RECEIVE_BYTES)
        connection.sendall(REFUSAL)
        if mended:
            connection.shutdown(socket.SHUT_WR)  # our end first; then read until the client's
            while connection.recv(RECEIVE_BYTES):
                pass
    except OSError:
        pass  # the client is gone


def play(stage: Stage) -> None:
    """A client with a large upload, which reads the answer once it has sent all."""
    with stage.connect() as client:
        head = f"POST / HTTP/1.1\r\nHost: lab\r\nContent-Length: {UPLOAD_BYTES}\r\n\r\n"
        failure = ""
        try:
            client.send(head.encode() + bytes(UPLOAD_BYTES))
        except OSError as error:
            failure = type(error).__name__
        answer = Answer(0, b"", 0.0, failure) if failure else client.answer()
    stage.figure("outcome", answer.told)
    if stage.mended:
        stage.claim("the client reads the refusal", answer.status == 413)
    else:
        stage.claim("the client is reset while it sends", failure in RESETS)
        stage.culprit("the connection of that client", stage.conns_of(client))


RESETS = ("ConnectionResetError", "BrokenPipeError")

LAB = Lab(
    name="reset-on-close",
    title="A close while the client is still sending",
    question="An upload is too large. The server answers 413 and closes at once, with most of the upload "
    "unread. What does the client see?",
    choices=("a reset in the middle of its upload", "413", "nothing: it waits"),
    look="who closed first, and how: a reset rather than an end",
    answer="The client had {outcome}: a close() with unread data in the socket sends a reset, and the "
    "answer before it may be lost. With half-close, read to the end, close, it had "
    "{mended.outcome}.",
    fix="shutdown(SHUT_WR), read what is on its way (bounded), then close",
    play=play,
    finding="reset-on-close",
)
