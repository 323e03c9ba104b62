"""A backlog that is too short."""

import socket
import time
from functools import partial

from engine.labs.client import side_by_side
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES, set_receive_timeout
from engine.serving.service import Service

CLIENTS = 7


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One client at a time."""
    if mended:
        listener.listen(128)  # the backlog may be changed at any time
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
    """Seven clients at once, the first of which takes a while."""

    def connect(place: int) -> float:
        if place:
            stage.watch(0.2)
        with stage.connect() as client:
            client.ask("/wait/600" if not place else "/", "Connection: close")
            return client.connected_after_s

    connected_s = side_by_side([partial(connect, place) for place in range(CLIENTS)])
    late = [seconds for seconds in connected_s if seconds > 0.5]
    stage.figure("late", len(late))
    stage.figure("longest_s", max(connected_s))
    stage.figure("clients", CLIENTS)
    if stage.mended:
        stage.claim("all are connected at once", not late)
    else:
        stage.claim("some had to send their SYN again", len(late) >= 1)
        stage.claim("which takes a second", max(connected_s) > 0.9)


LAB = Lab(
    name="full-backlog",
    title="A backlog that is too short",
    question="A server listens with a backlog of 2 and is busy for 0.6 s. Seven clients come. How long "
    "does it take until the last one is connected?",
    choices=("a second or more", "0.6 s", "it is refused"),
    look="the accept queue at its limit, and the clients that are not even in it",
    answer="{late} of {clients} clients were not connected for up to {longest_s:.2f} s: the kernel holds "
    "backlog + 1 connections and drops every further SYN, and a client sends it again only after a "
    "second. With a backlog of 128 the longest took {mended.longest_s:.3f} s.",
    fix="listen with a backlog as long as the bursts that come, and accept without delay",
    play=play,
    backlog=2,
    short=(True, True),
    finding="accept-queue",
    remains=("head-of-line",),  # connected at once, they still wait behind the first one
)
