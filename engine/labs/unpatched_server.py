"""The server of the lab "unpatched": greenlets, whose waiting is patched or not.

A module of its own, since it patches the standard library of the process that imports it.
"""

from gevent import monkey

blocking_sleep = __import__("time").sleep  # as a library has it that was imported too early
monkey.patch_all()

import socket
import time
from collections.abc import Callable

import gevent

from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.service import Service


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A greenlet for each connection."""
    listener.settimeout(ACCEPT_LOOKUP_S)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        gevent.spawn(talk, connection, service, time.sleep if mended else blocking_sleep)
    listener.close()


def talk(connection: socket.socket, service: Service, wait: Callable[[float], None]) -> None:
    """Answer one client."""
    conversation = service.converse(connection)
    connection.settimeout(service.limits.idle_s)
    with connection:
        try:
            while not conversation.ended and (data := connection.recv(RECEIVE_BYTES)):
                for request in conversation.receive(data):
                    response = service.answer(request)
                    wait(response.wait_s)
                    for piece in conversation.send(response):
                        connection.sendall(piece)
        except OSError:
            pass  # silent for too long, or gone
