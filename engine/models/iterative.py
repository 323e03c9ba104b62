"""iterative: one connection after another, and nothing else meanwhile.

Calls: accept recv send close
Fails by: one client that is silent stops everybody

The others wait in the accept queue: the kernel completes the handshake before accept(), so each of them
believes that it is connected. A client that keeps its connection keeps the server, until its idle time
is over.
"""

import socket
import time

from engine.admission import in_turn, pause_after
from engine.closing import linger
from engine.listener import (
    ACCEPT_LOOKUP_S,
    RECEIVE_BYTES,
    set_receive_timeout,
    set_send_timeout,
)
from engine.patience import Patience
from engine.service import Service

CONNECTIONS = 1  # at a time


def serve(listener: socket.socket, service: Service) -> None:
    """Accept and talk in turn until told to leave."""
    listener.setblocking(True)
    set_receive_timeout(listener, ACCEPT_LOOKUP_S)
    set_send_timeout(listener, service.limits.send_s)  # for the connections, which inherit it
    in_turn(service, CONNECTIONS)
    while service.accepting:
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue  # nobody came for a moment: look whether to leave
        except OSError as error:
            time.sleep(pause_after(error))
            continue
        talk(connection, service)
        del connection  # closed; its descriptor is the next one's
    listener.close()


def talk(connection: socket.socket, service: Service) -> None:
    """Answer one client, until it or we end the connection."""
    conversation = service.converse(connection)
    patience = Patience(conversation, service.limits, time.monotonic())
    set_receive_timeout(connection, service.limits.idle_s)  # the listener's own is inherited
    with connection:
        try:
            while not conversation.ended:
                try:
                    data = connection.recv(RECEIVE_BYTES)
                except BlockingIOError:  # silent, or slow, for too long
                    for piece in patience.last_words():
                        connection.sendall(piece)
                    break
                if not data:
                    return
                requests = conversation.receive(data)
                for request in requests:
                    response = service.answer(request)
                    if response.wait_s:
                        time.sleep(response.wait_s)
                    for piece in conversation.send(response):
                        connection.sendall(piece)
                    if conversation.ended:
                        break  # requests after the last answer stay unanswered
                wait_s = patience.next_wait_s(bool(requests))
                if wait_s is not None:
                    set_receive_timeout(connection, wait_s)
            linger(connection, conversation)
        except OSError:
            pass  # the client is gone, or takes nothing of its answer
