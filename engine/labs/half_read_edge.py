"""An edge-triggered loop that does not read to the end."""

import select
import socket

from engine.http1.conversation import Conversation
from engine.labs.client import request
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S
from engine.serving.service import Service

TAKEN_BYTES = 1_000  # by one recv()
ASKED_BYTES = 2_000


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A loop that is told of each socket once for what has come."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    clients: dict[int, tuple[socket.socket, Conversation]] = {}
    while service.accepting:
        for descriptor, _ in poller.poll(ACCEPT_LOOKUP_S):
            if descriptor == listener.fileno():
                try:
                    connection, _ = listener.accept()
                except BlockingIOError:
                    continue
                connection.setblocking(False)
                clients[connection.fileno()] = (connection, service.converse(connection))
                poller.register(connection, select.EPOLLIN | select.EPOLLET)
            elif talk(*clients[descriptor], service, mended):
                clients.pop(descriptor)[0].close()
    for connection, _ in clients.values():
        connection.close()
    listener.close()


def talk(
    connection: socket.socket, conversation: Conversation, service: Service, mended: bool
) -> bool:
    """Read once, or until there is nothing more; whether the connection is over."""
    try:
        while data := connection.recv(TAKEN_BYTES):
            for each in conversation.receive(data):
                for piece in conversation.send(service.answer(each)):
                    connection.send(piece)
            if not mended:
                return False  # the rest stays in the socket, and nobody will tell of it
    except BlockingIOError:
        return False
    except OSError:
        pass  # gone
    return True


def play(stage: Stage) -> None:
    """A request that is larger than what one recv() takes."""
    with stage.connect(patience_s=1.0) as client:
        wire = request("/bytes/100", f"X-Filling: {'x' * ASKED_BYTES}")
        answer = client.answer(wire)
        stage.figure("outcome", answer.told)
        stage.figure("asked", len(wire))
        stage.figure("taken", TAKEN_BYTES)
        if stage.mended:
            stage.claim("the request is answered", answer.status == 200)
        else:
            stage.claim("no answer comes", answer.failure == "time-out")
            client.send(b"\r\n")
            stage.claim("not even when more arrives", client.answer().status == 0)
            stage.culprit("the connection of that client", stage.conns_of(client))


LAB = Lab(
    name="half-read-edge",
    title="An edge-triggered loop that does not read to the end",
    question="A request of 2,000 bytes arrives at once. The loop is edge-triggered, and reads 1,000 "
    "bytes each time that it is told. When does it read the rest?",
    choices=("when more bytes arrive, or never", "in the next turn", "the kernel drops it"),
    look="bytes in Recv-Q that nobody reads, and a loop that sleeps",
    answer="Of {asked:,} bytes the loop read {taken:,}, and was not told of the rest: the client had "
    "{outcome}. The edge is the arrival, not the presence, of bytes. Where the loop reads until EAGAIN it "
    "had {mended.outcome}.",
    fix="read until EAGAIN, or remember who is not drained; or use level-triggered epoll",
    play=play,
    finding="half-read-edge",
)
