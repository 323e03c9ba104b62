"""The table of raw requests against the HTTP core and the site, without a socket."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.http1 import conversation as http1
from engine.http1 import parser as http_parser
from engine.http1.parser import Incoming
from tests.fuzz.properties import check
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


# --- what holds for any bytes: what the fuzzer checks ---

WORDS = [case.data for case in CASES if len(case.data) < 700]
DAMAGE = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b",", b"0", b"\xff", b"+"]
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_the_fuzzer_checks_holds_for_the_table(case: Case) -> None:
    if len(case.data) < 100_000:
        check(case.data)


@settings(max_examples=400)
@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(b"".join),
    st.lists(st.tuples(st.integers(0, 2000), DAMAGE | st.binary(max_size=2)), max_size=3),
    st.integers(0, 1 << 32),
)
def test_what_the_fuzzer_checks_holds_for_damaged_cases(
    data: bytes, damage: list[tuple[int, bytes]], tail: int
) -> None:
    for place, noise in damage:
        place %= len(data) + 1
        data = data[:place] + noise + data[place + 1 :]
    check(data + b"%d" % tail)  # the tail chooses other limits, modes and cuts


@given(st.binary(max_size=300))
def test_what_the_fuzzer_checks_holds_for_any_bytes(data: bytes) -> None:
    check(data)


def test_the_fuzzer_sees_a_parser_that_lets_too_much_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (two_hosts,) = [case.data for case in CASES if case.name == "two Hosts"]
    monkeypatch.setattr(Incoming, "_meaning_fault", lambda self: 0)
    with pytest.raises(AssertionError):
        check(two_hosts)


def test_the_fuzzer_sees_a_parser_that_depends_on_the_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check(CASES[0].data)
    monkeypatch.setattr(
        http_parser, "_early_fault", lambda head, is_complete, _: 400 * (not is_complete)
    )
    with pytest.raises(AssertionError, match="pieces"):
        check(CASES[0].data)
