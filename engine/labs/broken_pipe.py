"""A client that leaves before its answer, and a signal."""

import signal
import socket
import time

from engine.labs.client import request
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

LARGE = "/bytes/5000000"  # takes more than one write
THINKS_S = 0.3


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time. Python ignores SIGPIPE at its start; a C program that does not is ended by it."""
    if not mended:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        try:
            talk(connection, service)
        except OSError:
            pass  # EPIPE or ECONNRESET: this client is gone, and nobody else
    listener.close()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer a client to its end."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
            for each in conversation.receive(data):
                time.sleep(THINKS_S)
                for piece in conversation.send(service.answer(each)):
                    connection.sendall(piece)


def play(stage: Stage) -> None:
    """One client that asks for much and does not wait for it, and one more."""
    with stage.connect() as leaver:
        leaver.send(request(LARGE))
    stage.until(lambda: stage.snapshot().counts.requests)
    stage.watch(THINKS_S + 0.3)
    last = stage.ask("/bytes/100", patience_s=1.5)
    stage.figure("outcome", last.told)
    if stage.mended:
        stage.claim("the next client is served", last.status == 200)
    else:
        stage.claim("the server is gone", last.status == 0)


LAB = Lab(
    name="broken-pipe",
    title="A client that leaves before its answer, and a signal",
    question="A client asks for a page and leaves before it comes. The server writes its answer, and checks "
    "what each write returns. Of signals it knows nothing. What happens?",
    choices=(
        "the kernel ends it, in the middle of a write",
        "its write fails, and it goes on",
        "nothing: the bytes are thrown away",
    ),
    look="the server's process, and its last words",
    answer="The next client had {outcome}: the first write is answered by a reset, and the second one is "
    "sent SIGPIPE, which ends whoever neither ignores nor handles it (signal(7)). The write never returns, "
    "so there is nothing to check. With SIGPIPE ignored it fails with EPIPE, and the next client had "
    "{mended.outcome}.",
    fix="ignore SIGPIPE (or send with MSG_NOSIGNAL), and let the error end that connection alone",
    play=play,
    finding="engine-died",
)
