"""polling: one thread asks every socket in turn, ready or not.

Calls: accept recv send close, most of them answered EAGAIN
Fails by: 100 % CPU with nothing to do; one slow request stalls all

No call may block, since all connections wait for the same thread. What would block says EAGAIN
(BlockingIOError), and is asked again in the next round.
"""

import socket
import time

from engine.http1 import Conversation
from engine.listener import KEEP_ALIVE_S, RECEIVE_BYTES
from engine.service import Service


class Client:
    """A connection, and what has not been sent to it yet."""

    def __init__(self, connection: socket.socket, conversation: Conversation) -> None:
        self.connection = connection
        self.conversation = conversation
        self.unsent: bytes | memoryview = b""
        self.heard_s = time.monotonic()


def serve(listener: socket.socket, service: Service) -> None:
    """Go round until told to leave; then on, without accepting, until the last client is gone."""
    listener.setblocking(False)
    clients: list[Client] = []
    while service.accepting:
        accept(listener, service, clients)
        go_round(clients, service)
    listener.close()
    while clients:
        go_round(clients, service)


def accept(listener: socket.socket, service: Service, clients: list[Client]) -> None:
    """Take one connection, if there is one."""
    try:
        connection, _ = listener.accept()
    except OSError:
        return  # nobody is waiting, no descriptor is left, or the client is gone already
    connection.setblocking(False)  # accept() does not hand the listener's O_NONBLOCK on
    clients.append(Client(connection, service.converse(connection)))


def go_round(clients: list[Client], service: Service) -> None:
    """Ask every client once."""
    # Over a copy: removing from a list while going through it skips the next one.
    for client in clients[:]:
        try:
            is_over = talk(client, service)
        except BlockingIOError:
            is_over = time.monotonic() - client.heard_s > KEEP_ALIVE_S
        except OSError:
            is_over = True  # reset by the client
        if is_over:
            clients.remove(client)
            client.connection.close()
    if service.settings.tick_s:
        time.sleep(service.settings.tick_s)


def talk(client: Client, service: Service) -> bool:
    """Send what is left, or else receive and answer; True when the connection is over."""
    if not client.unsent:
        data = client.connection.recv(RECEIVE_BYTES)
        if not data:
            return True
        client.unsent = answer(client.conversation, data, service)
    if client.unsent:
        # The kernel takes what fits into its buffer: the rest is kept for a later round. A view:
        # to copy the rest of a large answer at each step would take longer than to send it.
        sent = client.connection.send(client.unsent)
        client.unsent = memoryview(client.unsent)[sent:] if sent < len(client.unsent) else b""
    client.heard_s = time.monotonic()
    return client.conversation.ended and not client.unsent


def answer(conversation: Conversation, data: bytes, service: Service) -> bytes:
    """The answers to the requests that these bytes complete."""
    answers = b""
    for request in conversation.receive(data):
        response = service.answer(request)
        if response.wait_s:
            time.sleep(response.wait_s)  # and everybody waits
        answers += conversation.send(response)
        if conversation.ended:
            break  # requests after the last answer stay unanswered
    return answers
