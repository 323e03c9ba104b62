"""A client that does not read its large answer."""

import socket
import time

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time: sendall() waits until the client has room."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        talk(connection, service)
    listener.close()


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
    """One client asks for ten megabytes and reads nothing; another one asks for a page."""
    with stage.connect(receive_bytes=4096) as slow:
        slow.send(b"GET /bytes/10000000 HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
        stage.watch(0.5)
        answer = stage.ask("/bytes/100", patience_s=1.5)
        sent = sum(view.bytes_out for view in stage.snapshot().connections)
    stage.figure("sent_kb", sent / 1e3)
    stage.figure("waited_s", answer.seconds)
    if stage.mended:
        stage.claim("the other client is answered", answer.status == 200)
    else:
        stage.claim("the other client waits for the slow one", answer.failure == "time-out")
        stage.culprit("the connection of the slow one", stage.conns_of(slow))


LAB = Lab(
    name="slow-reader",
    title="A client that does not read its large answer",
    question="A client asks for ten megabytes and does not read. The server has one thread and calls "
    "sendall(). What happens to the next client?",
    choices=("it waits for the slow one", "it is served: the kernel takes the ten megabytes"),
    look="unsent bytes (Send-Q), and the one connection in the state unsent",
    answer="The kernel took some {sent_kb:,.0f} KB and no more; sendall() waited, and the next client "
    "with it ({waited_s:.1f} s, then it gave up). A loop that sends what there is room for served it "
    "after {mended.waited_s:.3f} s.",
    fix="send without blocking and keep the rest, with a time-out for clients that take nothing",
    play=play,
    models=("", "epoll"),
    finding="unsent",
)
