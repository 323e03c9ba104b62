"""generators: a generator for each connection; it yields what it waits for to a scheduler of our own.

Calls: epoll_wait accept recv send close
Fails by: one call that blocks or burns CPU between two yields stops everybody

What asyncio is made of, in a hundred lines: looks like `thread`, and where that would block, there is a
yield. (David Beazley, "Python Concurrency From the Ground Up", 2015: his waits in select, this in epoll.)
"""

import heapq
import itertools
import selectors
import socket
import time
from collections import deque
from collections.abc import Generator

from engine.http1.conversation import Conversation
from engine.http1.messages import Piece
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.admission import Admission, pause_after
from engine.serving.closing import LINGER_BYTES, half_close
from engine.serving.patience import Patience
from engine.serving.service import Service

CONNECTIONS = 20_000  # each costs a few KB of memory, and a descriptor
MOST_SENDS = 16  # to one client in a row: it may read as fast as we send, and others wait
SWEEP_S = 1.0  # how often the scheduler looks for clients whose time is over

RECV, SEND = selectors.EVENT_READ, selectors.EVENT_WRITE
SLEEP = 0
Wish = tuple[int, socket.socket, float]
"""What a task yields: RECV or SEND, a socket, and the time when it has waited too long; SLEEP, its
socket, and the time when to go on."""
Task = Generator[Wish, None, None]
FOREVER_S = float("inf")


def serve(listener: socket.socket, service: Service) -> None:
    """Turn until told to leave; then on, without accepting, until the last task has ended."""
    listener.setblocking(False)
    scheduler = Scheduler()
    service.gauge("runnable", lambda: len(scheduler.runnable))
    service.gauge("receiving", lambda: scheduler.waiting_for(RECV))
    service.gauge("sending", lambda: scheduler.waiting_for(SEND))
    service.gauge("asleep", lambda: len(scheduler.sleeping))
    admission = Admission(service, CONNECTIONS)
    scheduler.begin(accept(listener, service, admission, scheduler), listener)
    while service.accepting:
        scheduler.turn()
        admission.close_refused()
    scheduler.end(listener)
    admission.close_refused(all_of_them=True)
    while scheduler.tasks:
        scheduler.turn()
    scheduler.selector.close()


