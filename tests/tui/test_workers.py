"""The page of processes and threads: a row for each, which fits whatever the width."""

from collections.abc import Callable

import pytest

from engine.events import Kind
from tests.tui.fake_run import ENGINE_PID, FakeRun
from tui.app import Dashboard
from tui.format import plain
from tui.panels import workers

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
    run.tell(Kind.TICK, pid=pids[3], note="wakeups 1204 would-block 1200 sockets 1")
    run.wait(0.5)
    return run


def drawn(width: int) -> list[str]:
    run = a_preforked_run()
    run.poll()
    return [plain(line) for line in workers.lines(run.snapshot(), width, 0)]


def numbers(row: str) -> list[str]:
    """Of a row, without the bar behind them."""
    return row.partition(workers.BAR)[0].split()[-4:]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_each_row_fits_and_has_all_its_numbers(width: int) -> None:
    lines = drawn(width)
    assert max(map(len, lines)) <= width
    assert len(lines) == 3 + 5
    engine, _, handling, idle, herded = lines[3:]
    assert engine.split()[:2] == [str(ENGINE_PID), "waiting"]
    assert handling.startswith(f"  {ENGINE_PID + 2}")
    assert handling.split()[1] == "handling"
    assert numbers(handling) == ["1", "-", "-", "1"]
    assert idle.split()[1] == "idle"
    assert numbers(idle) == ["1", "2", "-", "1"]
    assert numbers(herded) == ["0", "1,204", "1,200", "0"]
    shares = [row.partition(workers.BAR)[2].strip(workers.BAR).strip() for row in lines[3:]]
    assert shares == (["", "", "50 %", "50 %", ""] if width >= 120 else [""] * 5)


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
