"""The acceptor closes what a thread still uses."""

import os
import socket
import threading

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A thread for each connection. The acceptor closes the one before by its number, too late."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    late = None
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        number = connection.fileno()
        threading.Thread(target=talk, args=(connection, service)).start()
        if late is not None and not mended:
            try:
                os.close(late)  # the thread has closed it: the number may be a stranger's by now
            except OSError:
                pass  # EBADF: nobody has it
        late = number
    listener.close()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    try:
        with connection:
            while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
                for request in conversation.receive(data):
                    for piece in conversation.send(service.answer(request)):
                        connection.sendall(piece)
    except OSError as error:
        print(f"a thread lost its connection: {error.strerror}")  # EBADF


def play(stage: Stage) -> None:
    """A client that is served, then a stranger that asks a moment after it has connected."""
    first = stage.ask()
    stage.claim("the first client is answered", first.status == 200)
    stage.watch(0.2)  # until its thread has closed the connection, and its number is free
    with stage.connect() as stranger:
        stage.watch(0.1)
        second = stranger.ask("/", "Connection: close")
    stage.figure("stranger", second.told)
    if stage.mended:
        stage.claim("the stranger is answered, too", second.status == 200)
    else:
        stage.claim("the stranger loses its connection", second.status == 0)
        stage.claim("its thread meets EBADF", stage.until(lambda: has_met_ebadf(stage)))
        stage.culprit("the connection of the stranger", stage.conns_of(stranger))


def has_met_ebadf(stage: Stage) -> bool:
    """A thread has used a descriptor that is none any more."""
    return any(event.note == "EBADF" for event in stage.snapshot().events)


LAB = Lab(
    name="acceptor-closes",
    title="The acceptor closes what a thread still uses",
    question="Threads share one table of descriptors. The thread has served and closed its connection; "
    "now the acceptor closes the same number, a moment too late. Who is hurt?",
    choices=("the next client", "nobody: it is closed already", "the client that was served"),
    look="the second connection: it ends without an answer, and nobody meant to end it",
    answer="The first client had its answer. Its number was free again and went to a stranger, whose "
    "connection the late close() ended: it had {stranger}. The stranger's thread met EBADF, as the first "
    "one would have, had close() come while it was served. Without that close() the stranger had "
    "{mended.stranger}. With fork() each process has a table of its own, and the parent has to close.",
    fix="let only the thread that serves a connection close it",
    play=play,
    finding="stranger-closed",
)
