"""A listener of its own for each worker, and one of them ends."""

import socket
import time

from engine.labs.client import Client, request
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

CLIENTS = 20


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """Two listeners on one port, neither of which accepts for a moment; then the second one ends."""
    # Only while this runs, or a second server could take the same port unnoticed.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    second = type(listener)(listener.family, listener.type)
    second.watch(0, second.fileno()) if hasattr(second, "watch") else None
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    second.bind(listener.getsockname())
    second.listen(CLIENTS)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    time.sleep(0.7)  # clients come: the kernel spreads them over both queues
    if mended:
        second.setblocking(False)
        take_all(second, service)
    second.close()  # whoever is still in its queue is reset
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        talk(connection, service)
    listener.close()


def take_all(listener: socket.socket, service: Service) -> None:
    """Serve those that are in the queue of a listener."""
    try:
        while True:
            connection, _ = listener.accept()
            connection.setblocking(True)
            talk(connection, service)
    except BlockingIOError:
        pass  # nobody is left


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
    """Twenty clients that connect and ask before anybody accepts."""
    clients: list[Client] = []
    stage.watch(0.1)
    for _ in range(CLIENTS):
        client = stage.connect()
        client.send(request("/bytes/100", "Connection: close"))
        clients.append(client)
    answers = [client.answer() for client in clients]
    for client in clients:
        client.socket.close()
    stage.watch(0.5)  # nobody is told of them by an event: they are missed at the next look
    lost = [answer for answer in answers if answer.status != 200]
    stage.figure("clients", CLIENTS)
    stage.figure("lost", len(lost))
    stage.figure("how", lost[0].failure if lost else "none")
    if stage.mended:
        stage.claim("all are answered", not lost)
    else:
        stage.claim("those in the queue of the one that ended are reset", len(lost) >= 1)
        stage.claim("those in the other queue are answered", len(lost) < CLIENTS)
        stage.culprit("the process of the listeners")


LAB = Lab(
    name="reuseport-death",
    title="A listener of its own for each worker, and one of them ends",
    question="Two workers have listeners of their own on one port (SO_REUSEPORT). Twenty clients are "
    "connected, none is accepted yet. One worker ends. What becomes of its share?",
    choices=("they are reset", "the other worker takes them over", "they wait for ever"),
    look="clients that were connected, and are reset without ever having been accepted",
    answer="{lost} of {clients} clients ended with {how}: the kernel had put them into the queue of the "
    "listener that was closed. With that queue emptied before closing: {mended.lost}.",
    fix="steer new connections away (SO_ATTACH_REUSEPORT_CBPF), then accept what is queued, then close",
    play=play,
    finding="queue-lost",
)
