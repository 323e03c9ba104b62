"""A small server in a thread of the test, whose answers are what the test says."""

import asyncio
import threading
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

Answer = Callable[[int, Writer], Awaitable[bool]]
"""Given the number of the request on its connection, from 1; False closes the connection."""


async def good(_: int, writer: Writer) -> bool:
    writer.write(GOOD)
    return True


class Answering:
    """Counts what it sees."""

    def __init__(self, answer: Answer) -> None:
        self.connections = self.requests = self.bytes_in = self.bytes_out = 0
        self.unfinished: list[bytes] = []  # heads whose clients went away
        self.url = ""
        self._answer = answer
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        self._tasks.add(asyncio.ensure_future(self._serve(reader, writer)))

    async def _serve(self, reader: Reader, writer: Writer) -> None:
        number = 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                number += 1
                self.requests += 1
                self.bytes_in += len(head)
                if not await self._answer(number, writer):
                    break
        except asyncio.IncompleteReadError as error:
            if error.partial:
                self.unfinished.append(error.partial)
        except OSError:
            pass
        finally:
            writer.close()

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@contextmanager
def answering(answer: Answer = good) -> Iterator[Answering]:
    server = Answering(answer)
    loop = asyncio.new_event_loop()
    has_begun = threading.Event()
    is_over = asyncio.Event()

    async def serve() -> None:
        listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, backlog=512)
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
        has_begun.set()
        await is_over.wait()
        listener.close()
        await server.end()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert has_begun.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()
