"""reactor-pool: one thread watches all sockets; a pool of threads runs the handlers.

Calls: epoll_create epoll_ctl epoll_wait accept recv futex send close
Fails by: slow handlers fill the pool, and whole requests wait in a queue that no client sees

A slow client holds no thread: the pool is given whole requests, and answers of which an application is to
make the next piece. EPOLLONESHOT: a socket is named once, and then not until it is armed again, so the
loop hears nothing of a client that a thread has.
"""

import queue
import select
import socket
import threading
import time
from collections import deque

from engine.http1.conversation import Answer
from engine.http1.messages import Request
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
    pool = Pool(service)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    poller.register(pool.alarm, select.EPOLLIN)
    loop = Loop(listener, poller, pool, service)
    service.gauge("parked", lambda: sum(not one.is_away for one in loop.clients.values()))
    service.gauge("away", lambda: sum(one.is_away for one in loop.clients.values()))
    while service.accepting:
        loop.turn()
    poller.unregister(listener)
    loop.pause_ends_s = 0.0  # else it would look at the listener again
    listener.close()
    loop.admission.close_refused(all_of_them=True)
    while loop.clients:
        loop.turn()
    pool.end()
    poller.close()


class Pooled(Client):
    """A client, and what is left of its last bytes. Either the loop has it, or one thread."""

    __slots__ = ("answer", "descriptor", "is_away", "is_broken_off", "requests")

    def __init__(self, connection: socket.socket, service: Service, now_s: float) -> None:
        super().__init__(connection, service, now_s)
        self.descriptor = connection.fileno()
        self.requests: deque[Request] = deque()  # whole ones, not yet handed over
        self.answer: Answer | None = None  # the one whose pieces are made and sent
        self.is_away = False  # with a thread
        self.is_broken_off = False  # the application failed amid its answer


