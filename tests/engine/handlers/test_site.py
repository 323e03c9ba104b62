"""What the site answers, and above all what it never gives away."""

import os
import re
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.handlers import site
from engine.handlers.site import WWW, Site
from engine.http1.conversation import Conversation
from engine.http1.messages import Request, Response
from tests.engine.asked_site import Clock, KeepAlive, ask


def location(response: Response) -> str:
    return dict(response.headers)["Location"]


# --- files ---


@pytest.mark.parametrize(
    ("target", "content_type", "body"),
    [
        ("/", "text/html; charset=utf-8", b"<p>start"),
        ("/?query", "text/html; charset=utf-8", b"<p>start"),
        ("http://a", "text/html; charset=utf-8", b"<p>start"),
        ("/index.html", "text/html; charset=utf-8", b"<p>start"),
        ("/dir/", "text/html; charset=utf-8", b"<p>dir"),
        ("/dir%2findex.html", "text/html; charset=utf-8", b"<p>dir"),
        ("/a%20b.txt", "text/plain; charset=utf-8", b"space"),
        ("/%C3%A9.css", "text/css; charset=utf-8", b"accent"),
        ("/picture.SVG", "image/svg+xml", b"<svg/>"),
        ("/noend", "application/octet-stream", b"\0\1"),
    ],
)
def test_files(root: Path, target: str, content_type: str, body: bytes) -> None:
    for method in ("GET", "HEAD"):
        answer = ask(Site(root), target, method)
        assert (answer.status, answer.content_type, answer.body) == (200, content_type, body)


def test_a_folder_is_sent_to_its_slash(root: Path) -> None:
    (root / "sp ace\r\n").mkdir()
    assert (ask(Site(root), "/dir").status, location(ask(Site(root), "/dir"))) == (301, "/dir/")
    assert location(ask(Site(root), "/dir?a=b")) == "/dir/?a=b"
    answer = ask(Site(root), "/sp%20ace%0d%0a")
    assert location(answer) == "/sp%20ace%0D%0A/"
    assert b"Location: /sp%20ace%0D%0A/\r\n" in b"".join(answer.wire(True, False))


def test_what_is_missing(root: Path) -> None:
    for target in ("/none", "/empty/", "/index.html/", "/%ff", "/" + "x" * 5000, "/none?a"):
        assert ask(Site(root), target).status == 404
    assert ask(Site(root / "none"), "/").status == 404


def test_the_path_is_escaped_in_pages(root: Path) -> None:
    page = bytes(ask(Site(root), "/%3Cscript%3E%22&").body)
    assert b"/&lt;script&gt;&quot;&amp;" in page
    assert b"<script" not in page


def test_other_methods_are_refused(root: Path) -> None:
    served = Site(root)
    ask(served, "/")
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE"):
        answer = ask(served, "/", method)
        assert answer.status == 405
        assert ("Allow", "GET, HEAD, OPTIONS") in answer.headers


