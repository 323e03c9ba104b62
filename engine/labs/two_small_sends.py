"""Head and body in two small sends."""

import socket
import statistics

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

REQUESTS = 20


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time; its connection waits to fill segments (Nagle), or not."""
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(mended))
        talk(connection, service)
    listener.close()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client: first the head, then the body."""
    conversation = service.converse(connection)
    set_receive_timeout(connection, service.limits.idle_s)
    with connection:
        try:
            while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
                for request in conversation.receive(data):
                    wire = b"".join(conversation.send(service.answer(request)))
                    head_bytes = wire.index(b"\r\n\r\n") + 4
                    connection.sendall(wire[:head_bytes])
                    connection.sendall(wire[head_bytes:])
        except BlockingIOError:
            pass  # silent for too long


def play(stage: Stage) -> None:
    """One request after another on one connection."""
    with stage.connect() as client:
        times_ms = [client.ask("/bytes/100").seconds * 1e3 for _ in range(REQUESTS)]
    median_ms = statistics.median(times_ms[2:])  # at first the client acknowledges at once
    stage.figure("median_ms", median_ms)
    stage.figure("first_ms", times_ms[0])
    if stage.mended:
        stage.claim("an answer takes a few ms", median_ms < 20)
    else:
        stage.claim("an answer takes some 40 ms", 30 < median_ms < 120)
        stage.culprit("the connection of that client", stage.conns_of(client))


LAB = Lab(
    name="two-small-sends",
    title="Head and body in two small sends",
    question="On a kept connection the server sends the head of its answer and then, in a second send, "
    "its small body. Both are made at once. How long does an answer take on this machine?",
    choices=("some 40 ms", "0.1 ms", "a second"),
    look="the time of each request: a plateau at 40 ms, whatever is asked for",
    answer="{median_ms:.0f} ms (the first one {first_ms:.1f} ms): the kernel holds the second small "
    "segment back until the first one is acknowledged (Nagle), and the client's kernel waits 40 ms with "
    "that (delayed ACK). With TCP_NODELAY: {mended.median_ms:.2f} ms.",
    fix="one send for head and body, or TCP_NODELAY",
    play=play,
    finding="nagle",
)
