"""The table of raw requests over real sockets: every model, both modes, whole and byte by byte.

What the HTTP core and the site make of a row without a socket is what must arrive, byte for byte but
for the Date; tests/engine/http1/test_raw_requests.py holds that against the table.
"""

import contextlib
import re
import select
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.models import MODELS
from tests.raw_requests import Case, Mode, Talk, converse, load
from tests.serve_driver import Serve
from tests.support import wait_until

CASES = load()
AT_ONCE = 16  # connections
DEADLINE_S = 10
SILENT_S = 0.05  # an answer that should not come may come late
PROBE = b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n"

_DATE = re.compile(rb"\r\nDate: [^\r]*")


class Wire:
    """One connection that sends what it is told, whatever the server thinks of it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, pieces: Sequence[bytes]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                self._socket.sendall(piece)

    def receive(self, count: int) -> bytes:
        """So many bytes, or fewer when the server ends the connection."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while len(data) < count and (piece := self._socket.recv(count - len(data))):
                data += piece
        return data

    def is_silent(self) -> bool:
        """Nothing comes for SILENT_S, neither bytes nor the end."""
        return not select.select([self._socket], [], [], SILENT_S)[0]


def wrong(port: int, case: Case, pieces: Sequence[bytes], expected: Talk) -> str:
    """What is not as expected, in words; "" if all is."""
    answer = b"".join(expected.answers)
    with Wire(port) as wire:
        wire.send(pieces)
        got = wire.receive(len(answer))
        if _DATE.sub(b"", got) != _DATE.sub(b"", answer):
            return f"{case.name}: {got[:200]!r} rather than {answer[:200]!r}"
        if expected.ended:
            more = wire.receive(1)
            return f"{case.name}: {more!r} after the last answer" if more else ""
        if expected.partial:
            return "" if wire.is_silent() else f"{case.name}: it did not wait for the rest"
        wire.send([PROBE])
        after = wire.receive(12)
        return "" if after == b"HTTP/1.1 404" else f"{case.name}: {after!r} for the next request"


def all_wrong(port: int, mode: Mode) -> list[str]:
    rows = [(case, converse([case.data], mode=mode)) for case in CASES]
    jobs = [
        (port, case, pieces, expected)
        for case, expected in rows
        for pieces in ([case.data], case.pieces())
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [said for said in pool.map(lambda job: wrong(*job), jobs) if said]


@pytest.mark.parametrize("model", MODELS)
def test_every_model_answers_as_the_table_says(model: str) -> None:
    with Serve(model) as server:
        for mode, command in ((Mode(), "keep-alive"), (Mode(keep_alive=False), "short")):
            server.command(command)
            assert server.snapshot()["mode"] == command
            assert all_wrong(server.port, mode) == []
        wait_until(lambda: server.snapshot()["open"] == 0, what="no connection left open")
        assert server.stop()["accepted"] == 4 * len(CASES)
