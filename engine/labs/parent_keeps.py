"""The parent keeps its copy of the socket."""

import os
import socket

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A child for each connection; the parent's copy stays open, or is closed."""
    kept = []
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            reap()
            continue
        if os.fork() == 0:
            listener.close()
            talk(connection, service)
            os._exit(0)
        if mended:
            connection.close()  # now the child's copy is the last one
        else:
            kept.append(connection)  # as a name that is still in use does
    listener.close()
    for connection in kept:
        connection.close()
    reap()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer, and close the child's copy."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
            for request in conversation.receive(data):
                for piece in conversation.send(service.answer(request)):
                    connection.sendall(piece)


def reap() -> None:
    """Take leave of children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def play(stage: Stage) -> None:
    """A browser that shows a page once the connection has ended."""
    with stage.connect() as browser:
        answer = browser.ask("/", "Connection: close")
        stage.claim("the answer arrives whole", answer.status == 200)
        waited_s = browser.end_within(1.5)
        stage.figure("waited_ms", (1.5 if waited_s is None else waited_s) * 1e3)
        stage.figure("answered_ms", answer.seconds * 1e3)
        if stage.mended:
            stage.claim("the end follows the answer", waited_s is not None and waited_s < 0.5)
        else:
            stage.claim("no end comes: the client waits on", waited_s is None)
            is_closed = stage.until(lambda: stage.snapshot().counts.closed)
            stage.claim("no process serves it any more", is_closed)
            stage.culprit("that connection, and the parent that holds it", stage.conns_of(browser))


LAB = Lab(
    name="parent-keeps",
    title="The parent keeps its copy of the socket",
    question="A child serves the request and closes the socket. The parent still holds its copy. "
    "What does the browser do?",
    choices=("it waits for ever", "it shows the page and goes on", "it shows an error"),
    look="who closed the connection, and when; and the client, which still waits for its end",
    answer="The whole answer was there after {answered_ms:.0f} ms, and no end came for {waited_ms:,.0f} ms: "
    "a connection ends when the last copy of its descriptor is closed, and fork() had made two. With the "
    "parent's copy closed the end came {mended.waited_ms:.1f} ms after the answer.",
    fix="close the connection in the parent as soon as the child is forked",
    play=play,
    finding="shared-descriptor",
)
