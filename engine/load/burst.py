"""The virtual users: each sends a request, reads the whole response, and asks again.

One thread, one event loop. Each user has its own transport of one connection: a pool shared by
many closes connections that it should keep, and slows down with the square of their number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Any, Protocol, cast

import httpx

from engine.load import result
from engine.load.errors import KIND_OF_ERRNO
from engine.load.result import Burst, BurstResult, Progress, Tally
from engine.load.target import Target, resolve

PROGRESS_EVERY_S = 0.2  # five reports a second are enough to draw
HEAD_END = b"\r\n\r\n"  # RFC 9112, 2.1
_DISCONNECTS = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
_BODILESS = (204, 304)  # RFC 9110, 6.4.1: Content-Length tells of a body that is not sent


async def run(burst: Burst, on_progress: Callable[[Progress], None] | None = None) -> BurstResult:
    """Send the burst; raises ValueError for a URL that `resolve` refuses.

    When cancelled it returns what is known of the requests that had ended.
    """
    target = resolve(burst.url, allow_remote=burst.allow_remote)
    tally = Tally(wanted=burst.requests, started_ns=time.monotonic_ns())
    turns = iter(range(burst.requests))
    try:
        users = [User(burst, target, tally) for _ in range(min(burst.connections, burst.requests))]
    except httpx.InvalidURL as error:
        raise ValueError(f"not a URL: {burst.url!r} ({error})") from error
    reporter = asyncio.create_task(_report(tally, on_progress)) if on_progress else None
    tasks = [asyncio.create_task(user.run(turns)) for user in users]
    try:
        await asyncio.gather(*tasks)
    except asyncio.CancelledError:
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        if reporter is not None:
            reporter.cancel()
    return tally.result(time.monotonic_ns())


async def _report(tally: Tally, on_progress: Callable[[Progress], None]) -> None:
    while True:
        await asyncio.sleep(PROGRESS_EVERY_S)
        on_progress(tally.progress(time.monotonic_ns()))


class BadResponseError(Exception):
    """A response that arrived but is not good; its text is the kind of error."""


class Stream(Protocol):
    """The part of httpcore's network stream that is used here."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes: ...


class Tap:
    """Counts what the transport hides: connections opened, and bytes read for one request.

    A reused connection that is closed before the first byte of a response is no error of the
    server, and httpx has one exception for this and for a response cut in its headers.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.begin()

    def begin(self) -> None:
        """A request is about to be sent."""
        self.is_fresh = False  # a connection was opened for it
        self.received_bytes = 0
        self.saw_end = False
        self._head = b""
        self._head_bytes = 0

    async def trace(self, name: str, info: dict[str, Any]) -> None:
        """httpcore's trace hook, called for each step of a request."""
        if name == "connection.connect_tcp.complete":
            self._tally.connections_opened += 1
            self.is_fresh = True
            self._listen_to(info["return_value"])

    def _listen_to(self, stream: Stream) -> None:
        read = stream.read

        async def counted(max_bytes: int, timeout: float | None = None) -> bytes:
            data = await read(max_bytes, timeout)
            self._count(data)
            return data

        stream.read = counted  # type: ignore[method-assign]  # this one stream, not its class

    def _count(self, data: bytes) -> None:
        self.received_bytes += len(data)
        self.saw_end = not data
        if not self._head_bytes:
            self._find_head(self._head + data)

    def _find_head(self, data: bytes) -> None:
        while (end := data.find(HEAD_END)) >= 0 and data[9:10] == b"1":
            self.received_bytes -= end + len(HEAD_END)  # "HTTP/1.1 1xx": not the answer yet
            data = data[end + len(HEAD_END) :]
        self._head = data
        self._head_bytes = end + len(HEAD_END) if end >= 0 else 0

    @property
    def body_bytes(self) -> int:
        """Bytes behind the headers, those that belong to no response included."""
        return self.received_bytes - self._head_bytes if self._head_bytes else 0


class User:
    """One virtual user: one connection at most, one request at a time."""

    def __init__(self, burst: Burst, target: Target, tally: Tally) -> None:
        kept = 0 if burst.short else 1
        self._transport = httpx.AsyncHTTPTransport(
            verify=False,
            trust_env=False,
            retries=0,
            limits=httpx.Limits(
                max_connections=1, max_keepalive_connections=kept, keepalive_expiry=None
            ),
        )
        self._tally = tally
        self._timeout_s = burst.timeout_s
        self._tap = Tap(tally)
        self._request = httpx.Request(
            "GET",
            target.url,
            headers={"Host": target.host_header, "Accept": "*/*", "User-Agent": "servetui"},
            extensions={"trace": self._tap.trace},
        )

    async def run(self, turns: Iterator[int]) -> None:
        """Take turns until none is left."""
        try:
            for _ in turns:
                await self._one()
        finally:
            await self._transport.aclose()

    async def _one(self) -> None:
        begun_ns = time.monotonic_ns()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._send()
        except BadResponseError as failure:
            self._tally.failed(str(failure))
        except Exception as error:  # one request's fate must not end the burst
            self._tally.failed(self._kind(error))
        else:
            self._tally.succeeded(time.monotonic_ns() - begun_ns)

    async def _send(self) -> None:
        """Once more, and only once, where the server closed a kept connection as we sent.

        RFC 9112, 9.3.1 and RFC 9110, 9.2.2 allow it for idempotent methods.
        """
        try:
            await self._attempt()
        except _DISCONNECTS:
            if not self._was_closed_while_idle():
                raise
            self._tally.retried += 1
            await self._attempt()

    def _was_closed_while_idle(self) -> bool:
        tap = self._tap
        return not tap.is_fresh and not tap.received_bytes

    async def _attempt(self) -> None:
        self._tap.begin()
        response = await self._transport.handle_async_request(self._request)
        try:
            async for _ in cast("AsyncIterable[bytes]", response.stream):
                pass
        finally:
            await response.aclose()
        await self._check(response)

    async def _check(self, response: httpx.Response) -> None:
        # The parser stops at Content-Length: what is too much would be read as the next
        # response, so the connection is given up.
        if self._has_surplus(response):
            await self._transport.aclose()
            raise BadResponseError(result.BAD_BODY)
        if not 200 <= response.status_code < 400:
            raise BadResponseError(result.bad_status(response.status_code))

    def _has_surplus(self, response: httpx.Response) -> bool:
        promised = response.headers.get("Content-Length")
        if promised is None or response.status_code in _BODILESS:
            return False
        return self._tap.body_bytes > int(promised)

    def _kind(self, error: Exception) -> str:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, OSError) and cause.errno in KIND_OF_ERRNO:
                return KIND_OF_ERRNO[cause.errno]
        if any(isinstance(cause, TimeoutError) for cause in causes):
            return result.TIMED_OUT
        if isinstance(error, _DISCONNECTS) and self._tap.saw_end:
            return result.CLOSED_EARLY
        return result.OTHER


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from; httpcore drops the cause and keeps it as an argument."""
    seen: set[int] = set()
    rest = [error]
    while rest:
        current = rest.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        rest += [arg for arg in current.args if isinstance(arg, BaseException)]
        rest += [current.__cause__, current.__context__]
