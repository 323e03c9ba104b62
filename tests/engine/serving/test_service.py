"""The live settings in shared words, and leaving exactly once."""

import socket

import pytest

from engine.http1.messages import Peer, Request, Response
from engine.serving.service import Service, Settings


def answer(request: Request, peer: Peer) -> Response:
    raise AssertionError("nothing is asked here")


@pytest.fixture
def settings() -> Settings:
    return Settings(memoryview(bytearray(64 * 8)).cast("Q"))


def test_words_that_nobody_has_set(settings: Settings) -> None:
    assert settings.keep_alive
    assert settings.accepting
    assert settings.tick_s == 0
    assert settings.thinning in (0, 1)


def test_the_mode_goes_there_and_back(settings: Settings) -> None:
    settings.set_mode(short=True)
    assert not settings.keep_alive
    settings.set_mode(short=False)
    assert settings.keep_alive


def test_who_leaves_keeps_no_connection_whatever_the_mode(settings: Settings) -> None:
    settings.leave()
    assert not settings.accepting
    assert not settings.keep_alive
    settings.set_mode(short=False)
    assert not settings.keep_alive


@pytest.mark.parametrize("seconds", [0, 0.25, 1.5, 0.000001])
def test_the_tick_is_kept_to_microseconds(settings: Settings, seconds: float) -> None:
    settings.set_tick(seconds)
    assert settings.tick_s == pytest.approx(seconds)


def test_the_settings_stand_apart(settings: Settings) -> None:
    settings.set_tick(0.5)
    settings.set_thinning(8)
    settings.set_mode(short=True)
    assert (settings.tick_s, settings.thinning, settings.accepting) == (0.5, 8, True)


def test_another_reader_of_the_words_sees_a_change() -> None:
    words = memoryview(bytearray(64 * 8)).cast("Q")
    here, there = Settings(words), Settings(words)
    assert there.accepting
    here.leave()
    assert not there.accepting


def test_accepting_says_left_exactly_once(settings: Settings) -> None:
    said: list[str] = []
    service = Service(settings, answer, lambda: said.append("left"))
    assert [service.accepting, service.accepting] == [True, True]
    assert said == []
    settings.leave()
    assert [service.accepting, service.accepting, service.accepting] == [False, False, False]
    assert said == ["left"]


def test_a_bug_in_the_application_is_a_500_that_ends_its_connection(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service(settings, answer, lambda: None)
    with socket.socket() as unused:
        talk = service.converse(unused)
    (request,) = talk.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    (wire,) = talk.send(service.answer(request))
    assert bytes(wire).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert talk.ended
    assert "nothing is asked here" in capsys.readouterr().err


def test_the_refused_are_counted_apart(settings: Settings) -> None:
    settings.set_cap(7)
    settings.count_refused(at_cap=True)
    settings.count_refused(at_cap=True)
    settings.count_refused(at_cap=False)
    assert (settings.cap, settings.refused) == (7, (2, 1))
    assert settings.keep_alive
