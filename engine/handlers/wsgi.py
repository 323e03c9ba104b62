"""Requests -> a WSGI application -> answers (PEP 3333).

The application runs on the thread, greenlet or process that the model gives to a request, and makes
each piece of its body there, too, when the one before it has been sent. Several may run at a time.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import Context, copy_context
from time import time
from types import TracebackType
from typing import Any
from urllib.parse import unquote_to_bytes

from engine.failures import print_failure
from engine.handlers.fields import Fields, read_headers
from engine.handlers.forked import end_copy
from engine.handlers.site import page
from engine.http1.messages import CONTINUE, Peer, Request, Response
from engine.http1.parser import addressed_fields, raw_path
from engine.http1.stream import StreamedResponse

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType] | tuple[None, None, None]
Application = Callable[[Environ, Any], Iterable[bytes]]

WRITTEN_BYTES = 64 * 1024 * 1024
"""What write() may hand over at a time. The model sends, and can only do so when the application
comes back from there; so it has to be kept."""

_STATUS = re.compile(r"([2-5][0-9][0-9])(?: ([\t\x20-\x7e\x80-\xff]*))?")


class WsgiServer:
    """An application, and what it is told of the server."""

    def __init__(
        self, application: Application, address: Peer, *, multithread: bool, multiprocess: bool
    ) -> None:
        """`address` is that of the listener."""
        self._application = application
        self._same_for_all: Environ = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": address[0],
            "SERVER_PORT": str(address[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": multithread,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,  # reading it comes to an end, also behind chunks
        }

    def answer(self, request: Request, peer: Peer) -> Response | StreamedResponse:
        """The application's answer, up to the first piece of its body. Raises what it raises."""
        if request.fault or request.method == "CONNECT":
            return page(request.fault or 501, "The request was not understood.", int(time()))
        if request.expects_continue:
            return CONTINUE  # the application is called with the content
        pid = os.getpid()
        try:
            answer = Call(request).answer(self._application, self.environ(request, peer))
        except BaseException as error:  # whatever it is, it goes on; a forked copy ends here
            end_copy(pid, error)
            raise
        end_copy(pid)
        return answer

    def environ(self, request: Request, peer: Peer) -> Environ:
        """What the application is told of a request."""
        environ = {
            **self._same_for_all,
            "REQUEST_METHOD": request.method,
            # Bytes, one to a letter: which encoding they are in is the application's to know.
            "PATH_INFO": unquote_to_bytes(raw_path(request.target)).decode("latin-1"),
            "QUERY_STRING": request.query,
            "SERVER_PROTOCOL": f"HTTP/1.{request.http_minor}",
            "REMOTE_ADDR": peer[0],
            "REMOTE_PORT": str(peer[1]),
            "wsgi.input": io.BytesIO(request.body),
        }
        for name, value in addressed_fields(request):
            _add_header(environ, name.decode("latin-1"), value.decode("latin-1"))
        if request.body or "HTTP_CONTENT_LENGTH" in environ:
            environ["CONTENT_LENGTH"] = str(len(request.body))
        environ.pop("HTTP_CONTENT_LENGTH", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)  # the content stands there without its chunks
        if "HTTP_CONTENT_TYPE" in environ:
            environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
        return environ


def _add_header(environ: Environ, name: str, value: str) -> None:
    if "_" in name:
        return  # X_User would be read as X-User, which a proxy in front may have taken care of
    key = f"HTTP_{name.upper().replace('-', '_')}"
    separator = "; " if key == "HTTP_COOKIE" else ", "
    environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