class Pool:
    """The threads. They run handlers and make answers, an application's piece by piece; they touch no
    socket but the alarm."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.jobs: queue.Queue[Pooled | None] = queue.Queue()
        self.done: deque[Pooled] = deque()
        self.alarm, self.bell = socket.socketpair()  # epoll cannot wait for a queue
        self.alarm.setblocking(False)
        self.bell.setblocking(False)
        self.threads = [threading.Thread(target=self.work) for _ in range(service.pool.threads)]
        for thread in self.threads:
            thread.start()

    def work(self) -> None:
        """Answer one request after the other, whosever it is."""
        while (client := self.jobs.get()) is not None:
            if client.answer is None:
                answer = self.service.answer(client.requests.popleft(), client.conversation.peer)
                if answer.wait_s:
                    time.sleep(answer.wait_s)  # and this thread waits, nobody else
                client.answers = iter(client.conversation.send(answer))
                client.answer = answer
            try:
                client.unsent = next(client.answers, b"")
            except OSError:
                client.is_broken_off = True
            self.done.append(client)
            try:
                self.bell.send(b"!")
            except BlockingIOError:
                pass  # full of what the loop has not heard yet: it will wake

    def end(self) -> None:
        """Let the threads go; nothing is left to do."""
        for _ in self.threads:
            self.jobs.put(None)
        for thread in self.threads:
            thread.join()
        self.alarm.close()
        self.bell.close()


class Loop:
    """The clients by descriptor, and what is done when one of them is ready."""

    def __init__(
        self, listener: socket.socket, poller: select.epoll, pool: Pool, service: Service
    ) -> None:
        self.listener = listener
        self.listening = listener.fileno()
        self.poller = poller
        self.pool = pool
        self.alarm = pool.alarm.fileno()
        self.service = service
        self.admission = Admission(service, CONNECTIONS)
        self.clients: dict[int, Pooled] = {}
        self.now_s = self.swept_s = time.monotonic()
        self.pause_ends_s = 0.0

    def turn(self) -> None:
        """Sleep until something is ready (or it is time to look whether to leave); serve that."""
        ready = self.poller.poll(ACCEPT_LOOKUP_S, MOST_READY)
        self.now_s = time.monotonic()
        for descriptor, _ in ready:  # what for need not be looked at: it is watched for one thing
            if descriptor == self.listening:
                self.accept()
            elif descriptor == self.alarm:
                self.pool.alarm.recv(RECEIVE_BYTES)  # before looking: a later ring wakes us again
                while self.pool.done:
                    client = self.pool.done.popleft()
                    client.is_away = False
                    if client.is_broken_off:
                        self.end(client)
                    else:
                        self.serve(client, has_answer=True)
            else:
                self.serve(self.clients[descriptor])
        if self.pause_ends_s and self.now_s > self.pause_ends_s:
            self.pause_ends_s = 0.0
            self.poller.modify(self.listening, select.EPOLLIN)
        # In a full turn somebody may be ready and not yet named: not silent, only waiting for us.
        if self.now_s - self.swept_s > SWEEP_S and len(ready) < MOST_READY:
            self.sweep()

    def accept(self) -> None:
        """Take one connection; if more wait, the next turn says so again."""
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
            return
        connection.setblocking(False)
        self.clients[connection.fileno()] = Pooled(connection, self.service, self.now_s)
        self.poller.register(connection, select.EPOLLIN | select.EPOLLONESHOT)

    def serve(self, client: Pooled, has_answer: bool = False) -> None:
        """Let a client go on, and say what it waits for after that; or end it."""
        try:
            is_over = self.transmit(client) if has_answer else self.talk(client)
        except BlockingIOError:
            is_over = False  # it was ready when it was named, and is not any more
        except OSError:
            is_over = True  # reset by the client
        if is_over:
            self.end(client)
        elif not client.is_away:
            # While bytes are unsent nothing more is read: a client that does not read its answers
            # may not ask for more.
            wanted = select.EPOLLOUT if client.unsent else select.EPOLLIN
            self.poller.modify(client.descriptor, wanted | select.EPOLLONESHOT)

    def talk(self, client: Pooled) -> bool:
        """Send what is left, or else receive; True when the connection is over."""
        if client.lingers_bytes:  # closed by us: what the client still sends is thrown away
            return client.discard(client.connection.recv(RECEIVE_BYTES))
        if not client.unsent:
            data = client.connection.recv(RECEIVE_BYTES)
            if not data:
                return True
            client.requests.extend(client.conversation.receive(data))
        return self.transmit(client)

    def transmit(self, client: Pooled) -> bool:
        """Send what the kernel has room for, then hand the rest of the answer to the pool if it is to be
        made, or the next request: one at a time, so that answers keep their order. True when that was
        the end of the connection."""
        has_moved = send_some(client)
        if not client.unsent:
            if client.answer and client.answer.is_over:
                client.answer = None
            if client.answer or (client.requests and not client.conversation.ended):
                client.is_away = True
                self.pool.jobs.put(client)
                return False
        return client.settle(has_moved)

    def sweep(self) -> None:
        """Look for clients whose time is over. One that is with a thread waits for us."""
        self.swept_s = self.now_s
        self.admission.close_refused()
        for client in list(self.clients.values()):
            if not client.is_away and client.patience.is_over(self.now_s):
                self.give_up(client)

    def give_up(self, client: Pooled) -> None:
        """End a client; one that is owed an answer to that gets it first."""
        if client.has_last_words():
            self.serve(client, has_answer=True)
        else:
            self.end(client)

    def end(self, client: Pooled) -> None:
        """Forget a client. Closing its socket takes it out of the epoll set, too."""
        del self.clients[client.descriptor]
        client.connection.close()


def send_some(client: Pooled) -> bool:
    """Send until nothing is left, or is yet to be made by an application, the kernel has no more room, or
    others should have their turn; whether anything was sent. The rest goes when the kernel says EPOLLOUT."""
    is_made = client.answer is None or client.answer.is_over
    unsent, sends = client.unsent, 0
    while unsent and sends < MOST_SENDS:
        try:
            sent = client.connection.send(unsent)
        except BlockingIOError:
            break
        sends += 1
        # A view: to copy the rest at each step would take longer than to send it.
        if sent < len(unsent):
            unsent = memoryview(unsent)[sent:]
        else:
            unsent = next(client.answers, b"") if is_made else b""
    client.unsent = unsent
    return sends > 0
