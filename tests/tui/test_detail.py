"""One connection told whole."""

from dataclasses import replace

import pytest

from engine.events import Kind
from engine.views.kernel_numbers import KernelView
from tests.tui.fake_run import FakeRun
from tui.format import plain
from tui.panels import detail


def drawn(run: FakeRun, conn: int, width: int, height: int, back: int = 0) -> list[str]:
    told = run.detail(conn)
    assert told is not None
    lines = detail.lines(
        told, run.now_ns, lambda event: f"model.py:{event.line}", width, height, back
    )
    return [plain(line).rstrip() for line in lines]


def test_the_kernel_and_the_accept_queue_have_their_say() -> None:
    run = a_run()
    assert "KERNEL  tells nothing of it  in the accept queue: not known" in drawn(run, 1, 120, 38)
    run.tell(Kind.TICK, 1, note="in the accept queue for 404 ms")
    run.poll()
    told = run.detail(1)
    assert told is not None
    kernel = KernelView("ESTABLISHED", 83, 2_800_000, rtt_us=52, retransmits=1)
    lines = detail.lines(replace(told, kernel=kernel), run.now_ns, lambda event: "", 120, 38)
    assert (
        "KERNEL  ESTABLISHED  Recv-Q 83 B  Send-Q 2.8 MB  rtt 0.05 ms  retransmits 1"
        "  in the accept queue 404 ms or longer"
    ) in [plain(line) for line in lines]
    view = replace(told.view, queued_ms=0)
    told = replace(told, kernel=kernel, view=view)
    lines = detail.lines(told, run.now_ns, lambda event: "", 120, 38)
    assert "in the accept queue less than 10 ms" in "".join(map(plain, lines))


def a_run() -> FakeRun:
    run = FakeRun()
    run.accept([1])
    run.wait(0.012)
    run.tell(Kind.RECV, 1, moved=80)
    run.tell(Kind.REQUEST, 1, note="GET /a")
    run.wait(0.5)
    run.tell(Kind.RESPONSE, 1, moved=300, note="200")
    run.wait(0.25)
    run.tell(Kind.SEND, 1, moved=300)
    run.tell(Kind.RECV, 1, moved=70)
    run.tell(Kind.REQUEST, 1, note="GET /b")
    run.wait(0.1)
    run.poll()
    return run


def test_of_one_that_is_only_counted_no_state_is_told() -> None:
    run = a_run()
    run.tell(Kind.TICK, 1, note="thinned requests 256 in 17920 out 76800")
    run.poll()
    (who, *_) = (line for line in drawn(run, 1, 160, 38) if "#1" in line)
    assert "~ counted" in who
    assert "idle" not in who


@pytest.mark.parametrize(("by", "told"), [("client", "x closed"), ("server", "X closed")])
def test_who_closed_has_the_letter_of_the_table(by: str, told: str) -> None:
    run = a_run()
    run.close(1, by=by)
    run.poll()
    who = " ".join(drawn(run, 1, 120, 38)[:2])
    assert f"  {told}  " in who
    assert f"{by} closed first" in who


def test_requests_are_told_with_their_times() -> None:
    text = "\n".join(drawn(a_run(), 1, 120, 38))
    first = next(line for line in text.split("\n") if "GET /a" in line and "200" in line).split()
    assert first[:10] == ["1", "GET", "/a", "200", "300", "B", "-", "-", "-", "500"]
    assert first[10:13] == ["ms", "250", "ms"]
    second = next(line for line in text.split("\n") if "so far" in line).split()
    assert second[:11] == ["2", "GET", "/b", "-", "-", "-", "-", "-", "100", "ms", "so"]


def test_events_are_told_with_the_time_since_the_first_and_the_one_before() -> None:
    lines = drawn(a_run(), 1, 120, 38)
    response = next(line for line in lines if " response " in line).split()
    assert response[:4] == ["+512.000", "ms", "+500.000", "ms"]
    assert response[-1] == "model.py:18"


@pytest.mark.parametrize(("width", "height"), [(60, 18), (80, 22), (120, 38), (200, 58)])
def test_it_fits_and_is_never_cut(width: int, height: int) -> None:
    run = a_run()
    for _ in range(40):
        run.serve(1, "/c")
    run.poll()
    lines = drawn(run, 1, width, height)
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    assert "/c" in lines[-1] or "send" in lines[-1]


