"""select: one thread sleeps until one of its sockets is ready, out of 1,024 at most.

Calls: select accept recv send close
Fails by: the wall at descriptor 1,024; a look at every socket each time; a handler that blocks

The sets are bits in an array of 1,024, copied to the kernel and back at each call: a socket with a higher
number has no bit (select(2), FD_SETSIZE). Its client is answered 503.
"""

import select
import socket
import time
from collections.abc import Iterator

from engine.http1.conversation import Conversation
from engine.http1.messages import Piece
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.admission import SPARE_DESCRIPTORS, Admission, pause_after
from engine.serving.loop_client import Client
from engine.serving.service import Service

FD_SETSIZE = 1_024  # descriptors from here on have no bit
CONNECTIONS = FD_SETSIZE - SPARE_DESCRIPTORS
CLIENTS_PER_ACCEPT = 64  # each turn looks at every client: the more there are, the more it lets in
MOST_SENDS = 16  # to one client in one turn: it may read as fast as we send, and others wait
SWEEP_S = 1.0  # how often the loop looks for clients whose time is over


def serve(listener: socket.socket, service: Service) -> None:
    """Turn until told to leave; then on, without accepting, until the last client is gone."""
    listener.setblocking(False)
    loop = Loop(listener, service)
    service.gauge("reading", lambda: len(loop.to_read))
    service.gauge("writing", lambda: len(loop.to_write))
    service.gauge("highest", lambda: max(loop.to_read | loop.to_write, default=0))
    while service.accepting:
        loop.turn()
    # Level-triggered: left in the set, it would wake this loop for clients that another one takes.
    loop.to_read.discard(loop.listening)
    loop.pause_ends_s = 0.0  # else it would look at the listener again
    listener.close()
    loop.admission.close_refused(all_of_them=True)
    while loop.clients:
        loop.turn()


class Loop:
    """The clients by descriptor, and what is done when one of them is ready."""

    def __init__(self, listener: socket.socket, service: Service) -> None:
        self.listener = listener
        self.listening = listener.fileno()
        self.service = service
        self.admission = Admission(service, CONNECTIONS, at_most=CONNECTIONS)
        self.clients: dict[int, Client] = {}
        self.to_read = {self.listening}
        self.to_write: set[int] = set()
        self.now_s = self.swept_s = time.monotonic()
        self.pause_ends_s = 0.0

    def turn(self) -> None:
        """Sleep until something is ready (or it is time to look whether to leave); serve that."""
        readable, writable, _ = select.select(self.to_read, self.to_write, (), ACCEPT_LOOKUP_S)
        self.now_s = time.monotonic()
        for descriptor in readable + writable:
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
        if self.pause_ends_s and self.now_s > self.pause_ends_s:
            self.pause_ends_s = 0.0
            self.to_read.add(self.listening)
        if self.now_s - self.swept_s > SWEEP_S:
            self.sweep()

    def accept(self) -> None:
        """Take one connection, in a crowd several; if more wait, the next turn says so again."""
        for _ in range(1 + len(self.clients) // CLIENTS_PER_ACCEPT):
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # The client stays in the queue, and would wake the loop at once, again and again. To
                # sleep would make everybody wait: the listener is passed over for a moment instead.
                if pause_s := pause_after(error):
                    self.to_read.discard(self.listening)
                    self.pause_ends_s = self.now_s + pause_s
                return
            if len(self.clients) >= self.admission.cap or connection.fileno() >= FD_SETSIZE:
                self.admission.refuse(connection)
                continue
            connection.setblocking(False)
            self.clients[connection.fileno()] = Client(connection, self.service, self.now_s)
            self.to_read.add(connection.fileno())

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
            # may not ask for more. Left in without need, it would wake the loop at once.
            for watched in (self.to_read, self.to_write):
                watched.symmetric_difference_update((descriptor,))
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
        """Forget a client. A closed descriptor left in a set would fail the next select (EBADF)."""
        self.to_read.discard(descriptor)
        self.to_write.discard(descriptor)
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
