"""epoll: one thread sleeps until the kernel names ready sockets.

Calls: epoll_create epoll_ctl epoll_wait accept recv send close
Fails by: one handler that blocks stops everybody; EPOLLOUT left on is a busy loop

Level-triggered: a socket is named again and again for as long as there is something to read (EPOLLIN),
or room to send (EPOLLOUT), whichever it was registered for.
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
MOST_READY = 1_000  # sockets that one turn serves
MOST_SENDS = 16  # to one client in one turn: it may read as fast as we send, and others wait
SWEEP_S = 1.0  # how often the loop looks for clients whose time is over


def serve(listener: socket.socket, service: Service) -> None:
    """Turn until told to leave; then on, without accepting, until the last client is gone."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    loop = Loop(listener, poller, service)
    service.gauge("watched", lambda: len(loop.clients) + 1)  # and the listener
    while service.accepting:
        loop.turn()
    # Others have copies of the listener, so our close() does not take it out of the set: left in there, it
    # would wake this loop for clients that the next model takes.
    poller.unregister(listener)
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
        self.now_s = self.swept_s = time.monotonic()
        self.pause_ends_s = 0.0

    def turn(self) -> None:
        """Sleep until something is ready (or it is time to look whether to leave); serve that."""
        ready = self.poller.poll(ACCEPT_LOOKUP_S, MOST_READY)
        self.now_s = time.monotonic()
        for descriptor, _ in ready:  # what for need not be looked at: it is watched for one thing
            if descriptor == self.listening:
                self.accept(len(ready))
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
        if self.pause_ends_s and self.now_s > self.pause_ends_s:
            self.pause_ends_s = 0.0
            self.poller.modify(self.listening, select.EPOLLIN)
        # In a full turn somebody may be ready and not yet named: not silent, only waiting for us.
        if self.now_s - self.swept_s > SWEEP_S and len(ready) < MOST_READY:
            self.sweep()

    def accept(self, most: int) -> None:
        """Take one connection, or as many as are served in the same turn; if more wait, the next turn says
        so again."""
        for _ in range(most):
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # The client stays in the queue, and would wake the loop at once, again and again. To
                # sleep would make everybody wait: the listener is passed over for a moment instead.
                if pause_s := pause_after(error):
                    self.poller.modify(self.listening, 0)
                    self.pause_ends_s = self.now_s + pause_s
                return
            if len(self.clients) >= self.admission.cap:
                self.admission.refuse(connection)
                continue
            connection.setblocking(False)
            self.clients[connection.fileno()] = Client(connection, self.service, self.now_s)
            self.poller.register(connection, select.EPOLLIN)

    def talk(self, client: Client, descriptor: int) -> bool:
        """Send what is left, or else receive and answer; True when the connection is over."""
        if client.lingers_bytes:  # closed by us: what the client still sends is thrown away
            return client.discard(client.connection.recv(RECEIVE_BYTES))
        was_unsent = bool(client.unsent)
        if not was_unsent:
            data = client.connection.recv(RECEIVE_BYTES)
            if not data:
                return True
            client.answers = self.answers(client.conversation, data)  # made as they are sent
        return self.transmit(client, descriptor, was_unsent)

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

    def transmit(self, client: Client, descriptor: int, was_unsent: bool) -> bool:
        """Send what the kernel has room for; True when that was the end of the connection."""
        if client.settle(has_moved=send_some(client)):
            return True
        is_unsent = bool(client.unsent)
        if is_unsent != was_unsent:
            # While bytes are unsent nothing more is read: a client that does not read its answers
            # may not ask for more. Left on without need, EPOLLOUT would wake the loop at once.
            self.poller.modify(descriptor, select.EPOLLOUT if is_unsent else select.EPOLLIN)
        return False

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
            is_over = not client.has_last_words() or self.transmit(
                client, descriptor, was_unsent=False
            )
        except OSError:
            is_over = True  # reset by the client
        if is_over:
            self.end(client, descriptor)

    def end(self, client: Client, descriptor: int) -> None:
        """Forget a client. Closing its socket takes it out of the epoll set, too."""
        del self.clients[descriptor]
        client.connection.close()


def send_some(client: Client) -> bool:
    """Send until nothing is left, the kernel has no more room, or others should have their turn;
    whether anything was sent. The rest goes when the kernel has room again."""
    unsent, sends = client.unsent or next(client.answers, b""), 0
    while unsent and sends < MOST_SENDS:
        try:
            sent = client.connection.send(unsent)
        except BlockingIOError:
            break
        sends += 1
        # A view: to copy the rest at each step would take longer than to send it.
        unsent = memoryview(unsent)[sent:] if sent < len(unsent) else next(client.answers, b"")
    client.unsent = unsent
    return sends > 0
