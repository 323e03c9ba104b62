"""asyncio: a coroutine for each connection, all in one thread; `await` says where another may go on.

Calls: epoll_wait accept recv send close
Fails by: one call that blocks or burns CPU without an await stops everybody

Looks like `thread`, runs like `epoll`. The loop is asyncio's, and accept, recv and send are called here
when it says that they can be: what its transports and streams do, without their buffers.
"""

import asyncio
import socket
import time

from engine.http1.messages import Piece
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.admission import Admission, pause_after
from engine.serving.closing import LINGER_BYTES, half_close, has_unread
from engine.serving.departure import Departure
from engine.serving.patience import Patience
from engine.serving.service import Service

CONNECTIONS = 20_000  # each costs some 10 KB of memory, and a descriptor
MOST_ACCEPTS = (
    16  # in a turn, which costs a client more than its accept; then the others' turn comes
)
MOST_SENDS = 16  # to one client in a row: it may read as fast as we send, and others wait
SWEEP_S = 1.0  # how often to look for clients whose time is over: cheaper than a timer for each


def serve(listener: socket.socket, service: Service) -> None:
    """Accept until told to leave; then wait for the coroutines."""
    listener.setblocking(False)
    run = service.run or asyncio.run  # an application may have its loop already
    run(Server(listener, service).run())


class Server:
    """Who accepts, and all who are served."""

    def __init__(self, listener: socket.socket, service: Service) -> None:
        self.listener = listener
        self.service = service
        self.admission = Admission(service, CONNECTIONS)
        self.clients: set[Client] = set()
        self.swept_s = time.monotonic()

    async def run(self) -> None:
        """Look now and then whether to leave, and whose time is over."""
        self.begin_to_accept()
        self.service.gauge("coroutines", lambda: len(self.clients))
        while self.service.accepting:
            await asyncio.sleep(ACCEPT_LOOKUP_S)
            self.sweep()
        asyncio.get_running_loop().remove_reader(self.listener)
        self.listener.close()
        self.admission.close_refused(all_of_them=True)
        while self.clients:
            await asyncio.sleep(ACCEPT_LOOKUP_S)
            self.sweep()

    def begin_to_accept(self) -> None:
        """Be called when somebody waits, in each turn of the loop."""
        if self.listener.fileno() >= 0:  # not closed during a pause
            asyncio.get_running_loop().add_reader(self.listener, self.accept)

    def accept(self) -> None:
        """Take those who wait; if there are more, the next turn says so again."""
        loop = asyncio.get_running_loop()
        for _ in range(MOST_ACCEPTS):
            try:
                connection, _ = self.listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                # The client stays in the queue, and would wake the loop at once, again and again.
                if pause_s := pause_after(error):
                    loop.remove_reader(self.listener)
                    loop.call_later(pause_s, self.begin_to_accept)
                return
            if len(self.clients) >= self.admission.cap:
                self.admission.refuse(connection)
                continue
            connection.setblocking(False)
            client = Client(connection, self.service, loop)
            self.clients.add(client)
            client.task = loop.create_task(self.talk(client))

    async def talk(self, client: "Client") -> None:
        """Answer one client, until it or we end the connection."""
        conversation, patience = client.conversation, client.patience
        try:
            while not conversation.ended:
                try:
                    data = await client.receive()
                except TimeoutError:  # silent, or slow, for too long
                    for piece in patience.last_words():
                        await client.send_all(piece)
                    break
                if not data:
                    return
                requests = conversation.receive(data)
                for request in requests:
                    if self.service.run is not None:
                        client.watch()
                    response = await self.service.answer_awaited(
                        request, conversation.peer, client.departure
                    )
                    if response.wait_s:
                        await asyncio.sleep(response.wait_s)
                    for piece in conversation.send(response):
                        await client.send_all(piece)
                        if response.more is not None:
                            await response.more()
                    if conversation.ended:
                        break  # requests after the last answer stay unanswered
                patience.follow(time.monotonic(), bool(requests))
            await client.linger()
        except OSError:
            pass  # the client is gone, or takes nothing of its answer
        finally:
            self.clients.discard(client)
            client.close()

    def sweep(self) -> None:
        """Wake the coroutines whose client's time is over."""
        now_s = time.monotonic()
        if now_s - self.swept_s < SWEEP_S:
            return
        self.swept_s = now_s
        self.admission.close_refused()
        for client in self.clients:
            if client.patience.is_over(now_s):
                client.give_up()


