"""The client's side of a lab: plain blocking sockets, a clock, and what happened to each request."""

import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 5.0  # longer than anything in a lab takes that is meant to come to an end
Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for a request."""

    status: int
    """0: nothing, or no HTTP."""
    body: bytes
    seconds: float
    """From the request to the last byte of the answer, or to the failure."""
    failure: str = ""
    """`time-out`, `end` or the name of an error; empty for a whole answer."""

    @property
    def told(self) -> str:
        """What the client had, in words that follow `it had`."""
        if not self.failure:
            return f"an answer ({self.status}) after {self.seconds * 1e3:.0f} ms"
        if self.failure == "time-out":
            return f"no answer for {self.seconds:.1f} s"
        how = "the end of the connection" if self.failure == "end" else self.failure
        return f"{how}, and no answer"


def request(path: str = "/", *fields: str, method: str = "GET") -> bytes:
    """The bytes of a request without a body."""
    lines = [f"{method} {path} HTTP/1.1", "Host: lab", *fields]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


class Client:
    """One connection."""

    def __init__(
        self, address: Address, patience_s: float = PATIENCE_S, receive_bytes: int = 0
    ) -> None:
        """Connects. Raises OSError. `receive_bytes`: of its receive buffer; 0 leaves that to the
        kernel."""
        began_s = monotonic()
        self.socket = socket.socket()
        self.socket.settimeout(patience_s)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.connected_after_s = monotonic() - began_s
        host, port = self.socket.getsockname()[:2]
        self.peer = f"{host}:{port}"  # so does the server call it
        self._left = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Raises OSError."""
        self.socket.sendall(data)

    def ask(self, path: str = "/", *fields: str) -> Answer:
        """A request and its answer; never raises OSError."""
        return self.answer(request(path, *fields))

    def answer(self, wire: bytes = b"") -> Answer:
        """Send these bytes and wait for the answer that follows."""
        began_s = monotonic()
        status, body, failure = 0, b"", ""
        try:
            if wire:
                self.send(wire)
            status, body = self._read()
        except TimeoutError:
            failure = "time-out"
        except EOFError:
            failure = "end"
        except OSError as error:
            failure = type(error).__name__
        return Answer(status, body, monotonic() - began_s, failure)

    def end_within(self, seconds: float) -> float | None:
        """Seconds until the server's end of the connection is seen; None: not in this time."""
        began_s = monotonic()
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return None
        except OSError:
            pass  # a reset is an end, too
        finally:
            self.socket.settimeout(PATIENCE_S)
        return monotonic() - began_s

    def _read(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self._left:
            self._more()
        head, _, rest = self._left.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = _length(head)
        if length is None:
            # Without a length the body ends with the connection (RFC 9112, 6.3): until then nobody
            # can know that it is whole.
            while True:
                try:
                    self._more()
                except EOFError:
                    body, self._left = self._left.partition(b"\r\n\r\n")[2], b""
                    return status, body
        while len(rest) < length:
            self._more()
            rest = self._left.partition(b"\r\n\r\n")[2]
        self._left = rest[length:]
        return status, rest[:length]

    def _more(self) -> None:
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self._left += data


def _length(head: bytes) -> int | None:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return None


def ask_once(address: Address, path: str = "/", patience_s: float = PATIENCE_S) -> Answer:
    """A connection for one request."""
    began_s = monotonic()
    try:
        with Client(address, patience_s) as client:
            return client.ask(path, "Connection: close")
    except TimeoutError:
        return Answer(0, b"", monotonic() - began_s, "time-out")
    except OSError as error:
        return Answer(0, b"", monotonic() - began_s, type(error).__name__)


def side_by_side(calls: Sequence[Callable[[], T]]) -> list[T]:
    """Each call in a thread of its own; their results, in the same order."""
    results: list[T | None] = [None] * len(calls)

    def keep(place: int, call: Callable[[], T]) -> None:
        results[place] = call()

    threads = [threading.Thread(target=keep, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [result for result in results if result is not None]