class Scheduler:
    """The tasks, and what each of them waits for."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.tasks: dict[socket.socket, Task] = {}
        self.runnable: deque[tuple[socket.socket, TimeoutError | None]] = deque()
        self.waiting: dict[socket.socket, float] = {}  # until when
        self.sleeping: list[tuple[float, int, socket.socket]] = []  # a heap, the next to wake first
        self.numbers = itertools.count()  # of two that wake at once, who came first
        self.watched: dict[socket.socket, int] = {}  # as the selector knows them
        self.swept_s = time.monotonic()

    def begin(self, task: Task, sock: socket.socket) -> None:
        """Let a task run; `sock` is its own, and closed when it ends."""
        self.tasks[sock] = task
        self.runnable.append((sock, None))

    def turn(self) -> None:
        """Sleep until somebody can go on (or it is time to look whether to leave); let each of them
        run to its next yield."""
        for key, _ in self.selector.select(self.idle_s()):
            self.wake(key.fileobj)  # type: ignore[arg-type]  # a socket, not a number
        now_s = time.monotonic()
        while self.sleeping and self.sleeping[0][0] <= now_s:
            self.runnable.append((heapq.heappop(self.sleeping)[2], None))
        for _ in range(len(self.runnable)):
            sock, late = self.runnable.popleft()
            self.run(sock, late)
        # Only now: who is about to run does not wait, and some always are.
        if now_s - self.swept_s > SWEEP_S:
            self.sweep(now_s)

    def idle_s(self) -> float:
        """For how long nobody has anything to do."""
        if self.runnable:
            return 0.0
        if not self.sleeping:
            return ACCEPT_LOOKUP_S
        return max(0.0, min(ACCEPT_LOOKUP_S, self.sleeping[0][0] - time.monotonic()))

    def wake(self, sock: socket.socket) -> None:
        """A socket is ready. If its task waits for something else, look away: the selector is
        level-triggered, and would name it again and again."""
        if self.waiting.pop(sock, None) is None:
            self.look_away(sock)
        else:
            self.runnable.append((sock, None))

    def run(self, sock: socket.socket, late: TimeoutError | None) -> None:
        """Let a task go on, and note what it wishes next."""
        task = self.tasks.get(sock)
        if task is None:
            return  # ended while it slept: the listener's, when we leave
        try:
            wish, _, until_s = task.throw(late) if late else next(task)
        except StopIteration:
            self.end(sock)
            return
        if wish == SLEEP:
            heapq.heappush(self.sleeping, (until_s, next(self.numbers), sock))
            return
        self.waiting[sock] = until_s
        watched = self.watched.get(sock)
        if watched != wish:
            (self.selector.modify if watched else self.selector.register)(sock, wish)
            self.watched[sock] = wish

    def waiting_for(self, wish: int) -> int:
        """How many tasks wait for that."""
        return sum(self.watched[sock] == wish for sock in self.waiting)

    def sweep(self, now_s: float) -> None:
        """Raise TimeoutError in the tasks that have waited too long."""
        self.swept_s = now_s
        for sock in [sock for sock, until_s in self.waiting.items() if now_s > until_s]:
            del self.waiting[sock]
            self.runnable.append((sock, TimeoutError()))

    def look_away(self, sock: socket.socket) -> None:
        """Closed without that, its number would stand in the selector for the next one."""
        if self.watched.pop(sock, None):
            self.selector.unregister(sock)

    def end(self, sock: socket.socket) -> None:
        """Forget a task, and close its socket."""
        self.look_away(sock)
        self.waiting.pop(sock, None)
        self.tasks.pop(sock).close()
        sock.close()


def accept(
    listener: socket.socket, service: Service, admission: Admission, scheduler: Scheduler
) -> Task:
    """Take one connection after the other, and begin a task for each."""
    while True:
        yield RECV, listener, FOREVER_S
        try:
            connection, _ = listener.accept()
        except BlockingIOError:
            continue
        except OSError as error:
            if pause_s := pause_after(error):
                yield SLEEP, listener, time.monotonic() + pause_s
            continue
        if len(scheduler.tasks) > admission.cap:  # one of them is this one
            admission.refuse(connection)
        else:
            connection.setblocking(False)
            scheduler.begin(talk(connection, service), connection)


def talk(connection: socket.socket, service: Service) -> Task:
    """Answer one client, until it or we end the connection."""
    conversation = service.converse(connection)
    patience = Patience(connection, conversation, service.limits, time.monotonic())
    try:
        while not conversation.ended:
            try:
                yield RECV, connection, patience.ends_s
                data = connection.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except TimeoutError:  # silent, or slow, for too long
                for piece in patience.last_words():
                    yield from send_all(connection, piece, patience)
                break
            if not data:
                return
            requests = conversation.receive(data)
            for answered, request in enumerate(requests, start=1):
                response = service.answer(request, conversation.peer)
                if response.wait_s or answered % MOST_SENDS == 0:
                    yield SLEEP, connection, time.monotonic() + response.wait_s
                for sent, piece in enumerate(conversation.send(response), start=1):
                    yield from send_all(connection, piece, patience)
                    if sent % MOST_SENDS == 0:
                        yield SLEEP, connection, 0.0
                if conversation.ended:
                    break  # requests after the last answer stay unanswered
            patience.follow(time.monotonic(), bool(requests))
        yield from linger(connection, conversation, patience)
    except OSError:
        pass  # the client is gone, or takes nothing of its answer


def send_all(connection: socket.socket, piece: Piece, patience: Patience) -> Task:
    """Send it, and wait for room as long as it is not all sent. OSError: the client is gone, or took
    nothing for too long."""
    has_moved = True  # whether something was sent since it last waited
    while piece:
        try:
            sent = connection.send(piece)
        except BlockingIOError:
            patience.follow(time.monotonic(), has_moved, is_unsent=True)
            has_moved = False
            try:
                yield SEND, connection, patience.ends_s
            except TimeoutError:
                if not patience.has_taken(time.monotonic()):
                    raise
            continue
        has_moved = True
        # A view: to copy the rest at each step would take longer than to send it.
        piece = memoryview(piece)[sent:] if sent < len(piece) else b""


def linger(connection: socket.socket, conversation: Conversation, patience: Patience) -> Task:
    """After the last answer: the end in stages (serving/closing.py)."""
    if not half_close(connection, conversation):
        return
    patience.await_end(time.monotonic())
    left_bytes = LINGER_BYTES
    while left_bytes > 0:
        yield RECV, connection, patience.ends_s
        data = connection.recv(RECEIVE_BYTES)
        if not data:
            return
        left_bytes -= len(data)