@pytest.mark.parametrize("target", ["*", "/", "/none", "http://a"])
def test_options_names_the_methods(root: Path, target: str) -> None:
    answer = ask(Site(root), target, "OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers == (("Allow", "GET, HEAD, OPTIONS"),)


@pytest.mark.parametrize(("method", "statuses"), [("GET", [100, 200]), ("POST", [405])])
def test_leave_to_send_content_that_will_be_read(
    root: Path, method: str, statuses: list[int]
) -> None:
    served = Site(root)
    ask(served, "/")
    talk = Conversation(KeepAlive())
    fields = "Host: a\r\nExpect: 100-continue\r\nContent-Length: 1"
    answered = []
    for request in talk.receive(f"{method} / HTTP/1.1\r\n{fields}\r\n\r\nx".encode()):
        answer = served.answer(request)
        talk.send(answer)
        answered.append(answer.status)
        if talk.ended:
            break
    assert answered == statuses


@pytest.mark.parametrize("fault", [400, 413, 414, 417, 431, 501, 505])
def test_faults(root: Path, fault: int) -> None:
    served = Site(root)
    ask(served, "/")
    answer = served.answer(Request("GET", "/", "/", "", 1, False, (), b"", fault))
    assert (answer.status, answer.content_type) == (fault, "text/html; charset=utf-8")
    assert str(fault).encode() in bytes(answer.body)


# --- /wait, /burn, /bytes ---


@pytest.mark.parametrize(
    ("target", "limit"),
    [("/wait/", "60000"), ("/burn/", "10000"), ("/bytes/", "100000000")],
)
def test_numbers_that_are_none_or_too_large(root: Path, target: str, limit: str) -> None:
    for number in ("", "x", "-1", "1.5", "+1", "1/", "%D9%A1", "9" * 5000, str(int(limit) + 1)):
        answer = ask(Site(root), target + number)
        assert (answer.status, bytes(answer.body).count(b"\n")) == (400, 1)
        assert limit in bytes(answer.body).decode()


@pytest.mark.parametrize(("number", "wait_s"), [("0", 0), ("200", 0.2), ("60000", 60)])
def test_waiting_is_left_to_the_model(root: Path, number: str, wait_s: float) -> None:
    answer = ask(Site(root), f"/wait/{number}?again")
    assert (answer.status, answer.wait_s) == (200, wait_s)
    assert number in bytes(answer.body).decode()


def test_burning_takes_the_cpu_time_that_was_asked_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks: Iterator[float] = iter(range(1000))
    monkeypatch.setattr(site, "thread_time", lambda: next(ticks) / 100)
    answer = ask(Site(root), "/burn/200")
    assert (answer.status, answer.wait_s) == (200, 0)
    assert next(ticks) == 21
    ask(Site(root), "/burn/200")
    assert next(ticks) > 40, "it was answered from memory"


@pytest.mark.parametrize("count", [0, 1, 64, 1000, 2_000_000])
def test_bytes(root: Path, count: int) -> None:
    answer = ask(Site(root), f"/bytes/{count}")
    assert (answer.status, len(answer.body)) == (200, count)
    head, _, body = b"".join(answer.wire(True, False)).partition(b"\r\n\r\n")
    assert b"Content-Type: application/octet-stream" in head
    assert f"Content-Length: {count}\r\n".encode() in head
    assert body == bytes(answer.body)


def test_a_hundred_megabytes_take_the_room_of_one_pattern(root: Path) -> None:
    _, *body = ask(Site(root), "/bytes/100000000").wire(True, False)
    assert sum(map(len, body)) == 100_000_000
    assert len({id(piece.obj) for piece in body if isinstance(piece, memoryview)}) == 1
    assert all(isinstance(piece, memoryview) for piece in body)


# --- what is kept, and how long ---


def test_an_answer_holds_for_its_second(root: Path, clock: Clock) -> None:
    served = Site(root)
    first = ask(served, "/")
    clock.now_s += 0.5
    assert ask(served, "/") is first
    assert ask(served, "/", "HEAD") is first
    clock.now_s += 0.5
    second = ask(served, "/")
    assert (first.at_s, second.at_s) == (1_000_000, 1_000_001)
    assert second.body is first.body, "the file was read again"


def test_a_changed_file_is_read_again(root: Path, clock: Clock) -> None:
    served = Site(root)
    ask(served, "/")
    (root / "index.html").write_bytes(b"<p>other")
    clock.now_s += 1
    assert ask(served, "/").body == b"<p>other"
    (root / "index.html").unlink()
    clock.now_s += 1
    assert ask(served, "/").status == 404
    (root / "index.html").write_bytes(b"<p>again")
    assert ask(served, "/").body == b"<p>again", "what is missing is asked for each time"


def test_what_is_kept_is_bounded(root: Path, clock: Clock) -> None:
    served = Site(root)
    for number in range(site.KEPT_RESPONSES + 10):
        ask(served, f"/?{number}")
    assert 0 < len(served._kept) <= site.KEPT_RESPONSES
    for number in range(40):
        ask(served, f"/bytes/1000000?{number}")
        assert sum(len(one.body) for one in served._kept.values()) <= site.KEPT_BYTES


def test_large_files_are_not_kept(root: Path, clock: Clock) -> None:
    (root / "large").write_bytes(bytes(site.KEPT_FILE_BYTES + 1))
    served = Site(root)
    assert len(ask(served, "/large").body) == site.KEPT_FILE_BYTES + 1
    assert "/large" not in served._kept
    assert "/large" not in served._files


def test_a_part_of_a_large_file_does_not_cost_the_whole(root: Path) -> None:
    (root / "large").write_bytes(b"0123456789" * 1_000_000)
    head = b"GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=9000005-9000009\r\n\r\n"
    served, talk = Site(root), Conversation(KeepAlive())
    (request,) = talk.receive(head)
    tracemalloc.start()
    wire = b"".join(talk.send(served.answer(request)))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert wire.endswith(b"Content-Range: bytes 9000005-9000009/10000000\r\n\r\n56789")
    assert most_bytes < 1_000_000


def test_a_file_of_gigabytes_takes_the_room_of_a_piece(root: Path) -> None:
    with open(root / "large", "wb") as large:
        large.truncate(site.FILE_LIMIT_BYTES)  # a hole: it takes no room on the disk either
    answer = ask(Site(root), "/large")
    assert (answer.status, len(answer.body)) == (200, site.FILE_LIMIT_BYTES)
    tracemalloc.start()
    length = sum(map(len, answer.wire(True, False)))
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert length - len(next(iter(answer.wire(True, False)))) == site.FILE_LIMIT_BYTES
    assert most_bytes < 100_000


def test_a_large_file_is_mapped_once_while_it_is_sent(root: Path) -> None:
    (root / "large").write_bytes(bytes(site.KEPT_FILE_BYTES + 1))
    served = Site(root)
    before = len(os.listdir("/dev/fd"))
    answers = [ask(served, "/large") for _ in range(10)]
    assert len(os.listdir("/dev/fd")) == before + 1
    del answers
    assert len(os.listdir("/dev/fd")) == before


def test_a_large_file_that_is_cut_short_fails_in_send_only(root: Path) -> None:
    (root / "large").write_bytes(bytes(site.KEPT_FILE_BYTES + 1))
    answer = ask(Site(root), "/large")
    os.truncate(root / "large", 0)
    head, first, *_ = list(answer.wire(True, False))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.send(head)
        with pytest.raises(OSError, match="Bad address"):
            ours.send(first)


def test_threads_may_share_a_site(root: Path, clock: Clock) -> None:
    served = Site(root)
    wrong: list[str] = []

    def read_all() -> None:
        for number in range(600):
            target = f"/bytes/{number}?{threading.get_ident()}"
            if len(ask(served, target).body) != number:
                wrong.append(target)

    threads = [threading.Thread(target=read_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# --- the site that comes with servetui ---

LINKS = re.compile(r'(?:href|src|data-path)="([^"]+)"')


def test_the_page_that_benchmarks_use_is_small() -> None:
    assert 1400 <= len(ask(Site(WWW), "/").body) <= 1600


@pytest.mark.parametrize("page", ["/", "/rooms.html"])
def test_every_link_leads_somewhere_here(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "thread_time", iter(range(100)).__next__)
    links = LINKS.findall(bytes(ask(Site(WWW), page).body).decode())
    assert len(links) > 4
    for link in links:
        answer = ask(Site(WWW), "/" + link.removeprefix("./").removeprefix("/"))
        assert answer.status == 200, link
        assert answer.content_type != site.BINARY or link.startswith("/bytes/"), link
