"""A small server that counts what a client does to it, and answers as a test wishes."""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

DEADLINE_S = 20.0
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Server:
    """Counts connections and whole requests; `answer` writes what it likes, False closes."""

    def __init__(self, answer: Callable[[int, Writer], Awaitable[bool]]) -> None:
        self.answer = answer
        self.connections = 0
        self.requests = 0
        self.tasks: set[asyncio.Task[None]] = set()
        self.url = ""

    async def serve(self, reader: Reader, writer: Writer) -> None:
        self.connections += 1
        served = 0
        try:
            while await self._whole_request(reader):
                self.requests += 1
                served += 1
                if not await self.answer(served, writer):
                    break
        except OSError:
            pass
        finally:
            writer.close()

    @staticmethod
    async def _whole_request(reader: Reader) -> bytes:
        try:
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""

    def accept(self, reader: Reader, writer: Writer) -> None:
        task = asyncio.ensure_future(self.serve(reader, writer))
        self.tasks.add(task)


@asynccontextmanager
async def serving(answer: Callable[[int, Writer], Awaitable[bool]]) -> AsyncIterator[Server]:
    server = Server(answer)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, backlog=512)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
    try:
        yield server
    finally:
        listener.close()
        for task in server.tasks:
            task.cancel()
        await asyncio.gather(*server.tasks, return_exceptions=True)


async def good(_: int, writer: Writer) -> bool:
    writer.write(GOOD)
    return True


def reset(writer: Writer) -> None:
    """Close with RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
