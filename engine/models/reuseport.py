"""reuseport: worker processes, each with a loop and a listening socket of its own on the same port.

Calls: fork setsockopt bind listen epoll_create epoll_ctl epoll_wait accept recv send close waitpid
Fails by: clients queued for a busy worker wait while others are free, and are reset if it dies

The kernel chooses by a hash of both addresses when a client comes, before anybody accepts. There is
no shared queue to fight for, and none to share the work.
"""

import select
import socket
import time
from collections.abc import Iterator
from functools import partial

from engine.http1.conversation import Conversation
from engine.http1.messages import Piece
from engine.listener import (
    ACCEPT_LOOKUP_S,
    RECEIVE_BYTES,
    share_port,
    stand_alone,
    steer_to_first,
)
from engine.serving.admission import in_turn, pause_after
from engine.serving.loop_client import Client
from engine.serving.service import Service
from engine.serving.worker_processes import keep_workers

CONNECTIONS = 20_000  # of all workers together; each costs a few KB of memory, and a descriptor
MOST_READY = 1_000  # sockets that one turn serves
MOST_SENDS = 16  # to one client in one turn: it may read as fast as we send, and others wait
SWEEP_S = 1.0  # how often the loop looks for clients whose time is over


def serve(listener: socket.socket, service: Service) -> None:
    """Keep the workers until told to leave; then wait for them."""
    # While we serve, and no longer: with it set, another server could take the port unnoticed.
    share_port(listener)
    cap = in_turn(service, CONNECTIONS)
    workers = min(service.pool.workers, cap)
    alone = partial(stand_alone, listener)
    keep_workers(workers, partial(work, listener, service, workers), service, alone)
    listener.close()


def work(listener: socket.socket, service: Service, workers: int, number: int) -> None:
    """One worker: turn until told to leave; then on, without accepting, until its last client is gone."""
    # The first one's is the socket that was there before. Left alone it would be given its share of
    # the clients all the same, and nobody would take them.
    own = service.beside(listener) if number else listener
    own.setblocking(False)
    poller = select.epoll()
    loop = Loop(own, poller, service, (service.settings.cap + number) // workers)
    service.gauge("watched", lambda: len(loop.clients) + 1)  # and the listener
    while service.settings.accepting:
        loop.turn()
    loop.look_away()
    loop.pause_ends_s = 0.0
    if own is not listener:
        # Closed now, it would reset the clients that the kernel has queued in it: so no more of them,
        # and then those.
        steer_to_first(own)
        while loop.accept():
            pass
    own.close()
    assert not service.accepting  # asked, it tells that we have left
    while loop.clients:
        loop.turn()
    poller.close()


class Loop:
    """The clients by descriptor, and what is done when one of them is ready."""

    def __init__(
        self, listener: socket.socket, poller: select.epoll, service: Service, cap: int
    ) -> None:
        self.listener = listener
        self.listening = listener.fileno()
        self.poller = poller
        self.service = service
        self.cap = cap
        self.is_looking = False
        self.clients: dict[int, Client] = {}
        self.now_s = self.swept_s = time.monotonic()
        self.pause_ends_s = 0.0
        self.look()

    def look(self) -> None:
        """Be told of clients that come."""
        self.poller.register(self.listener, select.EPOLLIN)
        self.is_looking = True

    def look_away(self) -> None:
        """Be told no more: level-triggered, it would wake this loop for clients that it has no room for."""
        if self.is_looking:
            self.poller.unregister(self.listener)
            self.is_looking = False

    def turn(self) -> None:
        """Sleep until something is ready (or it is time to look whether to leave); serve that."""
        ready = self.poller.poll(ACCEPT_LOOKUP_S, MOST_READY)
        self.now_s = time.monotonic()
        for descriptor, _ in ready:  # what for need not be looked at: it is watched for one thing
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
            self.look()
        # In a full turn somebody may be ready and not yet named: not silent, only waiting for us.
        if self.now_s - self.swept_s > SWEEP_S and len(ready) < MOST_READY:
            self.sweep()

    def accept(self) -> bool:
        """Take one connection, if there is one; if more wait, the next turn says so again."""
        try:
            connection, _ = self.listener.accept()
        except BlockingIOError:
            return False
        except OSError as error:
            # The client stays in the queue, and would wake the loop at once, again and again. To
            # sleep would make everybody wait: the listener is passed over for a moment instead.
            if pause_s := pause_after(error):
                self.look_away()
                self.pause_ends_s = self.now_s + pause_s
            return not pause_s
        connection.setblocking(False)
        self.clients[connection.fileno()] = Client(connection, self.service, self.now_s)
        self.poller.register(connection, select.EPOLLIN)
        if len(self.clients) >= self.cap:
            self.look_away()
        return True

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
        if not (self.is_looking or self.pause_ends_s) and self.service.settings.accepting:
            self.look()


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
