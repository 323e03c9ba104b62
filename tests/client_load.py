"""Clients that ask without end from threads of the test, for tests that switch models meanwhile."""

import threading
from collections import Counter
from pathlib import Path
from typing import Self

from tests.plain_client import Client

PAUSE_S = 0.002  # of a client between two requests, lest the ephemeral ports run out
BODY = (Path(__file__).parent.parent / "www" / "style.css").read_bytes()


class Clients:
    """Threads that ask until told to stop. `met` counts how their requests went."""

    def __init__(self, port: int, number: int, pause_s: float = PAUSE_S) -> None:
        self.met: Counter[str] = Counter()
        self._pause_s = pause_s
        self._port = port
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(index,)) for index in range(number)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, index: int) -> None:
        raise NotImplementedError


class Load(Clients):
    """Four clients, or `number`; half of them with a connection for each request.

    `met` counts "answered", "connections" and "retried"; whatever else is in it is a failure. The other
    half leaves a connection after `most` requests: a model that serves one after another serves all.
    """

    def __init__(
        self, port: int, number: int = 4, pause_s: float = PAUSE_S, most: int | None = None
    ) -> None:
        super().__init__(port, number, pause_s)
        self._first_short = number // 2
        self._most = most

    def assert_nobody_failed(self) -> None:
        """Nobody was refused or cut off, and hardly anybody had to ask again."""
        assert set(self.met) <= {"answered", "connections", "retried"}, self.met
        assert self.met["retried"] * 100 <= self.met["answered"], self.met

    def _run(self, index: int) -> None:
        is_short = index >= self._first_short
        client: Client | None = None
        asked = 0
        while not self._over.wait(self._pause_s):
            if client is not None and asked == self._most:
                client.socket.close()
                client = None
            asked = asked + 1 if client is not None else 1
            try:
                client = self._ask(client, is_short)
            except OSError as error:
                self.met[f"{type(error).__name__}: {error}"] += 1
                client = None
        if client is not None:
            client.socket.close()

    def _ask(self, client: Client | None, is_short: bool) -> Client | None:
        """One request; the connection for the next one."""
        is_reused = client is not None
        client = client or Client(self._port)
        received = client.received
        try:
            answer = client.get("/style.css", close=is_short)
        except ConnectionError:
            client.socket.close()
            # RFC 9110 9.2.2: GET may be repeated. A browser does so on a reused connection that the
            # server ended, as it may at any time, before any byte of the answer.
            if not is_reused or client.received != received:
                raise
            self.met["retried"] += 1
            return self._ask(None, is_short)
        except OSError:
            client.socket.close()
            raise
        is_right = (answer.status, answer.body) == (200, BODY)
        self.met["answered" if is_right else f"wrong: {answer.status}"] += 1
        self.met["connections"] += not is_reused
        if answer.headers["connection"] == "close":
            client.socket.close()
            return None
        return client
