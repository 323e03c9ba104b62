"""epoll-edge: one thread sleeps until the kernel names sockets that have become ready, and each only once.

Calls: epoll_create epoll_ctl epoll_wait accept recv send close, the last of each answered EAGAIN
Fails by: what is not taken until EAGAIN is never named again; a client that is drained while others starve

Edge-triggered: named is what changes. So each socket is put in once, for both directions, and the loop
itself keeps who is ready and not yet drained (epoll(7), "Possible pitfalls").
"""

import select
import socket
import time
from collections.abc import Iterator

from engine.http1.conversation import Conversation
from engine.http1.messages import Piece
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.admission import Admission, pause_after
from engine.serving.loop_client import Client
from engine.serving.service import Service

CONNECTIONS = 20_000  # each costs a few KB of memory, and a descriptor
MOST_READY = 1_000  # sockets that one turn hears of
MOST_STEPS = 16  # accepts of the listener, receives and sends of a client, in one turn: others wait
SWEEP_S = 1.0  # how often the loop looks for clients whose time is over
EDGES = select.EPOLLET | select.EPOLLIN | select.EPOLLOUT


def serve(listener: socket.socket, service: Service) -> None:
    """Turn until told to leave; then on, without accepting, until the last client is gone."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, EDGES)  # who waits already is an edge, too
    loop = Loop(listener, poller, service)
    service.gauge("watched", lambda: len(loop.clients) + 1)  # and the listener
    while service.accepting:
        loop.turn()
    poller.unregister(listener)
    loop.ready.pop(loop.listening, None)
    loop.pause_ends_s = 0.0  # else it would look at the listener again
    listener.close()
    loop.admission.close_refused(all_of_them=True)
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
        self.admission = Admission(service, CONNECTIONS)
        self.clients: dict[int, Client] = {}
        self.ready: dict[int, None] = {}  # a set in the order of coming: named, and not yet drained
        self.now_s = self.swept_s = time.monotonic()
        self.pause_ends_s = 0.0

    def turn(self) -> None:
        """Hear who has become ready, without sleeping while somebody is; a bounded piece for each."""
        named = self.poller.poll(0 if self.ready else ACCEPT_LOOKUP_S, MOST_READY)
        self.now_s = time.monotonic()
        self.ready.update((descriptor, None) for descriptor, _ in named)
        for descriptor in list(self.ready):
            if descriptor == self.listening:
                self.accept()
                continue
            client = self.clients[descriptor]
            try:
                is_over = any(self.talk(client) for _ in range(MOST_STEPS))
            except BlockingIOError:
                del self.ready[descriptor]  # drained: the kernel will say when that changes
                continue
            except OSError:
                is_over = True  # reset by the client
            if is_over:
                self.end(client, descriptor)
        if self.pause_ends_s and self.now_s > self.pause_ends_s:
            self.pause_ends_s = 0.0
            self.ready[self.listening] = None  # they still wait, and no edge would say so
        # In a full turn somebody may be ready and not yet named: not silent, only waiting for us.
        if self.now_s - self.swept_s > SWEEP_S and len(named) < MOST_READY:
            self.sweep()

    def accept(self) -> None:
        """Take connections until nobody waits, or others should have their turn."""
        for _ in range(MOST_STEPS):
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                del self.ready[self.listening]
                return
            except OSError as error:
                if pause_s := pause_after(error):
                    del self.ready[self.listening]
                    self.pause_ends_s = self.now_s + pause_s
                    return
                continue
            if len(self.clients) >= self.admission.cap:
                self.admission.refuse(connection)
                continue
            connection.setblocking(False)
            self.clients[connection.fileno()] = Client(connection, self.service, self.now_s)
            self.poller.register(connection, EDGES)

    def talk(self, client: Client) -> bool:
        """Send what is left, or else receive and answer; True when the connection is over. Raises
        BlockingIOError when there is nothing to receive, or no room to send."""
        if client.lingers_bytes:  # closed by us: what the client still sends is thrown away
            return client.discard(client.connection.recv(RECEIVE_BYTES))
        # While bytes are unsent nothing more is read: a client that does not read its answers may not
        # ask for more. That it did ask meanwhile is no new edge, so receiving comes after sending.
        if not client.unsent:
            data = client.connection.recv(RECEIVE_BYTES)
            if not data:
                return True
            client.answers = self.answers(client.conversation, data)
            client.unsent = next(client.answers, b"")
        return self.transmit(client)

    def answers(self, conversation: Conversation, data: bytes) -> Iterator[Piece]:
        """The answers to the requests that these bytes complete. Each is made when the one before it
        has been sent: a client that asks for much and reads nothing holds one at a time."""
        for request in conversation.receive(data):
            response = self.service.answer(request, conversation.peer)
            if response.wait_s:
                time.sleep(response.wait_s)  # and everybody waits
            yield from conversation.send(response)
            if conversation.ended:
                break  # requests after the last answer stay unanswered

    def transmit(self, client: Client) -> bool:
        """Send as much as the kernel takes at once; True when that was the end of the connection."""
        if not client.unsent:
            return client.settle(has_moved=False)
        try:
            sent = client.connection.send(client.unsent)
        except BlockingIOError:
            client.settle(has_moved=False)
            raise
        # A view: to copy the rest at each step would take longer than to send it.
        rest = memoryview(client.unsent)[sent:] if sent < len(client.unsent) else b""
        client.unsent = rest or next(client.answers, b"")
        return client.settle(has_moved=True)

    def sweep(self) -> None:
        """Look for clients whose time is over."""
        self.swept_s = self.now_s
        self.admission.close_refused()
        for descriptor, client in list(self.clients.items()):
            if client.patience.is_over(self.now_s):
                self.give_up(client, descriptor)

    def give_up(self, client: Client, descriptor: int) -> None:
        """End a client; one that is owed an answer to that gets it first."""
        try:
            is_over = not client.has_last_words() or self.transmit(client)
        except BlockingIOError:
            return  # no room for it yet
        except OSError:
            is_over = True  # reset by the client
        if is_over:
            self.end(client, descriptor)

    def end(self, client: Client, descriptor: int) -> None:
        """Forget a client. Closing its socket takes it out of the epoll set, too; a list of our own
        has to be told: left in it, the next client with the same number would seem ready."""
        self.ready.pop(descriptor, None)
        del self.clients[descriptor]
        client.connection.close()