def test_it_scrolls_back_to_the_first_event_and_no_further() -> None:
    run = a_run()
    for _ in range(20):
        run.serve(1, "/c")
    run.poll()
    lines = drawn(run, 1, 80, 22, back=10_000)
    events = lines[next(at for at, line in enumerate(lines) if line.startswith("EVENTS")) + 2 :]
    assert "accept" in events[0]


def test_what_was_not_kept_is_counted() -> None:
    run = a_run()
    for _ in range(300):
        run.serve(1, "/c")
    run.poll()
    told = run.detail(1)
    assert told is not None
    assert told.forgotten > 0
    total = told.forgotten + len(told.events)
    assert total == 7 + 300 * 4
    assert f"EVENTS  {total:,}, here" in "\n".join(drawn(run, 1, 80, 22))


def test_a_connection_that_is_forgotten_has_no_detail() -> None:
    assert a_run().detail(99) is None


def test_a_client_that_was_closed_for_its_silence_is_told_with_its_time() -> None:
    run = a_run()
    run.tell(Kind.RESPONSE, 1, moved=30, note="200")
    run.tell(Kind.SEND, 1, moved=30)
    run.wait(5.25)
    run.tell(Kind.CLOSE, 1, note="server closed first")
    run.poll()
    assert "closed by the server: client silent for 5.25 s" in "\n".join(drawn(run, 1, 120, 38))


def test_bytes_are_shown_and_nothing_else_happens() -> None:
    run = a_run()
    before = run.snapshot().connections
    run.tell(Kind.TICK, 1, moved=2_000, note="received: GET /b HTTP/1.1\\r\\n" + "x" * 150)
    run.poll()
    after = run.snapshot()
    assert [(one.state, one.strip, one.last) for one in after.connections] == [
        (one.state, one.strip, one.last) for one in before
    ]
    assert all(event.kind is not Kind.TICK for event in after.events)
    lines = drawn(run, 1, 80, 38)
    at = next(number for number, line in enumerate(lines) if line.startswith("BYTES"))
    end = lines.index("", at)
    told = "".join(lines[at + 1 : end]).replace(" ", "")
    assert told == "+862.000msreceived2.0KBGET/bHTTP/1.1\\r\\n" + "x" * 150
    assert max(map(len, lines)) <= 80


def of_bytes(run: FakeRun, width: int, height: int) -> list[str]:
    """What stands below BYTES, and the title before it."""
    lines = drawn(run, 1, width, height)
    at = next(number for number, line in enumerate(lines) if line.startswith("BYTES"))
    end = next(n for n, line in enumerate(lines) if n > at and (not line or line[:6] == "EVENTS"))
    return lines[at:end]


def test_of_bytes_that_do_not_all_fit_the_beginning_is_shown() -> None:
    run = a_run()
    assert of_bytes(run, 80, 22) == ["BYTES  none; told while there are less than 2,000 events/s"]
    run.tell(Kind.TICK, 1, moved=20, note="received: GET /b")
    run.tell(Kind.TICK, 1, moved=900, note="sent: HTTP/1.1 200 OK\\r\\n" + "x" * 400)
    run.poll()
    title, *rows = of_bytes(run, 80, 22)
    assert title == "BYTES  first bytes of the last received and sent, escaped"
    assert rows[0].split()[:3] == ["+862.000", "ms", "sent"]
    assert "HTTP/1.1 200 OK" in rows[0]
    assert [row.strip("x ") for row in rows[1:]] == [""] * (len(rows) - 1)
    assert of_bytes(run, 60, 14) == ["BYTES  have no room here"]


def a_told_run() -> FakeRun:
    """Of a connection there is all that a detail tells: bytes, waits, a request that goes on."""
    run = FakeRun()
    run.accept([1])
    run.tell(Kind.TICK, 1, note="in the accept queue for 404 ms")
    asked = "GET / HTTP/1.1\\r\\nHost: 127.0.0.1\\r\\n\\r\\n"
    run.tell(Kind.TICK, 1, moved=len(asked), note=f"received: {asked}")
    run.serve(1)
    run.tell(Kind.TICK, 1, moved=1_583, note="sent: HTTP/1.1 200 OK\\r\\n" + "x" * 150)
    run.wait(1.2)
    run.tell(Kind.RECV, 1, moved=83, note="unread for 3500 us", task="Thread-1")
    run.tell(Kind.REQUEST, 1, note="GET /bytes/50000000", task="Thread-1")
    run.wait(12.34)
    return run