class Client:
    """A connection, and what its coroutine waits for: bytes, or room for them."""

    __slots__ = (
        "bytes", "connection", "conversation", "departure", "descriptor", "has_moved", "is_new",
        "is_read", "is_written", "loop", "patience", "room", "sends", "task",
    )  # fmt: skip

    def __init__(
        self, connection: socket.socket, service: Service, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.connection = connection
        self.descriptor = connection.fileno()
        self.conversation = service.converse(connection)
        self.patience = Patience(connection, self.conversation, service.limits, time.monotonic())
        self.departure = Departure()
        self.loop = loop
        self.bytes: asyncio.Future[bytes] | None = None
        self.room: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None  # the loop itself does not keep it alive
        self.is_new = True  # nothing has been received yet
        self.is_read = False  # the loop calls take() when there are bytes,
        self.is_written = False  # and find_room() when there is room
        self.has_moved = False  # something was sent since it last waited for room
        self.sends = 0

    def receive(self) -> "asyncio.Future[bytes]":
        """What comes next; to be awaited. Raises TimeoutError when that takes too long."""
        self.bytes = waiting = self.loop.create_future()
        if self.departure.has_come:
            waiting.set_result(b"")
        elif self.is_new:
            # Who has just been accepted has asked already, as a rule. Only once: a client that always
            # has something to say would never let the others have their turn.
            self.is_new = False
            self.take()
            if self.bytes is not None:
                self.watch()
        else:
            self.watch()
        return waiting

    def watch(self) -> None:
        """Have the loop say when there are bytes, or the end."""
        if not self.is_read:
            self.is_read = True
            self.loop.add_reader(self.descriptor, self.take)

    def take(self) -> None:
        """Receive for the one that waits."""
        waiting = self.bytes
        if waiting is None:
            self.look_away()
            return
        try:
            data = self.connection.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self.bytes = None
            waiting.set_exception(error)
        else:
            self.bytes = None
            waiting.set_result(data)

    def look_away(self) -> None:
        """Nobody waits for what is there: the loop is level-triggered, and would call again and again.
        Nothing is there: that is the client's end, and an application that is silent learns of it."""
        self.is_read = False
        self.loop.remove_reader(self.descriptor)
        if not has_unread(self.connection):
            try:
                self.connection.recv(RECEIVE_BYTES)
            except OSError:
                pass  # a reset: what is sent next will fail
            self.departure.come()

    async def send_all(self, piece: Piece) -> None:
        """Send it, and wait for room as long as it is not all sent, or for the others' turn."""
        while piece:
            try:
                sent = self.connection.send(piece)
            except BlockingIOError:
                self.patience.follow(time.monotonic(), self.has_moved, is_unsent=True)
                self.has_moved = False
                self.room = self.loop.create_future()
                self.is_written = True
                self.loop.add_writer(self.descriptor, self.find_room)
                await self.room
                continue
            self.has_moved = True
            # A view: to copy the rest at each step would take longer than to send it.
            piece = memoryview(piece)[sent:] if sent < len(piece) else b""
            self.sends += 1
            if self.sends % MOST_SENDS == 0:
                await asyncio.sleep(0)

    def find_room(self) -> None:
        """Wake the one that waits for it; left on, it would wake the loop at once."""
        self.is_written = False
        self.loop.remove_writer(self.descriptor)
        room, self.room = self.room, None
        if room is not None:
            room.set_result(None)

    async def linger(self) -> None:
        """After the last answer: the end in stages (serving/closing.py)."""
        if not half_close(self.connection, self.conversation):
            return
        self.patience.await_end(time.monotonic())
        left_bytes = LINGER_BYTES
        while left_bytes > 0 and (data := await self.receive()):
            left_bytes -= len(data)

    def give_up(self) -> None:
        """The client's time is over: raise TimeoutError in the coroutine, if it waits for the client."""
        for waiting in (self.bytes, self.room):
            if waiting is not None:
                waiting.set_exception(TimeoutError())
        self.bytes = self.room = None

    def close(self) -> None:
        """First out of the loop: closed before, its number may be another client's."""
        if self.is_read:
            self.loop.remove_reader(self.descriptor)
        if self.is_written:
            self.loop.remove_writer(self.descriptor)
        self.connection.close()
