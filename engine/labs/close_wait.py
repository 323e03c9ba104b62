"""The client has closed, the server has not."""

import socket

from engine.labs.client import Client
from engine.labs.kernel import CLOSE_WAIT, states
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

CLIENTS = 10


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time; the connection is closed after the client's end, or forgotten in a list."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    forgotten = []
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        talk(connection, service)
        if mended:
            connection.close()
        else:
            forgotten.append(connection)
    listener.close()
    for connection in forgotten:
        connection.close()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer a client until it closes."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    while data := connection.recv(RECEIVE_BYTES):
        for request in conversation.receive(data):
            for piece in conversation.send(service.answer(request)):
                connection.sendall(piece)


def play(stage: Stage) -> None:
    """Ten clients, each of which asks and closes."""
    clients: list[Client] = []
    statuses = set()
    for _ in range(CLIENTS):
        with stage.connect() as client:
            statuses.add(client.ask().status)
        clients.append(client)
    stage.watch(1.0)
    left = states(stage.address[1])[CLOSE_WAIT]
    stage.figure("clients", CLIENTS)
    stage.figure("close_wait", left)
    stage.claim("all are answered", statuses == {200})
    if stage.mended:
        stage.claim("no connection is left", left == 0)
    else:
        stage.claim("each stays in CLOSE_WAIT", left == CLIENTS)
        stage.culprit("connections whose clients have closed", stage.conns_of(*clients))


LAB = Lab(
    name="close-wait",
    title="The client has closed, the server has not",
    question="Clients ask, have their answer and close. The server reads their end, and forgets to close "
    "its side. In which state are the connections now?",
    choices=("CLOSE_WAIT, for ever", "TIME_WAIT, for a minute", "closed"),
    look="CLOSE_WAIT, and descriptors that only grow",
    answer="{close_wait} of {clients} connections stood in CLOSE_WAIT, each with a descriptor, and no "
    "clock ends that: the kernel waits for the server's close(). With it: {mended.close_wait}.",
    fix="close after the client's end of stream, on every way out",
    play=play,
    finding="close-wait",
)
