"""epoll: one thread sleeps until the kernel names ready sockets.

Calls: epoll_create epoll_ctl epoll_wait accept recv send close
Fails by: one handler that blocks stops everybody; EPOLLOUT left on is a busy loop

Level-triggered: a socket is named again and again for as long as it has something.
"""

import select
import socket
import time

from engine.http1 import Conversation
from engine.listener import ACCEPT_LOOKUP_S, KEEP_ALIVE_S, RECEIVE_BYTES
from engine.service import Service

MOST_READY = 1_000  # sockets that one turn serves
SWEEP_S = 1.0  # how often the loop looks for clients that have been silent for too long


class Client:
    """A connection, and what has not been sent to it yet."""

    __slots__ = ("connection", "conversation", "heard_s", "unsent")

    def __init__(self, connection: socket.socket, conversation: Conversation) -> None:
        self.connection = connection
        self.conversation = conversation
        self.unsent: bytes | memoryview = b""
        self.heard_s = 0.0


def serve(listener: socket.socket, service: Service) -> None:
    """Turn until told to leave; then on, without accepting, until the last client is gone."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    loop = Loop(listener, poller, service)
    while service.accepting:
        loop.turn()
    # Level-triggered: left in the set, it would wake this loop for clients that another one takes.
    poller.unregister(listener)
    listener.close()
    while loop.clients:
        loop.turn()
    poller.close()


class Loop:
    """The clients by descriptor, and what is done when one of them is ready."""

    def __init__(self, listener: socket.socket, poller: select.epoll, service: Service) -> None:
        self.listener = listener
        self.listening = listener.fileno()
        self.poller = poller
        self.service = service
        self.clients: dict[int, Client] = {}
        self.now_s = self.swept_s = time.monotonic()

    def turn(self) -> None:
        """Sleep until something is ready (or it is time to look whether to leave); serve that."""
        ready = self.poller.poll(ACCEPT_LOOKUP_S, MOST_READY)
        self.now_s = time.monotonic()
        for descriptor, _ in ready:
            if descriptor == self.listening:
                self.accept()
                continue
            client = self.clients[descriptor]
            try:
                is_over = self.talk(client, descriptor)
            except BlockingIOError:
                continue  # it was ready when it was named, and is not any more
            except OSError:
                is_over = True  # reset by the client
            if is_over:
                self.end(client, descriptor)
        # In a full turn somebody may be ready and not yet named: not silent, only waiting for us.
        if self.now_s - self.swept_s > SWEEP_S and len(ready) < MOST_READY:
            self.sweep()

    def accept(self) -> None:
        """Take one connection; if more wait, the next turn says so again."""
        try:
            connection, _ = self.listener.accept()
        except BlockingIOError:
            return
        except OSError:
            time.sleep(ACCEPT_LOOKUP_S)  # no descriptor left, or a client that is gone already
            return
        connection.setblocking(False)
        client = Client(connection, self.service.converse(connection))
        client.heard_s = self.now_s
        self.clients[connection.fileno()] = client
        self.poller.register(connection, select.EPOLLIN)

    def talk(self, client: Client, descriptor: int) -> bool:
        """Send what is left, or else receive and answer; True when the connection is over."""
        was_unsent = bool(client.unsent)
        if not was_unsent:
            data = client.connection.recv(RECEIVE_BYTES)
            if not data:
                return True
            client.unsent = self.answer(client.conversation, data)
        if client.unsent:
            transmit(client)
        client.heard_s = time.monotonic()
        if bool(client.unsent) != was_unsent:
            # While bytes are unsent nothing more is read: a client that does not read its answers
            # may not ask for more. Left on without need, EPOLLOUT would wake the loop at once.
            self.poller.modify(descriptor, select.EPOLLOUT if client.unsent else select.EPOLLIN)
        return client.conversation.ended and not client.unsent

    def answer(self, conversation: Conversation, data: bytes) -> bytes:
        """The answers to the requests that these bytes complete."""
        answers = b""
        for request in conversation.receive(data):
            response = self.service.answer(request)
            if response.wait_s:
                time.sleep(response.wait_s)  # and everybody waits
            answers += conversation.send(response)
            if conversation.ended:
                break  # requests after the last answer stay unanswered
        return answers

    def sweep(self) -> None:
        """End the clients that have been silent for too long."""
        self.swept_s = self.now_s
        for descriptor, client in list(self.clients.items()):
            if self.now_s - client.heard_s > KEEP_ALIVE_S:
                self.end(client, descriptor)

    def end(self, client: Client, descriptor: int) -> None:
        """Forget a client. Closing its socket takes it out of the epoll set, too."""
        del self.clients[descriptor]
        client.connection.close()


def transmit(client: Client) -> None:
    """Send what the kernel has room for; the rest goes when it says EPOLLOUT."""
    try:
        sent = client.connection.send(client.unsent)
    except BlockingIOError:
        sent = 0
    # A view: to copy the rest of a large answer at each step would take longer than to send it.
    client.unsent = memoryview(client.unsent)[sent:] if sent < len(client.unsent) else b""
