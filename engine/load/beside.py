"""Unfriendly clients beside the load: slow heads, slow readers, and clients that say nothing.

Their requests are in no count and no percentile; the connections are counted apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from engine.load.figures import Counts
from engine.load.plan import Plan
from engine.load.target import Target

BETWEEN_S = 1.0  # a byte, or a kilobyte, each second; and until a new connection after an end
READ_BYTES = 1024
RECEIVE_BUFFER_BYTES = 4096  # the kernel doubles it; the less it takes, the sooner the server waits

Do = Callable[[socket.socket], Awaitable[None]]


class Beside:
    """All of them; they begin when it is made."""

    def __init__(self, plan: Plan, target: Target, counts: Counts) -> None:
        self._target = target
        self._counts = counts
        self._loop = asyncio.get_running_loop()
        self._request = f"GET {target.path} HTTP/1.1\r\nHost: {target.host_header}\r\n".encode(
            "ascii"
        )
        kinds = (
            (plan.slow_heads, self._send_slowly),
            (plan.slow_readers, self._read_slowly),
            (plan.silent, self._say_nothing),
        )
        self._tasks = [
            asyncio.create_task(self._again_and_again(do))
            for count, do in kinds
            for _ in range(count)
        ]

    def stop(self) -> None:
        """End them."""
        for task in self._tasks:
            task.cancel()

    async def _again_and_again(self, do: Do) -> None:
        family = socket.AF_INET6 if ":" in self._target.address else socket.AF_INET
        while True:
            with contextlib.suppress(OSError), socket.socket(family) as client:
                client.setblocking(False)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
                await self._loop.sock_connect(client, (self._target.address, self._target.port))
                self._counts.connections_beside += 1
                await do(client)
            await asyncio.sleep(BETWEEN_S)

    async def _send_slowly(self, client: socket.socket) -> None:
        await self._loop.sock_sendall(client, self._request + b"X-Slow: ")
        while True:
            await asyncio.sleep(BETWEEN_S)
            await self._loop.sock_sendall(client, b"x")

    async def _read_slowly(self, client: socket.socket) -> None:
        await self._loop.sock_sendall(client, self._request + b"\r\n")
        while await self._loop.sock_recv(client, READ_BYTES):
            await asyncio.sleep(BETWEEN_S)

    async def _say_nothing(self, client: socket.socket) -> None:
        await self._loop.sock_recv(client, 1)  # until the server closes
