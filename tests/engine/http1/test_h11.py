"""h11 as the oracle: what both accept, both understand alike; where they differ, it is for a reason.

h11 keeps to the grammar and leaves the meaning to the application; it also takes more than a server
should that stands behind a proxy. So it may accept what is refused here, for one of the reasons below;
the other way round there are few, and never may both accept and read different requests.
"""

import re
from itertools import pairwise
from typing import Any

import h11
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.http1 import parser as http_parser
from engine.http1.conversation import Conversation
from engine.http1.messages import CONTINUE, Response
from tests.raw_requests import Case, Mode, load

CASES = load()
REFUSED, CLOSES = "refused", "closes"
Seen = list[Any]  # requests as (method, target, fields, content), and then perhaps a verdict


def ours(data: bytes) -> Seen:
    conversation = Conversation(Mode())
    seen: Seen = []
    for request in conversation.receive(data):
        if request.expects_continue:
            conversation.send(CONTINUE)
            continue
        if request.fault:
            return [*seen, REFUSED]
        fields = [(name.lower(), value) for name, value in request.headers]
        # h11 gives codings in lower case, and nothing else.
        fields = [
            (name, value.lower() if name == b"transfer-encoding" else value)
            for name, value in fields
        ]
        seen.append((request.method, request.target, fields, request.body))
        conversation.send(Response(404, "", b"", 0))
        if conversation.ended:
            return [*seen, CLOSES]
    return seen


def theirs(data: bytes) -> Seen:
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    seen: Seen = []
    try:
        while isinstance(request := server.next_event(), h11.Request):
            content = b""
            while isinstance(event := server.next_event(), h11.Data):
                content += event.data
            if not isinstance(event, h11.EndOfMessage):
                return seen
            method, target = request.method.decode(), request.target.decode("latin-1")
            seen.append((method, target, list(request.headers), content))
            server.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
            server.send(h11.EndOfMessage())
            if server.our_state is not h11.DONE:
                return [*seen, CLOSES]
            server.start_next_cycle()
    except h11.RemoteProtocolError:
        return [*seen, REFUSED]
    return seen


def difference(data: bytes) -> str:
    """Who is stricter; "" if both see the same, "meaning" if both accept what they read otherwise."""
    mine, oracle = ours(data), theirs(data)
    if mine[len(oracle) :] == [REFUSED]:  # h11 judges a head once it is whole: make it so
        oracle = theirs(data + b"\r\n\r\n")
    for one, other in zip(mine, oracle, strict=False):
        if one != other:
            if one in (REFUSED, CLOSES):
                return "we refuse" if one == REFUSED else "we close"
            return "h11 refuses" if other in (REFUSED, CLOSES) else "meaning"
    if len(mine) == len(oracle):
        return ""
    if mine[len(oracle) :] == [REFUSED]:
        return "we refuse, h11 waits"
    if oracle[len(mine) :] == [REFUSED]:
        return "h11 refuses"
    return "h11 closes" if oracle[len(mine) :] == [CLOSES] else "we close"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_table_says_where_h11_differs(case: Case) -> None:
    differs = difference(case.data)
    assert bool(differs) is bool(case.h11), differs
    assert differs != "meaning"


# --- generated requests ---

TOKENS = st.text("abcXYZ019-_!~", min_size=1, max_size=8)
VALUES = st.text("abc XYZ\t019,;=é", max_size=12).map(str.strip)
RESERVED = {"host", "connection", "content-length", "transfer-encoding", "expect", "upgrade"}


