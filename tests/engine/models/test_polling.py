"""Whom the polling loop asks: everybody in each round, but of a crowd the silent ones in turns."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from engine.handlers.site import WWW, Site
from engine.models.polling import CROWD, SILENT_ROUNDS, TURNS, go_round
from engine.serving.loop_client import Client
from engine.serving.service import Service, Settings
from tests.plain_client import request


class Asked(socket.socket):
    """A socket that counts how often its bytes are asked for."""

    times = 0

    def recv(self, *args: int) -> bytes:
        self.times += 1
        return super().recv(*args)


class Crowd:
    """So many clients of a loop that is turned by hand."""

    def __init__(self, number: int) -> None:
        self.settings = Settings(memoryview(bytearray(64 * 8)).cast("Q"))
        self.service = Service(self.settings, Site(WWW).answer, lambda: None)
        with socket.create_server(("127.0.0.1", 0), backlog=number) as listener:
            name = listener.getsockname()
            self.theirs = [socket.create_connection(name) for _ in range(number)]
            # After all of theirs: in a server, too, descriptors of connections follow each other.
            self.ours = [Asked(fileno=listener.accept()[0].detach()) for _ in range(number)]
        for ours in self.ours:
            ours.setblocking(False)
        self.clients = [Client(ours, self.service, time.monotonic()) for ours in self.ours]
        self.rounds = 0

    def turn(self, rounds: int) -> None:
        for _ in range(rounds):
            go_round(self.clients, self.service, self.rounds)
            self.rounds += 1

    def asked(self, rounds: int) -> list[int]:
        """How often each socket is asked in so many rounds."""
        before = [ours.times for ours in self.ours]
        self.turn(rounds)
        return [ours.times - times for ours, times in zip(self.ours, before, strict=True)]


@contextlib.contextmanager
def crowd(number: int) -> Iterator[Crowd]:
    made = Crowd(number)
    try:
        yield made
    finally:
        for one in (*made.ours, *made.theirs):
            one.close()


@pytest.fixture
def silent() -> Iterator[Crowd]:
    """More than a few clients, none of whom has ever said anything."""
    with crowd(CROWD + 20) as made:
        made.turn(SILENT_ROUNDS)
        yield made


def test_of_a_crowd_each_round_asks_a_few_of_the_silent_ones(silent: Crowd) -> None:
    rounds = [sum(silent.asked(1)) for _ in range(TURNS)]
    assert max(rounds) < len(silent.clients) / TURNS * 1.5
    assert silent.asked(5 * TURNS) == [5] * len(silent.clients)


def test_one_that_speaks_at_last_is_answered_and_asked_in_every_round(silent: Crowd) -> None:
    silent.theirs[7].send(request("/"))
    for _ in range(TURNS):
        if silent.clients[7].silent_rounds:
            silent.turn(1)
    assert silent.theirs[7].recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    asked = silent.asked(SILENT_ROUNDS)
    assert asked.pop(7) == SILENT_ROUNDS
    assert max(asked) == 1


def test_one_that_leaves_is_noticed(silent: Crowd) -> None:
    for theirs in silent.theirs[::2]:
        theirs.close()
    silent.turn(TURNS)
    assert len(silent.clients) == len(silent.theirs) / 2


def test_one_whose_time_is_over_is_closed(silent: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    for theirs in silent.theirs[::2]:
        theirs.send(b"GET / HTTP/1.1\r\n")
    silent.turn(TURNS)
    late_s = time.monotonic() + 60
    monkeypatch.setattr(time, "monotonic", lambda: late_s)
    silent.turn(2 * TURNS)
    words = [theirs.recv(100)[9:12] for theirs in silent.theirs]
    assert words == [b"408", b""] * (len(words) // 2)


def test_of_a_few_all_are_asked(silent: Crowd) -> None:
    del silent.clients[CROWD:]
    assert silent.asked(TURNS)[:CROWD] == [TURNS] * CROWD


@pytest.mark.parametrize("pause", ["tick", "stepping"])
def test_with_pauses_between_rounds_all_are_asked(silent: Crowd, pause: str) -> None:
    if pause == "tick":
        silent.settings.set_tick(0.1)
    else:
        silent.settings.set_stepping(stepping=True)
    assert silent.asked(TURNS) == [TURNS] * len(silent.clients)
