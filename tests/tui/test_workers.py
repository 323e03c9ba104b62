"""The page of processes and threads: a row for each, which fits whatever the width."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.events import Kind
from engine.views.kernel_numbers import AcceptQueue
from tests.tui.fake_run import ENGINE_PID, FakeRun
from tests.tui.shown_app import screen, shown
from tui.app import Dashboard
from tui.format import plain
from tui.panels import worker, workers

Compare = Callable[..., bool]


def a_preforked_run() -> FakeRun:
    """Four workers: one that never accepted, one in a handler, one idle, one that was woken for nothing."""
    run = FakeRun("prefork-epoll")
    run.tell(Kind.LISTEN, note="127.0.0.1:7890")
    pids = [ENGINE_PID + number for number in range(1, 5)]
    for pid in pids:
        run.tell(Kind.SPAWN, note=f"process {pid}")
    run.wait(0.3)
    for conn, pid in ((1, pids[1]), (2, pids[2])):
        run.tell(Kind.ACCEPT, conn, note=f"127.0.0.1:{50_000 + conn}", pid=pid)
        run.tell(Kind.RECV, conn, moved=83, pid=pid)
        run.tell(Kind.REQUEST, conn, note="GET /wait/900", pid=pid)
        run.wait(0.4)
    run.tell(Kind.RESPONSE, 2, moved=100, note="200", pid=pids[2])
    run.tell(Kind.SEND, 2, moved=100, pid=pids[2])
    run.tell(Kind.TICK, pid=pids[2], note="wakeups 2 would-block 0 sockets 2")
    run.tell(Kind.TICK, pid=pids[3], note="wakeups 1204 would-block 1200 sockets 1 ready 9")
    run.wait(0.5)
    return run


def drawn(width: int) -> list[str]:
    run = a_preforked_run()
    run.poll()
    return [plain(line) for line in workers.lines(run.snapshot(), width, 0)]


def numbers(row: str, columns: int) -> list[str]:
    """Of a row, without the bar behind them."""
    return row.partition(workers.BAR)[0].split()[-columns:]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_each_row_fits_and_has_all_its_numbers(width: int) -> None:
    lines = drawn(width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 3 + 5
    engine, _, handling, idle, herded = lines[3:]
    assert engine.split()[:2] == [str(ENGINE_PID), "waiting"]
    assert handling.startswith(f"  {ENGINE_PID + 2}")
    assert handling.split()[1] == "handling"
    assert idle.split()[1] == "idle"
    if width < 100:  # no room for the ready lists
        told = [numbers(row, 4) for row in (handling, idle, herded)]
        assert told == [["1", "-", "-", "1"], ["1", "2", "-", "1"], ["0", "1,204", "1,200", "0"]]
    else:
        told = [numbers(row, 5) for row in (handling, idle, herded)]
        assert told[0] == ["1", "-", "-", "-", "1"]
        assert told[1] == ["1", "2", "-", "-", "1"]
        assert told[2] == ["0", "1,204", "1,200", "9", "0"]
    shares = [row.partition(workers.BAR)[2].strip(workers.BAR).strip() for row in lines[3:]]
    assert shares == (["", "", "50 %", "50 %", ""] if width >= 120 else [""] * 5)


def with_queues_of_their_own() -> FakeRun:
    """The first of the four takes from the listener of the engine."""
    run = a_preforked_run()
    for number in (2, 3, 4):
        run.tell(Kind.TICK, pid=ENGINE_PID + number, note=f"listens {number * 100}")
    lengths = {7: 5, 200: 128, 300: 0, 400: 1}
    queues = tuple(AcceptQueue(listener, length, 128) for listener, length in lengths.items())
    run.given_kernel = replace(run.given_kernel, queues=queues)
    return run


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_workers_with_queues_of_their_own_have_them_in_a_column(width: int) -> None:
    run = with_queues_of_their_own()
    run.poll()
    queues = run.kernel().queues
    lines = workers.lines(run.snapshot(), width, None, queues)
    texts = [plain(line) for line in lines]
    assert max(map(len, texts)) <= width
    assert "queue" in texts[2]
    assert ("share of all accepts" in texts[2]) == (width >= 120)
    found = [re.search(r"\d+/128", text) for text in texts[3:]]
    assert [one and one[0] for one in found] == [None, "5/128", "128/128", "0/128", "1/128"]
    roles = [role for line in lines for text, role in line if text == "128/128"]
    assert roles == ["warning"]
    assert not any(
        "/128" in plain(line) for line in workers.lines(run.snapshot(), width, None, queues[:1])
    )


async def test_the_page_shows_them() -> None:
    async with shown(with_queues_of_their_own(), (120, 40)) as (dashboard, pilot):
        await pilot.press("w")
        assert "128/128" in "\n".join(screen(dashboard))


def test_the_queue_of_the_server_is_told() -> None:
    run = a_preforked_run()
    run.tell(Kind.TICK, note="queue put 1")
    run.wait(1.5)
    run.poll()
    assert "in the queue 1, the oldest 1.50 s" in plain(workers.lines(run.snapshot(), 120, 0)[1])


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_the_page(snap_compare: Compare, size: tuple[int, int]) -> None:
    run = a_preforked_run()
    run.poll()
    dashboard = Dashboard(run, frames_per_s=12, beats=False)
    assert snap_compare(dashboard, press=["w"], terminal_size=size)


def one_loop() -> FakeRun:
    """One process, whose model says what it has in hand."""
    run = FakeRun("generators")
    run.tell(Kind.LISTEN, note="127.0.0.1:7890")
    run.tell(Kind.ACCEPT, 1, note="127.0.0.1:50001")
    gauges = "=runnable 0 =receiving 1200 =sending 1 =asleep 2"
    run.tell(Kind.TICK, note=f"wakeups 5 sockets 2 ready 4 longest-turn-us 812000 {gauges}")
    run.wait(0.3)
    run.poll()
    return run


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_one_loop_tells_its_longest_turn_and_what_it_has_in_hand(width: int) -> None:
    lines = workers.lines(one_loop().snapshot(), width, None)
    title, heading, row = (plain(line) for line in lines[1:])
    assert max(len(plain(line)) for line in lines) <= width
    assert "share" not in heading
    assert ("longest turn" in heading) == ("812 ms" in row) == (width >= 120)
    assert (
        "runnable 0, receiving 1,200, sending 1, asleep 2" in title
    )  # as few words beside it as need be
    assert ("in hand: " in title) == (width >= 120)
    assert [role for line in lines for text, role in line if text == "812 ms"] in ([], ["warning"])


def test_its_own_page_tells_the_same() -> None:
    run = one_loop()
    told = run.worker(ENGINE_PID, "")
    assert told is not None
    text = " ".join(plain(line) for line in worker.lines(told, run.now_ns, 0, lambda e: "", 60, 20))
    for words in ("longest turn 812 ms", "receiving 1,200", "asleep 2"):
        assert words in text