@st.composite
def good_requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from(sorted(http_parser.METHODS - {"CONNECT"})))
    target = "/" + draw(st.text("abc/?&=%._-~", max_size=20))
    lines = [f"{method} {target} HTTP/{draw(st.sampled_from(['1.0', '1.1']))}", "Host: a:80"]
    names = draw(st.lists(TOKENS.filter(lambda name: name.lower() not in RESERVED), max_size=4))
    lines += [f"{name}: {draw(VALUES)}" for name in names]
    if connection := draw(st.sampled_from(["", "close", "Keep-Alive", "x, Close"])):
        lines.append(f"Connection: {connection}")
    body = draw(st.binary(max_size=20))
    framing = draw(st.sampled_from(["none", "length", "chunks"]))
    if framing == "length":
        return text(lines, f"Content-Length: {len(body)}") + body
    if framing == "chunks" and lines[0].endswith("1.1"):
        edges = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=3))})
        pieces = [body[start:end] for start, end in pairwise(edges)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return text(lines, "Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n"
    return text(lines)


def text(lines: list[str], *more: str) -> bytes:
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


@given(st.lists(good_requests(), min_size=1, max_size=3).map(b"".join))
def test_h11_understands_the_same(data: bytes) -> None:
    mine, oracle = ours(data), theirs(data)
    if oracle != mine:  # h11 keeps no connection of HTTP/1.0; what it read until then is the same
        assert b"HTTP/1.0\r\n" in data
        assert oracle[-1] == CLOSES
        assert oracle[:-1] == mine[: len(oracle) - 1]


# Each takes the bytes. Why we refuse what h11 accepts, or waits for the rest of:
WE_REFUSE = {
    "a bare LF is no line end": re.compile(rb"(?<!\r)\n"),
    "a bare CR is none": re.compile(rb"\r(?!\n)"),
    "control characters": re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"),
    "obs-fold": re.compile(rb"\r\n[ \t]"),
    "a method that is not known": re.compile(
        rb"(?:\A|\n|\r\n\r\n.{0,40}?)(?!(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT) )[^ \r\n]+ ",
        re.DOTALL,
    ),
    "the form of the target": re.compile(rb"[A-Z] (?![/]|https?://[^/?@]|\*)|#|[A-Z] \*|@|[^!-~\r\n]"),
    "https in the clear": re.compile(rb"(?i)[A-Z] https:"),
    "another version": re.compile(rb"HTTP/(?!1\.)"),
    "what Host may hold": re.compile(
        rb"(?i)\nhost:(?![ \t]*[\w.:\[\]%~!$&'()*+,;=-]*[ \t]*\r)|\nhost:.*:.*[^0-9\s]|\nhost:.*:.*:"
    ),
    "CONNECT is the last": re.compile(rb"CONNECT"),
    "one length": re.compile(rb"(?i)content-length:[^\r]*,|(?s:content-length:.*content-length:)"),
    "a length or a coding": re.compile(
        rb"(?is)content-length:.*transfer-encoding:|transfer-encoding:.*content-length:"
    ),
    "no chunks in HTTP/1.0": re.compile(rb"(?is)HTTP/1\.0.*transfer-encoding:"),
    "a coding that is clear": re.compile(rb"(?i)transfer-encoding:(?![ \t]*chunked[ \t]*\r)"),
    "another expectation": re.compile(rb"(?i)expect:(?![ \t]*100-continue[ \t]*\r)"),
    "the size of content": re.compile(rb"(?i)content-length:[ \t]*0*[0-9]{7}|\n0*[0-9a-f]{6}"),
    "white space after a size": re.compile(rb"\n[0-9a-fA-F]+[ \t]+\r"),
    "the length of a size": re.compile(rb"\n[0-9a-fA-F]{17}"),
    "a trailer of tokens": re.compile(rb"\n0+(?:;[^\r]*)?\r\n(?!\r\n)"),
    "fields, lines and heads that are too many or too long": re.compile(rb"(?s)\A.{2000}"),
}  # fmt: skip
# Why h11 refuses what we accept:
H11_REFUSES = {
    "empty lines before a request": re.compile(rb"\A\r|\r\n\r"),
    "white space before a chunk extension": re.compile(rb"\n[0-9a-fA-F]+[ \t]+;"),
    "HTTP/1.0 that stays": re.compile(rb"HTTP/1\.0"),
}


@settings(max_examples=500)
@given(
    good_requests() | st.sampled_from([case.data for case in CASES if len(case.data) < 700]),
    st.lists(
        st.tuples(st.integers(0, 700), st.integers(0, 2), st.binary(max_size=2)),
        min_size=1,
        max_size=2,
    ),
)
@example(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", [(5, 0, b"\r")])
def test_damage_is_understood_alike_or_differs_for_a_reason(
    data: bytes, damage: list[tuple[int, int, bytes]]
) -> None:
    for place, removed, noise in damage:
        place %= len(data) + 1
        data = data[:place] + noise + data[place + removed :]
    differs = difference(data)
    assert differs != "meaning"
    if differs.startswith("h11"):
        assert [why for why, sign in H11_REFUSES.items() if sign.search(data)], differs
    elif differs.startswith("we"):
        assert [why for why, sign in WE_REFUSE.items() if sign.search(data)], differs


# --- answers ---


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_h11_reads_what_is_sent(method: bytes) -> None:
    client = h11.Connection(h11.CLIENT)
    data = client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    talk = Conversation(Mode())
    talk.receive(data or b"")
    page = Response(200, "text/plain", b"hello", 784_111_777, headers=(("X-A", "b"),))
    client.receive_data(b"".join(talk.send(page)))
    response = client.next_event()
    assert isinstance(response, h11.Response)
    if method == b"GET":
        body = client.next_event()
        assert isinstance(body, h11.Data)
        assert body.data == b"hello"
    assert isinstance(client.next_event(), h11.EndOfMessage)


def test_h11_reads_an_interim_answer() -> None:
    client = h11.Connection(h11.CLIENT)
    fields = [("Host", "a"), ("Expect", "100-continue"), ("Content-Length", "1")]
    head = client.send(h11.Request(method="PUT", target="/", headers=fields))
    talk = Conversation(Mode())
    talk.receive(head or b"")
    client.receive_data(b"".join(talk.send(CONTINUE)))
    assert isinstance(client.next_event(), h11.InformationalResponse)
    talk.receive(client.send(h11.Data(data=b"x")) or b"")
    client.send(h11.EndOfMessage())
    client.receive_data(b"".join(talk.send(Response(200, "", b"", 0))))
    response = client.next_event()
    assert isinstance(response, h11.Response)
    assert response.status_code == 200
