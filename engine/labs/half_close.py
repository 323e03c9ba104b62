"""A client that closes its half, and waits for the answer."""

import socket
import time

from engine.http1.messages import Request
from engine.labs.client import request
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time; the end of its stream is taken for its end, or not."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        with connection:
            talk(connection, service, mended)
    listener.close()


def talk(connection: socket.socket, service: Service, mended: bool) -> None:
    """Read until the end, and answer what was asked before it."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    asked: list[Request] = []
    while data := connection.recv(RECEIVE_BYTES):
        asked += conversation.receive(data)
    if not mended:
        return  # "the client is gone"
    for each in asked:
        response = service.answer(each)
        time.sleep(response.wait_s)
        for piece in conversation.send(response):
            connection.sendall(piece)


def play(stage: Stage) -> None:
    """As `echo request | nc` does."""
    with stage.connect() as client:
        client.send(request("/bytes/100", "Connection: close"))
        client.socket.shutdown(socket.SHUT_WR)
        answer = client.answer()
    stage.figure("outcome", answer.told)
    if stage.mended:
        stage.claim("the client has its answer", answer.status == 200)
    else:
        stage.claim("the client gets nothing", answer.status == 0)
        stage.culprit("the connection of that client", stage.conns_of(client))


LAB = Lab(
    name="half-close",
    title="A client that closes its half, and waits for the answer",
    question="A client sends its request, shuts down its sending half and waits. The server reads the "
    "request and then an end of stream. Is the client gone?",
    choices=("no: it has only said all that it had to say", "yes: an end of stream is the end"),
    look="who closed first, and a request without an answer",
    answer="The server took the end of the stream for the end of the client, which had {outcome}. Of one "
    "that answers first the client had {mended.outcome}. A half-close says that no more requests come (RFC "
    "9112, 9.6).",
    fix="answer what was asked before the end of the stream, then close",
    play=play,
    finding="half-close",
)
