"""The client of Werkzeug's tests, and so of Flask's: what it asks goes to a server of this project."""

from __future__ import annotations

import http.client
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote

from werkzeug.datastructures import Headers
from werkzeug.test import Client

from tests.frameworks.serving import DEADLINE_S, SERVERS_OWN, Calls, Served

Environ = dict[str, Any]
PATH_LETTERS = "/:@!$&'()*+,;=~"  # that need no quoting (RFC 3986 section 3.3)
TOKEN = "Servetui-Test"  # a field that leads from a request back to what the test had in mind
CARRIED = ("CONTENT_", "HTTP_", "QUERY_", "PATH_", "RAW_URI", "REQUEST_", "SERVER_", "wsgi.")
"""What a request carries, and what the server says; the rest of an environ is put beside that."""
BESIDE = ("wsgi.url_scheme", "wsgi.errors")


class Watched:
    """The application of a test, with a note of its calls and of what they raise."""

    def __init__(self, application: Any, calls: Calls) -> None:
        self._application = application
        self._calls = calls
        self.beside: dict[str, Environ] = {}
        """Token -> what a test has put into the environ that no request can carry."""

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        beside = self.beside.pop(environ.pop(f"HTTP_{TOKEN.upper().replace('-', '_')}"))
        environ |= beside
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(environ["SCRIPT_NAME"])
        self._calls.begin()
        try:
            result = self._application(environ, start_response)
        except BaseException as error:
            self._calls.fail(error)
            self._calls.end()
            raise
        if isinstance(result, list | tuple):  # the server makes a difference
            self._calls.end()
            return result
        return WatchedBody(result, self._calls)


class WatchedBody:
    """The body, and its end."""

    def __init__(self, made: Any, calls: Calls) -> None:
        self._made = made
        self._calls = calls

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._made
        except BaseException as error:
            self._calls.fail(error)
            raise

    def close(self) -> None:
        try:
            if hasattr(self._made, "close"):
                self._made.close()
        except BaseException as error:
            self._calls.fail(error)
            raise
        finally:
            self._calls.end()


class Asked:
    """An application that is served, and connections to it: more than one if a call of it asks."""

    def __init__(self, application: Any, model: str) -> None:
        self.calls = Calls()
        self._watched = Watched(application, self.calls)
        self._served = Served(application, model, self._watched)
        self._served.start()
        self._idle: list[http.client.HTTPConnection] = []
        self._tokens = itertools.count()

    def ask(self, environ: Environ, start_response: Any) -> list[bytes]:
        """As the application itself: answers what it answers, and raises what it raises."""
        connection = (
            self._idle.pop()
            if self._idle
            else http.client.HTTPConnection(*self._served.address, timeout=DEADLINE_S)
        )
        try:
            self._send(connection, environ)
            answer = connection.getresponse()
            body = answer.read()
        except (http.client.HTTPException, OSError) as broken:
            connection.close()
            self.calls.wait_for_ends()
            raise self.calls.take_error() or broken from broken
        self._idle.append(connection)
        self.calls.wait_for_ends()
        if error := self.calls.take_error():
            raise error
        fields = [
            pair for pair in answer.getheaders() if pair[0].lower().encode() not in SERVERS_OWN
        ]
        start_response(f"{answer.status} {answer.reason}", fields)
        return [body]

    def _send(self, connection: http.client.HTTPConnection, environ: Environ) -> None:
        token = str(next(self._tokens))
        self._watched.beside[token] = {
            name: value
            for name, value in environ.items()
            if name in BESIDE or not name.startswith(CARRIED)
        }
        whole_path = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
        path = "/" + quote(whole_path.removeprefix("/").encode("latin-1"), PATH_LETTERS)
        query = environ.get("QUERY_STRING", "")
        target = f"{path}?{query}" if query else path
        connection.putrequest(
            environ["REQUEST_METHOD"], target, skip_host=True, skip_accept_encoding=True
        )
        for name, value in environ.items():
            if name.startswith("HTTP_"):
                connection.putheader(name[5:].replace("_", "-").title(), value.encode("latin-1"))
        if "CONTENT_TYPE" in environ:
            connection.putheader("Content-Type", environ["CONTENT_TYPE"])
        stream = environ["wsgi.input"]
        content = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
        if stream.seekable():
            stream.seek(0)  # a client that is redirected reads it again
        if environ.get("CONTENT_LENGTH", "0") != "0":
            connection.putheader("Content-Length", str(len(content)))
        connection.putheader(TOKEN, token)
        connection.endheaders(content)

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._served.stop()


class Servers:
    """A server for each application that a test has made, and that a client asks."""

    def __init__(self, model: str, on_request: Callable[[], None]) -> None:
        self._model = model
        self._on_request = on_request
        self._asked: dict[int, Asked] = {}
        self._runs = Client.run_wsgi_app

    def run_wsgi_app(
        self, client: Client, environ: Environ, buffered: bool = False
    ) -> tuple[Iterable[bytes], str, Headers]:
        """In the place of Client's, which calls what it takes for the application. Not in that of
        werkzeug.test.run_wsgi_app, which its responses use as well."""
        application = client.application
        if id(application) not in self._asked:  # its client keeps it, and so its id stays its own
            self._asked[id(application)] = Asked(application, self._model)
        client.application = self._asked[id(application)].ask
        self._on_request()
        try:
            return self._runs(client, environ, buffered)
        finally:
            client.application = application

    def replaced(self) -> Callable[..., Any]:
        """As a method."""
        return lambda client, *words, **named: self.run_wsgi_app(client, *words, **named)

    def close(self) -> None:
        """Those of a test."""
        while self._asked:
            self._asked.popitem()[1].close()
