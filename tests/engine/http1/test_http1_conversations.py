"""Answers in the order of their requests, and when a conversation ends."""

import pytest

from engine.http1.conversation import Conversation
from engine.http1.messages import CONTINUE
from tests.engine.http1_inputs import EXPECTING, GET, LAST, POST, Mode, conversation, get, page


@pytest.mark.parametrize("keep_alive", [True, False])
def test_leave_to_send_the_content_is_an_interim_answer(keep_alive: bool) -> None:
    talk = conversation(keep_alive=keep_alive)
    (head,) = talk.receive(EXPECTING)
    assert head.expects_continue
    assert talk.partial
    assert b"".join(talk.send(CONTINUE)) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert not talk.ended
    assert talk.partial
    (whole,) = talk.receive(b"abc")
    assert whole.body == b"abc"
    assert not talk.partial
    assert b"".join(talk.send(page())).startswith(b"HTTP/1.1 200 ")
    assert talk.ended is not keep_alive


def test_another_answer_to_the_head_is_the_last() -> None:
    talk = conversation()
    talk.receive(EXPECTING + b"abc" + GET)
    wire = b"".join(talk.send(page(status=405)))
    assert b" 405 " in wire
    assert b"\r\nConnection: close\r\n" in wire
    assert talk.ended
    assert not talk.partial
    assert talk.receive(GET) == ()
    assert b"".join(talk.send(page())) == b""


def test_answers_follow_the_order_of_the_requests() -> None:
    talk = conversation()
    requests = talk.receive(GET.replace(b"GET", b"HEAD") + GET + POST)
    assert [request.method for request in requests] == ["HEAD", "GET", "POST"]
    wires = [b"".join(talk.send(page())) for _ in requests]
    assert [wire.endswith(b"hello") for wire in wires] == [False, True, True]
    assert not talk.ended


def test_the_conversation_ends_with_its_last_request() -> None:
    talk = conversation()
    talk.receive(GET + LAST)
    assert b"keep-alive" in b"".join(talk.send(page()))
    assert not talk.ended
    assert b"Connection: close" in b"".join(talk.send(page()))
    assert talk.ended


def test_a_fault_ends_the_conversation() -> None:
    talk = conversation()
    talk.receive(b"GET /x\n")
    assert b"Connection: close" in b"".join(talk.send(page(status=400)))
    assert talk.ended


def test_the_server_may_want_short_connections() -> None:
    talk = conversation(keep_alive=False)
    talk.receive(GET + GET)
    assert b"Connection: close" in b"".join(talk.send(page()))
    assert talk.ended
    assert b"".join(talk.send(page())) == b""
    assert talk.receive(GET) == ()


def test_the_policy_is_read_at_each_answer() -> None:
    mode = Mode()
    talk = Conversation(mode)
    talk.receive(GET + GET)
    talk.send(page())
    mode.keep_alive = False
    talk.send(page())
    assert talk.ended


def test_an_answer_that_nobody_asked_for_is_the_last() -> None:
    talk = conversation()
    talk.receive(b"GET / HT")
    assert b"Connection: close" in b"".join(talk.send(page(status=408)))
    assert (talk.ended, talk.partial) == (True, False)


def test_an_old_client_is_told_that_the_connection_stays() -> None:
    talk = conversation()
    talk.receive(get(b"GET / HTTP/1.0", b"Connection: keep-alive"))
    assert b"\r\nConnection: keep-alive\r\n" in b"".join(talk.send(page()))
