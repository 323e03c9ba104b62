"""Keep-alive without Content-Length."""

import re
import socket

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time; the answer's length is told, or forgotten."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        talk(connection, service, mended)
    listener.close()


def talk(connection: socket.socket, service: Service, mended: bool) -> None:
    """Answer one client, and keep the connection."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        try:
            while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
                for request in conversation.receive(data):
                    for piece in conversation.send(service.answer(request)):
                        connection.sendall(piece if mended else without_length(bytes(piece)))
        except BlockingIOError:
            pass  # the client has been silent for too long


def without_length(piece: bytes) -> bytes:
    """The same answer, as somebody writes it who does not know of Content-Length."""
    return re.sub(rb"Content-Length: \d+\r\n", b"", piece)


def play(stage: Stage) -> None:
    """A client that asks once, and once more."""
    with stage.connect(patience_s=1.0) as client:
        first, second = client.ask(), client.ask()
    stage.figure("first", first.told)
    stage.figure("second", second.told)
    if stage.mended:
        stage.claim("both requests are answered", (first.status, second.status) == (200, 200))
    else:
        stage.claim("the client waits for the rest of a whole answer", first.failure == "time-out")
        stage.culprit("the connection of that client", stage.conns_of(client))


LAB = Lab(
    name="no-length",
    title="Keep-alive without Content-Length",
    question="The server answers, leaves out Content-Length and keeps the connection for the next "
    "request. The whole page has arrived. What does the client do?",
    choices=("it waits for more, for ever", "it shows the page", "it asks again"),
    look="a connection that stays open after its answer: all was sent, and its client is still reading",
    answer="All bytes had arrived, and the client still had {first}: a body without a length ends with "
    "the connection (RFC 9112, 6.3), and that stays open. With Content-Length it had {mended.first}, and "
    "for its next request on the same connection {mended.second}.",
    fix="send Content-Length or chunks, or close after the answer",
    play=play,
    finding="no-length",
)
