"""The clock of a connection: it runs on only while the same part of the same request is awaited."""

import itertools
import socket
from collections.abc import Iterator

import pytest

from engine.http1.conversation import Conversation
from engine.limits import Limits
from engine.serving.patience import LEAST_S, LINGER_S, Patience
from tests.support import wait_until

LIMITS = Limits(head_s=10, body_s=30, idle_s=5, send_s=20)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


class Mode:
    keep_alive = True


@pytest.fixture
def talk() -> Conversation:
    return Conversation(Mode(), LIMITS)


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The server's end of a connection, and a client's that takes little at a time."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs.connect(listener.getsockname())
        theirs.settimeout(5)
        ours, _ = listener.accept()
        with ours:
            yield ours, theirs


@pytest.fixture
def patience(talk: Conversation, sockets: tuple[socket.socket, socket.socket]) -> Patience:
    return Patience(sockets[0], talk, LIMITS, 100)


def test_before_the_first_byte_it_is_idle(patience: Patience) -> None:
    assert patience.ends_s == 105
    assert patience.last_words() == ()


def test_more_bytes_of_a_head_do_not_prolong_it(talk: Conversation, patience: Patience) -> None:
    for now_s, byte in enumerate(GET[:-1], 101):
        talk.receive(bytes([byte]))
        patience.follow(now_s, False)
        assert patience.ends_s == 111


def test_a_body_begins_anew_and_is_not_prolonged(talk: Conversation, patience: Patience) -> None:
    talk.receive(POST[:-1])
    patience.follow(101, False)
    assert patience.ends_s == 111
    talk.receive(POST[-1:])
    patience.follow(102, False)
    assert patience.ends_s == 132
    talk.receive(b"1234")
    patience.follow(110, False)
    assert patience.ends_s == 132


def test_an_answer_begins_a_clock_for_what_comes(talk: Conversation, patience: Patience) -> None:
    talk.receive(GET[:3])
    patience.follow(101, False)
    talk.receive(GET[3:] + GET[:3])
    patience.follow(102, True)
    assert patience.ends_s == 112
    talk.receive(GET[3:])
    patience.follow(103, True)
    assert patience.ends_s == 108


def test_who_takes_nothing_is_not_prolonged(patience: Patience) -> None:
    patience.follow(101, True, True)
    assert patience.ends_s == 121
    patience.follow(110, False, True)
    assert patience.ends_s == 121
    patience.follow(111, True, True)
    assert patience.ends_s == 131
    assert patience.last_words() == ()  # in the middle of an answer nothing may be said


def test_who_takes_of_what_the_kernel_holds_has_its_time_anew(
    patience: Patience, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    ours.setblocking(False)
    sent = ours.send(bytes(1_000_000))
    patience.follow(101, True, True)
    assert not patience.is_over(121)
    late_s = itertools.count(122, 21)  # each after the end of the time before
    wait_until(lambda: patience.is_over(next(late_s)), what="nothing on the way any more")
    taken = 0
    while taken < sent // 4:  # of room for more there is no word yet
        taken += len(theirs.recv(4096))
    wait_until(lambda: not patience.is_over(next(late_s)), what="taken")
    assert not patience.is_over(patience.ends_s)


def test_of_a_request_nothing_but_its_bytes_counts(
    talk: Conversation, patience: Patience, sockets: tuple[socket.socket, socket.socket]
) -> None:
    talk.receive(GET[:3])
    patience.follow(101, False)
    sockets[0].send(b"x")
    assert patience.is_over(112)


@pytest.mark.parametrize("sent", [GET[:5], POST + b"123"])
def test_in_the_middle_of_a_request_it_is_told_408(
    talk: Conversation, patience: Patience, sent: bytes
) -> None:
    talk.receive(sent)
    patience.follow(101, False)
    wire = b"".join(patience.last_words())
    assert wire.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"\r\nConnection: close\r\n" in wire
    assert talk.ended
    assert talk.broken_off


def test_a_blocking_wait_is_set_anew_only_when_it_changes(
    talk: Conversation, patience: Patience
) -> None:
    assert patience.next_wait_s(True, lambda: 101) is None
    talk.receive(GET[:3])
    assert patience.next_wait_s(False, lambda: 102) == 10
    talk.receive(GET[3:4])
    assert patience.next_wait_s(False, lambda: 108) == 4
    assert patience.next_wait_s(False, lambda: 112 - LEAST_S / 2) == LEAST_S
    talk.receive(GET[4:])
    assert patience.next_wait_s(True, lambda: 114) == 5
    assert patience.next_wait_s(True, lambda: 115) is None


def test_empty_lines_do_not_prolong_the_wait_for_a_request(
    talk: Conversation, patience: Patience
) -> None:
    """RFC 9112, 2.2: they are nothing, and nothing of them is a request's."""
    for now_s, piece in enumerate((b"\r\n", b"\r", b"\n", b"\r\n\r"), 101):
        assert talk.receive(piece) == ()
        assert not talk.partial
        patience.follow(now_s, False)
        assert patience.ends_s == 105


def test_a_blocking_wait_grows_shorter_with_each_empty_line(
    talk: Conversation, patience: Patience
) -> None:
    assert patience.next_wait_s(True, lambda: 200) is None
    clock = itertools.count(201).__next__
    for piece, left_s in ((b"\r\n", 4), (b"\r", 3), (b"\n", 2)):
        talk.receive(piece)
        assert patience.next_wait_s(False, clock) == left_s
    talk.receive(GET)
    assert patience.next_wait_s(True, lambda: 204) == 5
    assert patience.next_wait_s(True, lambda: 205) is None


def test_a_blocking_wait_ends_although_something_always_comes(
    talk: Conversation, patience: Patience
) -> None:
    talk.receive(GET[:3])
    assert patience.next_wait_s(False, lambda: 102) == 10
    talk.receive(GET[3:4])
    with pytest.raises(TimeoutError):
        patience.next_wait_s(False, lambda: 112)
    assert b" 408 " in b"".join(patience.last_words())


def test_our_end_closed_the_clients_is_awaited_shortly(patience: Patience) -> None:
    patience.await_end(200)
    assert patience.ends_s == 200 + LINGER_S
    assert patience.last_words() == ()
