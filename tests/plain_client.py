"""A client over a plain socket: the bytes it sends and receives are the test's own."""

import contextlib
import socket
from typing import Self


class Answer:
    """A response as it came over the wire."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        self.body = body


class Client:
    """One plain connection, which counts the bytes that it sends and receives."""

    def __init__(self, port: int, receive_buffer: int = 0, timeout_s: float = 10) -> None:
        self.sent = self.received = 0
        self.socket = socket.socket()
        if receive_buffer:  # before connect: it decides the window that is announced
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout_s)
        self.socket.connect(("127.0.0.1", port))
        self.name = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.sent += len(data)

    def ask(self, target: str, *, method: str = "GET", close: bool = False) -> None:
        """Send a request."""
        self.send(request(target, method=method, close=close))

    def get(self, target: str, *, method: str = "GET", close: bool = False) -> Answer:
        """Send a request and receive its answer."""
        self.ask(target, method=method, close=close)
        return self.answer(has_body=method != "HEAD")

    def answer(self, *, has_body: bool = True) -> Answer:
        """Receive one response. ConnectionError: it ended before it was complete."""
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        self._buffer = b""
        answer = Answer(head, b"")
        length = int(answer.headers["content-length"]) if has_body else 0
        pieces, have = [rest], len(rest)
        while have < length:
            self._receive()
            pieces.append(self._buffer)
            have += len(self._buffer)
            self._buffer = b""
        whole = b"".join(pieces)
        answer.body, self._buffer = whole[:length], whole[length:]
        return answer

    def take(self, least: int, most: int = 65536) -> None:
        """Receive at least so many bytes, up to `most` at a time, and keep them for the answer."""
        wanted = len(self._buffer) + least
        while len(self._buffer) < wanted:
            self._receive(most)

    def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(65536):
                self.received += len(data)
                self._buffer += data
        rest, self._buffer = self._buffer, b""
        return rest

    def half_close(self) -> None:
        """Send no more; receive on."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """End the connection by RST."""
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
        self.socket.close()

    def _receive(self, most: int = 65536) -> None:
        data = self.socket.recv(most)
        if not data:
            raise ConnectionError(f"the server ended the connection after {self._buffer[:80]!r}")
        self.received += len(data)
        self._buffer += data


def request(target: str, *, method: str = "GET", close: bool = False) -> bytes:
    """The bytes of a request."""
    fields = "Host: test\r\nConnection: close\r\n" if close else "Host: test\r\n"
    return f"{method} {target} HTTP/1.1\r\n{fields}\r\n".encode()
