"""select() and the descriptor 1,024."""

import select
import socket

from engine.http1.conversation import Conversation
from engine.labs.client import Client
from engine.labs.kernel import need_descriptors
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.service import Service

CLIENTS = 1_040
SPARE = 160  # descriptors, for everything else that a process has open
Clients = dict[int, tuple[socket.socket, Conversation]]


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A loop over select(), or over poll()."""
    listener.setblocking(False)
    clients: Clients = {}
    while service.accepting:
        for descriptor in ready(listener.fileno(), clients, mended):
            if descriptor == listener.fileno():
                take_all(listener, service, clients)
            elif not talk(*clients[descriptor], service):
                clients.pop(descriptor)[0].close()
    for connection, _ in clients.values():
        connection.close()
    listener.close()


def ready(listening: int, clients: Clients, mended: bool) -> list[int]:
    """Who has something to read."""
    if not mended:
        return select.select([listening, *clients], [], [], ACCEPT_LOOKUP_S)[0]
    poller = select.poll()
    for descriptor in (listening, *clients):
        poller.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poller.poll(ACCEPT_LOOKUP_S * 1e3)]


def take_all(listener: socket.socket, service: Service, clients: Clients) -> None:
    """Accept until nobody is left."""
    try:
        while True:
            connection, _ = listener.accept()
            connection.setblocking(False)
            clients[connection.fileno()] = (connection, service.converse(connection))
    except BlockingIOError:
        pass


def talk(connection: socket.socket, conversation: Conversation, service: Service) -> bool:
    """Answer what has come; whether the connection goes on."""
    try:
        data = connection.recv(RECEIVE_BYTES)
        for request in conversation.receive(data) if data else ():
            for piece in conversation.send(service.answer(request)):
                connection.send(piece)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return bool(data) and not conversation.ended


def play(stage: Stage) -> None:
    """More clients than select() has room for, then a request of the first one."""
    need_descriptors(CLIENTS + SPARE)
    clients: list[Client] = []
    for _ in range(CLIENTS):
        try:
            clients.append(stage.connect())
        except OSError:
            break  # the server is gone
    stage.watch(0.5)  # until they are accepted
    answer = clients[0].ask("/bytes/100")
    stage.figure("clients", CLIENTS)
    stage.figure("outcome", answer.told)
    for client in clients:
        client.socket.close()
    if stage.mended:
        stage.claim("all go on", answer.status == 200)
    else:
        stage.claim("the server is gone", answer.status == 0)


LAB = Lab(
    name="select-wall",
    title="select() and the descriptor 1,024",
    question="A loop watches its sockets with select(). The 1,040th client connects; descriptors are "
    "allowed by the ten thousand. What happens?",
    choices=("select() raises, and the loop ends for all", "it is served", "that client waits"),
    look="the number of sockets in the list, and the engine's last words",
    answer="With {clients:,} clients select() raised ValueError (its set has 1,024 bits), the loop ended, "
    "and the first client had {outcome}. With poll() it had {mended.outcome}.",
    fix="poll or epoll, or a cap on connections below 1,024 descriptors",
    play=play,
    backlog=256,
    finding="engine-died",
)
