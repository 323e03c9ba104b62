"""What must hold for any bytes that a client sends: checked by the fuzzer, and by the tests."""

import re
from collections.abc import Sequence
from zlib import crc32

from engine.http1.conversation import Conversation
from engine.http1.messages import CONTINUE, Request, Response
from engine.limits import DEFAULT_LIMITS, Limits

SMALL = Limits(line_bytes=80, head_bytes=320, fields=8, body_bytes=160)
"""Limits that short inputs reach."""

_PAGE = Response(200, "text/plain", b"page", 0)
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_TARGET = re.compile(r"[!-~]+")

Seen = tuple[list[Request], list[bytes], bool, bool]


class _Mode:
    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive


def check(data: bytes) -> None:
    """AssertionError, or whatever else the core raises: a finding."""
    number = crc32(data)  # chooses limits, mode and cuts, and the same ones when it is run again
    limits = SMALL if number & 1 else DEFAULT_LIMITS
    keep_alive = number & 6 != 0
    whole = _talk([data], limits, keep_alive)
    _check_answers(whole)
    for request in whole[0]:
        _check_request(request, limits)
    assert _talk([data], limits, keep_alive) == whole, "the memo answers otherwise"
    for pieces in (_cut(data, number), [data[at : at + 1] for at in range(len(data))]):
        assert _talk(pieces, limits, keep_alive) == whole, "pieces mean something else"


def _cut(data: bytes, number: int) -> list[bytes]:
    first, second = sorted((number % (len(data) + 1), (number >> 8) % (len(data) + 1)))
    return [data[:first], data[first:second], data[second:]]


def _talk(pieces: Sequence[bytes], limits: Limits, keep_alive: bool) -> Seen:
    conversation = Conversation(_Mode(keep_alive), limits)
    requests, answers = [], []
    for piece in pieces:
        for request in conversation.receive(piece):
            goes_on = request.expects_continue and request.method != "POST"
            answer = b"".join(conversation.send(CONTINUE if goes_on else _PAGE))
            if not answer:
                break  # the connection has ended: what was asked after that is not answered
            requests.append(request)
            answers.append(answer)
        _check_memory(conversation, limits)
    return requests, answers, conversation.ended, conversation.partial


def _check_memory(conversation: Conversation, limits: Limits) -> None:
    assert len(conversation._unread) < limits.head_bytes
    assert not conversation._unanswered or conversation.ended
    if conversation._incoming is not None and conversation._incoming._body is not None:
        assert len(conversation._incoming._body.content) <= limits.body_bytes
        line = getattr(conversation._incoming._body, "_line", b"")
        assert len(line) <= max(limits.line_bytes, limits.head_bytes)


def _check_answers(seen: Seen) -> None:
    requests, answers, ended, partial = seen
    assert len(answers) == len(requests)
    assert not (ended and partial)
    for request, answer in zip(requests, answers, strict=True):
        content = b"" if request.method == "HEAD" or answer.startswith(b"HTTP/1.1 100") else b"page"
        assert answer.partition(b"\r\n\r\n")[2] == content
    for answer in answers[:-1]:
        assert b"\r\nConnection: close\r\n" not in answer, "answered after the last answer"


def _check_request(request: Request, limits: Limits) -> None:
    """What no accepted request may have, looked for in other ways than the parser's."""
    if request.fault:
        assert request.fault in (400, 413, 414, 417, 421, 431, 501, 505)
        assert (request.headers, request.body, request.keep_alive) == ((), b"", False)
        return
    names = [name.lower() for name, _ in request.headers]
    assert len(names) <= limits.fields
    assert all(_TOKEN.fullmatch(name) for name in names)
    assert not any(_BAD_VALUE.search(value) for _, value in request.headers)
    assert all(value == value.strip(b" \t") for _, value in request.headers)
    assert names.count(b"host") == 1 or (request.http_minor == 0 and b"host" not in names)
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1
    assert request.http_minor == 1 or b"transfer-encoding" not in names
    assert len(request.body) <= limits.body_bytes
    assert _TARGET.fullmatch(request.target)
    assert request.path[:1] in ("", "/", "*")
    assert "\0" not in request.path
    for name, value in request.headers:
        if name.lower() == b"content-length" and not request.expects_continue:
            assert value.isdigit()
            assert int(value) == len(request.body)
