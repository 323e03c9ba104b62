"""No descriptor is left for the next connection."""

import os
import resource
import select
import socket
import time

from engine.http1.conversation import Conversation
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.service import Service

SPARE = 4  # connections that there are descriptors for
CLIENTS = 8
PAUSE_S = 0.1
ERRORS = 2_000


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A level-triggered loop with hardly any descriptors."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    clients: dict[int, tuple[socket.socket, Conversation]] = {}
    free = [os.dup(0) for _ in range(SPARE)]  # the next numbers: there may be others between them
    for number in free:
        os.close(number)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(free) + 1, hard))
    while service.accepting:
        for descriptor, _ in poller.poll(ACCEPT_LOOKUP_S):
            if descriptor != listener.fileno():
                connection, conversation = clients[descriptor]
                if not talk(connection, conversation, service):
                    del clients[descriptor]
                    connection.close()
                continue
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                continue
            except OSError:  # EMFILE: the client stays in the queue, and wakes the loop at once
                if mended:
                    time.sleep(PAUSE_S)
                continue
            connection.setblocking(False)
            clients[connection.fileno()] = (connection, service.converse(connection))
            poller.register(connection, select.EPOLLIN)
    listener.close()


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
    """Twice as many clients as there are descriptors for."""
    clients = [stage.connect() for _ in range(CLIENTS)]
    stage.watch(1.5, lambda: stage.mended or stage.snapshot().counts.errors > ERRORS)
    numbers, errors = stage.numbers(), stage.snapshot().counts.errors
    stage.figure("errors", errors)
    stage.figure("cpu_percent", numbers.cpu_percent)
    stage.figure("queued", numbers.accept_queue)
    stage.figure("open", stage.snapshot().counts.open)
    stage.claim("only some of them are accepted", 0 < stage.snapshot().counts.open <= SPARE)
    if stage.mended:
        stage.claim("the loop sleeps meanwhile", errors < 100)
    else:
        stage.claim("the loop spins on a connection it cannot take", errors > ERRORS)
        stage.culprit("the process of the loop")
    for client in clients[:-1]:
        client.socket.close()
    last = clients[-1].ask("/bytes/100")  # a file would need a descriptor
    stage.claim("once descriptors are free the last client is served", last.status == 200)
    for client in clients:
        client.socket.close()


LAB = Lab(
    name="no-descriptors",
    title="No descriptor is left for the next connection",
    question="A server has descriptors for four clients, and eight connect. accept() fails with EMFILE. "
    "What does a level-triggered loop do now?",
    choices=("it spins", "it refuses the others", "it sleeps until one is free"),
    look="the processor's share, and the errors of accept",
    answer="{open} connections were open and {queued} waited in the accept queue, which is ready as long "
    "as anybody is in it: accept() failed {errors:,} times, at {cpu_percent:.0f} % of a processor. With "
    "a pause after EMFILE: {mended.errors:,} times, at {mended.cpu_percent:.0f} %.",
    fix="leave the listener alone for a moment after EMFILE, and cap the connections below the limit",
    play=play,
    finding="descriptor-limit",
    remains=("descriptor-limit",),  # to pause mends what it costs, not the want
)
