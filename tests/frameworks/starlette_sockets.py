"""Starlette's TestClient, its transport a socket: what it asks goes to a server of this project.

Imported after what it is to find: TestClient is one of httpx2 where that is installed, else of httpx.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

from engine.handlers.application import CannotRunError
from tests.frameworks.serving import SERVERS_OWN, Calls, Served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that httpx2 is to be preferred
    from starlette import testclient

MODEL = "asyncio"
httpx: Any = vars(testclient)["httpx"]


class Watched:
    """The application of a test, with a note of its calls and of what they raise."""

    def __init__(self, application: Any, root_path: str, calls: Calls) -> None:
        self._application = application
        self._root_path = root_path
        self._calls = calls
        self.scheme = "http"
        self.has_life = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Called by the server. As behind a proxy, it may be told of another path, and of https."""
        try:
            if scope["type"] == "lifespan":
                await self._live(scope, receive, send)
                return
            self._calls.begin()
            scope |= {"root_path": self._root_path, "scheme": self.scheme}
            try:
                await self._application(scope, receive, send)
            finally:
                self._calls.end()
        except BaseException as error:
            self._calls.fail(error)
            raise

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        """TestClient lets those only live that are in a `with`; the others know of no life."""
        if not self.has_life:
            raise NotImplementedError
        await self._application(scope, receive, send)


class SocketTransport(httpx.BaseTransport):  # type: ignore[misc]
    """Asks the server, which is started for the first request, whatever host the URL names."""

    def __init__(
        self, app: Any, root_path: str, raises: bool, on_request: Callable[[], None]
    ) -> None:
        self.calls = Calls()
        self._watched = Watched(app, root_path, self.calls)
        self._served = Served(app, MODEL, self._watched)
        self._raises = raises
        self._on_request = on_request
        self._sockets: Any = None

    def start(self, *, has_life: bool) -> None:
        """Raises what the application's start has raised."""
        if self._sockets is None:
            self._watched.has_life = has_life
            try:
                self._served.start()
            except CannotRunError as error:
                raise self.calls.take_error() or error from error
            self._sockets = httpx.HTTPTransport()
            self.calls.take_error()  # of what knows of no life: it has said so by failing

    def handle_request(self, request: Any) -> Any:
        self.start(has_life=False)
        self._on_request()
        self._watched.scheme = request.url.scheme
        host, port = self._served.address
        url = request.url.copy_with(scheme="http", host=host, port=port)
        rest = {"stream": request.stream, "extensions": request.extensions}
        try:
            answer = self._sockets.handle_request(
                httpx.Request(request.method, url, headers=request.headers, **rest)
            )
            body = b"".join(answer.stream)
            answer.close()
        except httpx.RemoteProtocolError as broken:
            self.calls.wait_for_ends()
            raise self.calls.take_error() or broken from broken
        self.calls.wait_for_ends()
        if (error := self.calls.take_error()) and self._raises:
            raise error
        headers = [pair for pair in answer.headers.raw if pair[0].lower() not in SERVERS_OWN]
        return httpx.Response(
            answer.status_code, headers=headers, stream=httpx.ByteStream(body), request=request
        )

    def close(self) -> None:
        """End what was started. Raises what the application's end has raised."""
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None
            self._served.stop()
            if error := self.calls.take_error():
                raise error


class SocketClient(testclient.TestClient):
    """TestClient over sockets."""

    open_ones: list[SocketClient] = []  # noqa: RUF012
    on_request: Callable[[], None] = staticmethod(lambda: None)

    def __init__(
        self,
        app: Any,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        **others: Any,
    ) -> None:
        super().__init__(app, base_url, raise_server_exceptions, root_path, **others)
        # self.app is what it makes of one that is of ASGI 2.
        self._transport = SocketTransport(
            self.app, root_path, raise_server_exceptions, self.on_request
        )
        self.open_ones.append(self)

    def __enter__(self) -> Self:
        self._transport.start(has_life=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    @classmethod
    def close_all(cls) -> None:
        """Most tests do not."""
        while cls.open_ones:
            cls.open_ones.pop()._transport.close()
