"""Requests come out the same, however their bytes are cut, and whether the memo knows them or not."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.http1 import conversation as http1
from engine.http1.messages import CONTINUE, Request, Response
from engine.limits import DEFAULT_LIMITS
from tests.engine.http1_inputs import (
    CHUNKED,
    EXPECTING,
    FAULTS,
    GET,
    LAST,
    POST,
    conversation,
    get,
    head_of,
)


@contextmanager
def without_memo() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http1, "_memos", {})
        patch.setattr(http1, "MEMO_LIMIT_BYTES", -1)
        yield


@pytest.mark.parametrize(
    ("data", "partial"),
    [
        (b"", False),
        (b"G", True),
        (GET[:-1], True),
        (GET, False),
        (GET + b"G", True),
        (POST[:-1], True),
        (POST, False),
        (CHUNKED[:-1], True),
        (b"\r", False),  # of an empty line, which is of no request
        (b"\r\n", False),
        (GET + b"\r", False),
        (LAST + b"G", False),
        (b"GET /x\n", False),
    ],
)
def test_partial(data: bytes, partial: bool) -> None:
    talk = conversation()
    talk.receive(data)
    assert talk.partial is partial


def memo() -> http1.Memo:
    return http1._memos.get(DEFAULT_LIMITS, {})


def test_the_memo_gives_the_same_objects_again() -> None:
    http1._memos.clear()
    first = conversation().receive(GET + GET)
    assert conversation().receive(GET + GET) is first
    assert len(first) == 2


@pytest.mark.parametrize("data", [POST, GET[:-1], b"GET /x\n", head_of(3000), b"", b"\r\n"])
def test_what_the_memo_does_not_keep(data: bytes) -> None:
    http1._memos.clear()
    conversation().receive(data)
    assert memo() == {}


def test_the_memo_is_bounded() -> None:
    http1._memos.clear()
    for number in range(http1.MEMO_ENTRIES + 10):
        conversation().receive(get(b"GET /%d HTTP/1.1" % number, b"Host: a"))
        assert len(memo()) <= http1.MEMO_ENTRIES
    http1._memos.clear()


STREAM_PARTS = [
    GET,
    POST,
    CHUNKED,
    LAST,
    EXPECTING,
    EXPECTING + b"abc",
    *FAULTS,
    b"\r\n",
    b"\r",
    b"G",
    b"HEAD",
]
STREAMS = st.lists(st.sampled_from(STREAM_PARTS), max_size=6).map(b"".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def behaviour(pieces: list[bytes]) -> tuple[list[Request], list[bytes], bool, bool]:
    """All that can be seen of a conversation: requests, answers, and its two flags."""
    talk = conversation()
    requests: list[Request] = []
    sent: list[bytes] = []
    for piece in pieces:
        for request in talk.receive(piece):
            requests.append(request)
            final = Response(200, "text/plain", request.target.encode(), 0)
            goes_on = request.expects_continue and request.method == "GET"
            sent.append(b"".join(talk.send(CONTINUE if goes_on else final)))
    return requests, sent, talk.ended, talk.partial


@given(STREAMS | st.binary(max_size=60), st.lists(st.integers(0, 2000), max_size=8))
def test_the_memo_and_the_cuts_change_nothing(data: bytes, places: list[int]) -> None:
    with without_memo():
        truth = behaviour([data])
        assert behaviour(cut(data, places)) == truth
        assert behaviour([data[i : i + 1] for i in range(len(data))]) == truth
        assert memo() == {}
    for _ in ("first fill the memo", "then use it"):
        assert behaviour([data]) == truth
        assert behaviour(cut(data, places)) == truth


@given(STREAMS, st.lists(st.sampled_from(STREAM_PARTS), max_size=4))
def test_the_memo_changes_nothing_for_whole_requests(start: bytes, parts: list[bytes]) -> None:
    with without_memo():
        truth = behaviour([start, *parts])
    assert behaviour([start, *parts]) == truth
    assert behaviour([start, *parts]) == truth
