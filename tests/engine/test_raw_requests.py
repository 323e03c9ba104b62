"""The table of raw requests against the HTTP core and the site, without a socket."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import http1
from tests.raw_requests import Case, Mode, Talk, converse, load

CASES = load()
RFCS = {"3986", "6585", "9110", "9112", "9113"}


def masked(talk: Talk) -> tuple[object, ...]:
    """All that can be seen of it but the Date."""
    answers = [re.sub(rb"\r\nDate: [^\r]*", b"", answer) for answer in talk.answers]
    return talk.requests, answers, talk.ended, talk.partial


def test_the_table() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len({case.data for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.rfc.split()[0] in RFCS
        assert case.why
    shown = {status for case in CASES for status in case.statuses}
    assert shown >= {100, 200, 204, 206, 304, 400, 404, 405, 412, 413, 414, 416, 417, 431, 501, 505}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case(case: Case) -> None:
    http1._memos.clear()
    whole = converse([case.data])
    assert whole.statuses() == case.statuses
    assert whole.ended is not case.open
    # The same by bytes, by the memo, and with the next request already there.
    assert masked(converse(case.pieces())) == masked(whole)
    assert masked(converse([case.data])) == masked(whole)
    if not whole.partial:
        after = converse([case.data + b"GET /after HTTP/1.1\r\nHost: a\r\n\r\n"])
        assert after.statuses() == case.statuses + ((404,) if case.open else ())
    short = converse([case.data], mode=Mode(keep_alive=False))
    assert (short.statuses(), short.ended) == (case.short_statuses(), not case.short_open())


def test_how_an_answer_says_whether_the_connection_stays() -> None:
    for case in CASES:
        for keep_alive in (True, False):
            talk = converse([case.data], mode=Mode(keep_alive))
            finals = [answer for answer in talk.answers if not answer.startswith(b"HTTP/1.1 100 ")]
            for answer in finals:
                closes = talk.ended and answer is finals[-1]
                head = answer.partition(b"\r\n\r\n")[0]
                said = re.findall(rb"\r\nConnection: ([a-z-]+)", head)
                assert said == [b"close" if closes else b"keep-alive"], case.name
                assert b"\r\nDate: " in answer


@given(
    st.lists(st.sampled_from([case.data for case in CASES if len(case.data) < 9_000]), max_size=4),
    st.lists(st.integers(0, 20_000), max_size=8),
    st.booleans(),
)
def test_any_cut_of_any_cases_in_a_row(rows: list[bytes], places: list[int], keep: bool) -> None:
    data = b"".join(rows)
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    whole = converse([data], mode=Mode(keep))
    assert masked(converse(pieces, mode=Mode(keep))) == masked(whole)
    assert len(whole.answers) <= len(whole.requests)
