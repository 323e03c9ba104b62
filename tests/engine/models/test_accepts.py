"""How many a loop accepts before the others have their turn."""

import asyncio
import contextlib
import errno
import os
import select
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.handlers.site import WWW, Site
from engine.limits import DEFAULT_LIMITS
from engine.models import epoll_loop
from engine.models.asyncio_loop import MOST_ACCEPTS, Server
from engine.serving.service import Service, Settings

WAITING = 2 * MOST_ACCEPTS + 5


class Counting(socket.socket):
    """A listener that counts, and may have no descriptor for the next one."""

    accepts = 0
    fails_at = 0

    def accept(self) -> tuple[socket.socket, object]:
        if self.fails_at and self.accepts == self.fails_at:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        taken = super().accept()
        self.accepts += 1
        return taken


@contextlib.contextmanager
def waiting() -> Iterator[Counting]:
    """A listener for which clients wait."""
    with contextlib.ExitStack() as stack:
        plain = socket.create_server(("127.0.0.1", 0), backlog=WAITING)
        listener = stack.enter_context(Counting(fileno=plain.detach()))
        listener.setblocking(False)
        for _ in range(WAITING):
            stack.enter_context(socket.create_connection(listener.getsockname(), 10))
        yield listener


def service(cap: int = 0) -> Service:
    settings = Settings(memoryview(bytearray(64 * 8)).cast("Q"))
    limits = replace(DEFAULT_LIMITS, connections=cap)
    return Service(settings, Site(WWW).answer, lambda: None, limits)


def turns(check: Callable[[Server, Counting], None], cap: int = 0) -> None:
    """Clients wait, and no loop turns but by `check`."""

    async def main() -> None:
        with waiting() as listener:
            server = Server(listener, service(cap))
            check(server, listener)
            server.admission.close_refused(all_of_them=True)
            tasks = [client.task for client in server.clients if client.task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for client in list(server.clients):  # whose coroutine had not begun
                client.connection.close()

    asyncio.run(main())


def test_a_turn_takes_those_who_wait_but_not_all_of_a_crowd() -> None:
    def check(server: Server, listener: Counting) -> None:
        counts = []
        for _ in range(4):
            server.accept()
            counts.append(listener.accepts)
        assert counts == [MOST_ACCEPTS, 2 * MOST_ACCEPTS, WAITING, WAITING]
        assert len(server.clients) == WAITING

    turns(check)


def test_beyond_the_cap_those_of_the_same_turn_are_refused() -> None:
    def check(server: Server, listener: Counting) -> None:
        server.accept()
        assert (listener.accepts, len(server.clients)) == (MOST_ACCEPTS, 3)
        assert server.service.settings.refused == (MOST_ACCEPTS - 3, 0)

    turns(check, cap=3)


def test_without_a_descriptor_the_turn_ends_and_a_pause_begins() -> None:
    def check(server: Server, listener: Counting) -> None:
        loop = asyncio.get_running_loop()
        server.begin_to_accept()
        listener.fails_at = 5
        server.accept()
        assert (listener.accepts, len(server.clients)) == (5, 5)
        assert not loop.remove_reader(listener)  # it was passed over already

    turns(check)


def test_a_turn_of_epoll_takes_as_many_as_it_serves() -> None:
    with waiting() as listener, select.epoll() as poller:
        poller.register(listener, select.EPOLLIN)
        loop = epoll_loop.Loop(listener, poller, service())
        loop.turn()  # nobody has said anything
        assert listener.accepts == 1
        loop.accept(5)
        assert listener.accepts == len(loop.clients) == 6
        listener.fails_at = 8
        loop.accept(5)
        assert listener.accepts == 8
        assert not poller.poll(0)  # it is passed over for a moment
        listener.fails_at = 0
        loop.accept(2 * WAITING)
        assert listener.accepts == len(loop.clients) == WAITING
        for client in loop.clients.values():
            client.connection.close()
