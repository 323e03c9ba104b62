"""Which part of a file is sent, and whether any: conditional and range requests."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.handlers.file_responses import File, respond
from engine.handlers.site import Site
from engine.http1.conversation import Conversation
from engine.http1.dates import format_date
from engine.http1.messages import Request, Response
from tests.support import wait_until

MODIFIED_S = 784_111_777
NOW_S = MODIFIED_S + 1_000
FILE = File("name", (1, 2, 10, 0xABC, 0xDEF), "text/plain", b"0123456789", MODIFIED_S)
TAG = '"a-abc-def"'
DATE = format_date(MODIFIED_S)
BEFORE, AFTER = format_date(MODIFIED_S - 1), format_date(MODIFIED_S + 1)


class KeepAlive:
    keep_alive = True


def parsed(method: str, *fields: str) -> Request:
    lines = [f"{method} / HTTP/1.1", "Host: a", *fields, "", ""]
    (request,) = Conversation(KeepAlive()).receive("\r\n".join(lines).encode("latin-1"))
    assert not request.fault
    return request


def ask(*fields: str, method: str = "GET", file: File = FILE, now_s: int = NOW_S) -> Response:
    return respond(parsed(method, *fields), file, now_s)


def field(response: Response, name: str) -> str | None:
    return dict(response.headers).get(name)


def test_the_whole_says_what_may_be_asked_later() -> None:
    answer = ask()
    assert (answer.status, answer.body, answer.content_type) == (200, FILE.body, "text/plain")
    assert answer.headers == (
        ("Cache-Control", "no-cache"),
        ("ETag", TAG),
        ("Last-Modified", DATE),
        ("Accept-Ranges", "bytes"),
    )


def test_a_file_from_the_future_was_modified_now() -> None:
    assert field(ask(now_s=MODIFIED_S - 9), "Last-Modified") == format_date(MODIFIED_S - 9)


CONDITIONS = [
    (200, ['If-None-Match: "x"']),
    (304, [f"If-None-Match: {TAG}"]),
    (304, [f"If-None-Match: W/{TAG}"]),  # weak comparison
    (304, ["If-None-Match: *"]),
    (304, [f'If-None-Match: "x", W/"y"\t,, {TAG} ,']),
    (304, ['If-None-Match: "x"', f"If-None-Match: {TAG}"]),
    (304, [f'If-None-Match: "a,b", {TAG}']),
    (200, [f'If-None-Match: "x{TAG}']),
    (200, ["If-None-Match: a-abc-def"]),
    (200, ["If-None-Match:"]),
    (304, [f"If-Modified-Since: {DATE}"]),
    (304, [f"If-Modified-Since: {AFTER}"]),
    (200, [f"If-Modified-Since: {BEFORE}"]),
    (200, ["If-Modified-Since: yesterday"]),
    (304, ["If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT"]),
    (200, [f"If-Modified-Since: {DATE}", f"If-Modified-Since: {DATE}"]),  # a list is no date
    # With a tag the date does not count (RFC 9110, 13.1.3).
    (200, ['If-None-Match: "x"', f"If-Modified-Since: {DATE}"]),
    (304, [f"If-None-Match: {TAG}", f"If-Modified-Since: {BEFORE}"]),
    (200, [f"If-Match: {TAG}"]),
    (200, ["If-Match: *"]),
    (412, [f"If-Match: W/{TAG}"]),  # strong comparison
    (412, ['If-Match: "x"']),
    (200, [f'If-Match: "x", {TAG}']),
    (200, [f"If-Unmodified-Since: {DATE}"]),
    (412, [f"If-Unmodified-Since: {BEFORE}"]),
    (200, ["If-Unmodified-Since: x"]),
    (200, [f"If-Match: {TAG}", f"If-Unmodified-Since: {BEFORE}"]),  # 13.1.4: the tag decides
    (412, ['If-Match: "x"', f"If-None-Match: {TAG}"]),  # 13.2.2: what must hold goes first
    (304, [f"If-Match: {TAG}", f"If-None-Match: {TAG}"]),
    (304, [f"If-None-Match: {TAG}", "Range: bytes=0-1"]),
    (412, ['If-Match: "x"', "Range: bytes=0-1"]),
    (206, ['If-None-Match: "x"', "Range: bytes=0-1"]),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("status", "fields"), CONDITIONS)
def test_conditions(status: int, fields: list[str], method: str) -> None:
    answer = ask(*fields, method=method)
    assert answer.status == (200 if status == 206 and method == "HEAD" else status)
    assert field(answer, "ETag") == TAG
    if status in (304, 412):
        assert answer.body == b""


def test_what_304_carries() -> None:
    wire = b"".join(ask(f"If-None-Match: {TAG}").wire(True, False))
    head = wire.decode().split("\r\n")
    assert head[0] == "HTTP/1.1 304 Not Modified"
    names = [line.partition(":")[0] for line in head[1:-2]]
    assert {"Date", "ETag", "Last-Modified", "Cache-Control"} <= set(names)
    assert not {"Content-Length", "Content-Type"} & set(names)


RANGES = [
    ("bytes=0-0", "0-0", b"0"),
    ("bytes=2-4", "2-4", b"234"),
    ("BYTES= 2-4 ", "2-4", b"234"),
    ("bytes=8-99", "8-9", b"89"),
    ("bytes=9-", "9-9", b"9"),
    ("bytes=0-", "0-9", FILE.body),
    ("bytes=-3", "7-9", b"789"),
    ("bytes=-99", "0-9", FILE.body),
    (f"bytes=0-{'9' * 18}", "0-9", FILE.body),
]


@pytest.mark.parametrize(("asked", "extent", "body"), RANGES)
def test_a_range(asked: str, extent: str, body: bytes) -> None:
    answer = ask(f"Range: {asked}")
    assert (answer.status, bytes(answer.body), answer.content_type) == (206, body, "text/plain")
    assert field(answer, "Content-Range") == f"bytes {extent}/10"
    assert field(answer, "ETag") == TAG


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-11", "bytes=999-", "bytes=-0"])
def test_a_range_that_is_not_there(asked: str) -> None:
    answer = ask(f"Range: {asked}")
    assert (answer.status, answer.body) == (416, b"")
    assert field(answer, "Content-Range") == "bytes */10"


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=4-2", "bytes=x-", "bytes=1", "bytes 0-1"),
        *("lines=0-1", "bytes=+1-2", "bytes=1 -2", "bytes=0x1-2", "bytes=1_0-", "", "bytes=²-"),
        f"bytes={'0' * 5000}-",
    ],
)
def test_what_is_no_single_range_gets_the_whole(asked: str) -> None:
    answer = ask(f"Range: {asked}")
    assert (answer.status, answer.body, field(answer, "Content-Range")) == (200, FILE.body, None)


def test_two_lines_are_several_ranges() -> None:
    assert ask("Range: bytes=0-1", "Range: bytes=3-4").status == 200


def test_head_has_no_ranges() -> None:
    assert ask("Range: bytes=0-1", method="HEAD").status == 200


@pytest.mark.parametrize(("asked", "status"), [("0-", 416), ("-1", 200), ("-0", 200)])
def test_ranges_of_an_empty_file(asked: str, status: int) -> None:
    empty = File("name", FILE.stamp, "text/plain", b"", MODIFIED_S)
    assert ask(f"Range: bytes={asked}", file=empty).status == status


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (TAG, 206),
        (f"W/{TAG}", 200),
        ('"x"', 200),
        ("*", 200),
        (DATE, 206),
        (AFTER, 200),
        (BEFORE, 200),
        ("", 200),
        ("x", 200),
    ],
)
def test_if_range(state: str, status: int) -> None:
    answer = ask("Range: bytes=2-4", f"If-Range: {state}")
    assert (answer.status, bytes(answer.body)) == (status, b"234" if status == 206 else FILE.body)


def test_a_date_whose_second_still_runs_is_no_strong_validator() -> None:
    assert ask("Range: bytes=2-4", f"If-Range: {DATE}", now_s=MODIFIED_S).status == 200


@given(st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40))
def test_no_value_raises(value: str) -> None:
    names = ("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range")
    for name in names:
        answer = ask(f"{name}: {value}", "Range: bytes=0-0")
        assert answer.status in (200, 206, 304, 412)
    assert ask(f"Range: bytes={value}").status in (200, 206, 416)


# --- files of a folder ---


def get(site: Site, *fields: str) -> Response:
    return site.answer(parsed("GET", *fields))


def test_another_content_has_another_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "index.html"
    page.write_bytes(b"one")
    status = page.stat()
    site = Site(tmp_path)
    tag = field(get(site), "ETag")
    assert get(site, f"If-None-Match: {tag}").status == 304

    def rewrite() -> bool:  # as long, and said to be as old; clocks of files are coarse
        page.write_bytes(b"two")
        os.utime(page, ns=(status.st_atime_ns, status.st_mtime_ns))
        return page.stat().st_ctime_ns != status.st_ctime_ns

    wait_until(rewrite)
    answer = get(site, f"If-None-Match: {tag}")
    assert (answer.status, answer.body) == (200, b"two")
    assert field(get(Site(tmp_path)), "ETag") != tag


def test_a_condition_is_not_answered_for_the_next_client(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(b"0123456789")
    site = Site(tmp_path)
    for _ in range(2):
        assert get(site, "Range: bytes=0-1").status == 206
        assert get(site, "If-None-Match: *").status == 304
        assert get(site).status == 200


def test_only_files_have_conditions(tmp_path: Path) -> None:
    site = Site(tmp_path)
    request = parsed("GET", "Range: bytes=0-1", "If-None-Match: *")
    for target in ("/bytes/10", "/wait/0", "/none"):
        asked = Request("GET", target, target, "", 1, True, request.headers, b"")
        assert site.answer(asked).status in (200, 404)