class Call:
    """One call of the application."""

    def __init__(self, request: Request) -> None:
        self._request = request
        # Frameworks keep the current request in a context variable. In a loop the pieces of many answers
        # are made in one thread, in turns, and in a pool those of one answer in several.
        self._context = copy_context()
        self._status = 0
        self._reason = ""
        self._fields: Fields = []
        self._length: int | None = None
        self._is_sent = False
        self._written: list[bytes] = []
        self._has_written = False

    def answer(self, application: Application, environ: Environ) -> StreamedResponse:
        """Call it, and ask for the body until there is some: before that, it may still fail and be
        answered 500."""
        result = self._context.run(application, environ, self._start)
        pieces = self._pieces(result)
        first = next(pieces, b"")
        if not self._status:
            pieces.close()
            raise RuntimeError("the application did not call start_response")
        self._is_sent = True
        if self._length is None and not self._has_written and _is_all(result, first):
            self._length = len(first)
        return StreamedResponse(
            status=self._status,
            reason=self._reason,
            headers=tuple(self._fields),
            length=self._length,
            pieces=_from(first, pieces),
            at_s=int(time()),
            is_chunked=self._request.http_minor > 0,
        )

    def _start(
        self, status: str, headers: Fields, exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        """start_response."""
        if exc_info:
            try:
                if self._is_sent and exc_info[1] is not None:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it holds this frame, and this frame would hold it
        elif self._status:
            raise RuntimeError("the application called start_response twice, without exc_info")
        self._status, self._reason = _read_status(status)
        self._length, self._fields = read_headers(headers)
        return self._write

    def _write(self, data: bytes) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"write() takes bytes, not {type(data).__name__}")
        if sum(map(len, self._written)) + len(data) > WRITTEN_BYTES:
            raise ValueError(f"write() was given more than {WRITTEN_BYTES} bytes; return them")
        self._written.append(data)
        self._has_written = True

    def _pieces(self, result: Iterable[bytes]) -> Generator[bytes, None, None]:
        """The pieces that are not empty. The application's close() is called, come what may."""
        try:
            yield from self._take_written()
            for piece in _made(result, self._context):
                if not isinstance(piece, bytes):
                    raise TypeError(f"the body holds {type(piece).__name__}, not bytes")
                yield from self._take_written()
                if piece:
                    if not self._status:
                        raise RuntimeError("the application gave a body before start_response")
                    yield piece
            yield from self._take_written()
        finally:
            _close(result, self._context)

    def _take_written(self) -> Iterable[bytes]:
        written, self._written = self._written, []
        return [data for data in written if data]


def _from(first: bytes, pieces: Generator[bytes, None, None]) -> Generator[bytes, None, None]:
    """All pieces again: a generator that has begun."""
    again = _first_and_rest(first, pieces)
    next(again)
    return again


def _first_and_rest(
    first: bytes, pieces: Generator[bytes, None, None]
) -> Generator[bytes, None, None]:
    try:
        yield b""
        if first:
            yield first
        yield from pieces
    finally:
        pieces.close()


def _made(result: Iterable[bytes], context: Context) -> Iterator[bytes]:
    """What the application makes in this process. In one that it forks meanwhile, this does not return."""
    if type(result) in (list, tuple):  # it is made already
        yield from result
        return
    pid = os.getpid()
    makes = context.run(iter, result)
    while True:
        try:
            piece = context.run(next, makes)
        except StopIteration:
            end_copy(pid)
            return
        except BaseException as error:  # whatever it is, it goes on; a forked copy ends here
            end_copy(pid, error)
            raise
        end_copy(pid)
        yield piece


def _is_all(result: Iterable[bytes], first: bytes) -> bool:
    """Whether the first piece is known to be the whole body."""
    if not first:
        return True  # asked for a piece, it had none to the end
    return isinstance(result, list | tuple) and len(result) == 1


def _close(result: Iterable[bytes], context: Context) -> None:
    close = getattr(result, "close", None)
    if close is None:
        return
    try:
        context.run(close)
    except BaseException as error:  # what it has answered stands
        print_failure(error)


def _read_status(status: str) -> tuple[int, str]:
    found = _STATUS.fullmatch(status) if isinstance(status, str) else None
    if found is None:
        raise ValueError(f"start_response was given no status such as '200 OK': {status!r:.80}")
    return int(found[1]), found[2] or ""
