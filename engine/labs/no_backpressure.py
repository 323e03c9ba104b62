"""Answers that are kept for clients who do not take them."""

import select
import socket
import time
from collections.abc import Generator, Iterator

from engine.http1.messages import Piece, Response
from engine.http1.stream import StreamedResponse
from engine.labs.client import request
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.service import Service

CLIENTS = 4
PIECE_BYTES, PIECES = 100_000, 100
ANSWER_MB = PIECE_BYTES * PIECES / 1e6


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One loop. The next piece of an answer is made when there is room for it; or all of them at once."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    talks: dict[int, Talk] = {}
    while service.accepting:
        for descriptor, ready in poller.poll(ACCEPT_LOOKUP_S):
            if descriptor == listener.fileno():
                connection, _ = listener.accept()
                connection.setblocking(False)
                talks[connection.fileno()] = Talk(connection, service)
                poller.register(connection, select.EPOLLIN)
                continue
            talk = talks[descriptor]
            try:
                is_there = not ready & select.EPOLLIN or talk.receive(mended)
                is_left = talk.send()
            except ConnectionError:
                is_there = is_left = False
            if is_there:
                poller.modify(descriptor, select.EPOLLOUT if is_left else select.EPOLLIN)
            else:
                poller.unregister(descriptor)
                talks.pop(descriptor).connection.close()
    listener.close()
    for talk in talks.values():
        talk.connection.close()


class Talk:
    """A client, and what is left of its answer."""

    def __init__(self, connection: socket.socket, service: Service) -> None:
        self.connection = connection
        self._conversation = service.converse(connection)
        self._pieces: Iterator[Piece] = iter(())
        self._piece = memoryview(b"")

    def receive(self, mended: bool) -> bool:
        """Answer what is asked; whether the client is still there."""
        data = self.connection.recv(RECEIVE_BYTES)
        for _ in self._conversation.receive(data):
            self._pieces = iter(self._conversation.send(in_pieces() if mended else at_once()))
        return bool(data)

    def send(self) -> bool:
        """As much as there is room for; whether something is left."""
        try:
            while self._piece or self._next():
                self._piece = self._piece[self.connection.send(self._piece) :]
        except BlockingIOError:
            return True
        return False

    def _next(self) -> bool:
        self._piece = memoryview(next(self._pieces, b""))
        return bool(self._piece)


def at_once() -> Response:
    """Ten megabytes, made before the first of them is sent."""
    return Response(200, "text/plain", b"".join(pieces()), int(time.time()))


def in_pieces() -> StreamedResponse:
    """The same, each piece made when it is asked for."""
    length = PIECE_BYTES * PIECES
    return StreamedResponse(200, "OK", (), length, pieces(), int(time.time()), is_chunked=False)


def pieces() -> Generator[bytes, None, None]:
    """Lines, say, of a large table."""
    for _ in range(PIECES):
        yield bytes(PIECE_BYTES)


def play(stage: Stage) -> None:
    """Four clients that ask for ten megabytes each, and read nothing."""
    stage.until(lambda: stage.numbers().memory_bytes)
    before = stage.numbers().memory_bytes

    def grown_mb() -> float:
        return (stage.numbers().memory_bytes - before) / 1e6

    clients = [stage.connect(receive_bytes=4096) for _ in range(CLIENTS)]
    for client in clients:
        client.send(request("/report"))
    stage.watch(2.0, lambda: stage.mended or grown_mb() > CLIENTS * ANSWER_MB * 0.8)
    stage.figure("clients", CLIENTS)
    stage.figure("grown_mb", grown_mb())
    if stage.mended:
        stage.claim("memory stays as it was", grown_mb() < CLIENTS * ANSWER_MB / 4)
    else:
        stage.claim("memory grows by what nobody reads", grown_mb() > CLIENTS * ANSWER_MB / 2)
        stage.culprit("the clients that read nothing", stage.conns_of(*clients))
    for client in clients:
        client.socket.close()


LAB = Lab(
    name="no-backpressure",
    title="Answers that are kept for clients who do not take them",
    question="A loop makes an answer of ten megabytes and writes what there is room for; the rest it keeps. "
    "Four clients ask for it, and read nothing. What happens?",
    choices=(
        "its memory grows by what they do not read",
        "the kernel keeps all of it for them",
        "it makes no more than they take",
    ),
    look="memory, and what the connections that are unsent have been sent of ten megabytes each",
    answer="Memory grew by {grown_mb:,.0f} MB for {clients} clients: the kernel takes what its send buffers "
    "hold, and no more, and a write that never waits keeps all the rest. Where the next piece is made once "
    "there is room for it: {mended.grown_mb:,.0f} MB.",
    fix="make the next piece when the socket takes one (await drain(), EPOLLOUT), with a time-out for the "
    "slow",
    play=play,
    finding="unsent",
)
