"""Children that nobody waits for."""

import os
import socket

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

CHILDREN = 12


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A child for each connection; its end is taken note of, or not."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        if mended:
            reap()
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        if os.fork() == 0:
            listener.close()
            talk(connection, service)
            os._exit(0)
        connection.close()
    listener.close()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
            for request in conversation.receive(data):
                for piece in conversation.send(service.answer(request)):
                    connection.sendall(piece)


def reap() -> None:
    """One SIGCHLD may stand for many children: wait for all that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def play(stage: Stage) -> None:
    """A dozen clients, one after another."""
    statuses = {stage.ask().status for _ in range(CHILDREN)}
    stage.claim("all are answered", statuses == {200})
    stage.until(lambda: bool(stage.numbers().zombies) != stage.mended, 2)
    stage.watch(0.5)
    zombies = stage.numbers().zombies
    stage.figure("zombies", zombies)
    stage.figure("children", CHILDREN)
    if stage.mended:
        stage.claim("no child is left", zombies == 0)
    else:
        stage.claim("each child stays as a zombie", zombies == CHILDREN)
        family = (stage.engine_pid, *stage.numbers().zombie_pids)
        stage.culprit("the parent and its dead children", pids=family)


LAB = Lab(
    name="zombies",
    title="Children that nobody waits for",
    question="A dozen children have served a client each, and have ended. Their parent goes on. What is "
    "left of them?",
    choices=(
        "an entry in the table of processes, each",
        "nothing: they have ended",
        "their memory",
    ),
    look="the number of zombies among the processes",
    answer="{zombies} of {children} children were zombies: the kernel keeps how a child ended until its "
    "parent asks. With waitpid() in a loop: {mended.zombies}.",
    fix="call waitpid(-1, WNOHANG) until there is nothing more to take note of",
    play=play,
    finding="zombies",
)
