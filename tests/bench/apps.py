"""What the Python peers run: the page from memory, with its type and length, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from socket import AF_INET, IPPROTO_TCP, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, TCP_NODELAY
from typing import Any

PAGE = Path(os.environ["SERVETUI_BENCH_PAGE"]).read_bytes()
_LENGTH = str(len(PAGE))
_WSGI_HEADERS = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", _LENGTH)]
_ASGI_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(name.lower().encode(), value.encode()) for name, value in _WSGI_HEADERS],
}
_ASGI_BODY = {"type": "http.response.body", "body": PAGE}


def wsgi(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """PEP 3333."""
    start_response("200 OK", _WSGI_HEADERS)
    return [PAGE]


async def asgi(
    scope: dict[str, Any],
    _: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """ASGI 3, HTTP only."""
    if scope["type"] == "http":
        await send(_ASGI_START)
        await send(_ASGI_BODY)


def serve_pywsgi(port: int) -> None:
    """gevent's own WSGI server, without its log.

    It sends headers and body apart. As it ships, without TCP_NODELAY, the body of each response
    on a kept connection waits 40 ms for the client's delayed ACK (370 requests/s with 16
    connections). A comparison with that would flatter: accepted sockets inherit the option.
    """
    from gevent.pywsgi import WSGIServer
    from gevent.socket import socket

    listener = socket(AF_INET, SOCK_STREAM)
    listener.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    listener.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(511)
    WSGIServer(listener, wsgi, log=None).serve_forever()
