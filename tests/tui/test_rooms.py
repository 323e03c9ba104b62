"""The strip of the rooms: each with its number, its longest wait and its limit, at any size."""

from collections import Counter
from dataclasses import replace

import pytest

from engine.event_queue.passing import Passed
from engine.events import Kind
from engine.views.detail import Split
from engine.views.kernel_numbers import EMPTY_KERNEL, AcceptQueue
from engine.views.rooms import ROOMS
from engine.views.snapshot import Room
from tests.tui.drawn import drawn
from tests.tui.fake_run import FakeRun, a_lively_run
from tests.tui.shown_app import screen, shown
from tui.format import ascii_only
from tui.picture import Picture


def a_busy_run() -> FakeRun:
    """12 of 14 places of the accept queue are taken; a client of ours left bytes unread."""
    run = a_lively_run()
    run.given_numbers = replace(run.given_numbers, accept_queue=12, accept_queue_limit=14)
    rooms = {
        **run.given_kernel.rooms,
        "accept_queue": Room(12, 402.3),
        "unread": Room(3, 12.4),
        "time_wait": Room(312, 41_000.0),
    }
    waits = {f"127.0.0.1:{40_112 + 2 * n}": 402.3 - 50 * n for n in range(8)}
    run.given_kernel = replace(
        run.given_kernel,
        rooms=rooms,
        accept_queue_ms=waits,
        unread_bytes=249,
        client_time_wait=7,
        listen_drops=2,
    )
    return run


def a_seasoned_run() -> FakeRun:
    """The same after a thousand clients, each of whom was in the handler for 2 ms."""
    run = a_busy_run()
    run.state.note_passed(Passed(1_000, Counter({Kind.ACCEPT: 1_000, Kind.CLOSE: 1_000})))
    run.state.server.waits.finished.extend([Split(None, None, None, 2_000_000, 0)] * 1_000)
    return run


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 40), (200, 60)])
def test_each_room_has_its_number_and_longest_wait_below_its_name(width: int, height: int) -> None:
    strip = drawn(a_busy_run(), width, height)["rooms"]
    at = 1 if height >= 30 else 0
    names, now, longest = strip[at : at + 3]
    assert [line for line in strip if len(line.rstrip()) > width] == []
    starts = [names.index(f"{meaning.letter} {meaning.title[0]}") for meaning in ROOMS.values()]
    ends = [*starts[1:], width]
    told = [(now[a:b].strip(), longest[a:b].strip()) for a, b in zip(starts, ends, strict=True)]
    assert told == [
        ("0", ""), ("12 / 14", "402 ms"), ("3", "12 ms"), ("-", ""), ("1", "1.02 s"),
        ("1", "620 ms"), ("4", "2 s"), ("312", "41 s"), ("0", ""),
    ]  # fmt: skip


def test_the_limit_of_several_accept_queues_is_their_sum() -> None:
    run = a_busy_run()
    queues = tuple(AcceptQueue(listener, 6, 128) for listener in (3, 4))
    run.given_kernel = replace(run.given_kernel, queues=queues)
    assert "12 / 256" in drawn(run, 120, 40)["rooms"][2]


def test_a_small_screen_names_those_that_no_legend_has() -> None:
    strip = drawn(a_busy_run(), 60, 20)["rooms"]
    assert strip == ["SYN 0 accept 12/14 unread 3 app - H1 S1 _4 TIME_W 312 c0"]


def test_what_cannot_be_known_is_a_dash() -> None:
    run = a_busy_run()
    run.given_kernel = replace(run.given_kernel, rooms={})
    run.given_numbers = replace(run.given_numbers, accept_queue=None)
    run.given_status = replace(run.given_status, thinning=4)
    assert drawn(run, 60, 20)["rooms"] == [
        "SYN - accept - unread - app - H- S- _- TIME_W - CLOSE_W -"
    ]
    assert drawn(run, 28, 20)["rooms"] == ["y- q- u- a- H- S- _- t- c-"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_the_queue_of_the_server_is_told_though_connections_are_only_counted(
    size: tuple[int, int],
) -> None:
    run = a_busy_run()
    run.given_status = replace(run.given_status, thinning=8)
    for waiting in (1, 2, 3):
        run.tell(Kind.TICK, note=f"queue put {waiting}")
    run.wait(0.25)
    strip = drawn(run, *size)["rooms"]
    at = 1 if size[1] >= 30 else 0
    assert strip[at + 1].split()[-6:] == ["3", "-", "-", "-", "312", "0"]
    assert "250 ms" in strip[at + 2]


def test_the_fullest_room_has_the_longest_bar_and_a_full_one_warns() -> None:
    run = a_busy_run()
    bars = drawn(run)["rooms"][-1]
    shares = [bar.count("▇") for bar in bars.split()]
    assert shares == [0, max(shares), *shares[2:]]
    assert len(shares) == 5, "of those that rest, as of the queue that is none, there is no bar"
    assert bars.index("▇") == drawn(run)["rooms"][1].index("q ")
    assert ascii_only(bars).isascii()
    run.poll()
    lines = Picture(run).draw(120, 40, 12)["rooms"]
    warnings = [text for text, role in lines[2] if role == "warning"]
    assert warnings == ["12 / 14"]


def test_the_title_tells_what_belongs_to_no_room() -> None:
    title = drawn(a_busy_run())["rooms"][0]
    for words in ("unread 249 B", "listen drops of the machine 2", "TIME_WAIT of clients 7"):
        assert words in title
    assert "overflows" not in title


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_page_tells_how_long_those_waited_that_have_left(size: tuple[int, int]) -> None:
    async with shown(a_seasoned_run(), size) as (dashboard, pilot):
        await pilot.press("t")
        lines = [line.rstrip() for line in screen(dashboard)]
        assert max(map(len, lines)) <= size[0]
        assert "…" not in "".join(lines)
        assert any(line.endswith("this model has none") for line in lines)
        told = {line[2:14].strip(): line.split() for line in lines if line[1:2] == " "}
        assert told["handler"][2] == "1"
        assert "1.02 s" in " ".join(told["handler"])
        assert " ".join(told["handler"]).count("2.00 ms") == 2  # p50 and p99
        await pilot.press("t")
        assert dashboard.page is None


async def test_the_page_names_who_waits_in_the_accept_queue() -> None:
    run = a_busy_run()
    async with shown(run, (60, 40)) as (dashboard, pilot):
        await pilot.press("t")
        lines = [line.rstrip() for line in screen(dashboard)]
        at = lines.index("IN THE ACCEPT QUEUE  the 8 of 12 that wait longest")
        assert lines[at + 1] == "127.0.0.1:40112  402 ms   127.0.0.1:40114  352 ms"
        assert lines[at + 4] == "127.0.0.1:40124  102 ms   127.0.0.1:40126   52 ms"
        some = dict(list(run.given_kernel.accept_queue_ms.items())[:1])
        rooms = run.given_kernel.rooms | {"accept_queue": Room(1, 402.3)}
        run.given_kernel = replace(run.given_kernel, rooms=rooms, accept_queue_ms=some)
        dashboard.frame()
        await pilot.pause()
        lines = [line.rstrip() for line in screen(dashboard)]
        assert "IN THE ACCEPT QUEUE  who waits there" in lines
        assert "127.0.0.1:40112  402 ms" in lines
        run.given_kernel = EMPTY_KERNEL
        dashboard.frame()
        await pilot.pause()
        assert "IN THE ACCEPT QUEUE" not in "\n".join(screen(dashboard))


def test_of_few_requests_there_is_no_percentile() -> None:
    strip = drawn(a_busy_run(), 200, 60)["rooms"]
    assert "ms / " not in strip[4]


def test_a_large_screen_has_percentiles_in_the_strip() -> None:
    strip = drawn(a_seasoned_run(), 200, 60)["rooms"]
    assert "p50 / p99 of those that have left" in strip[0]
    assert "2.00 ms / 2.00 ms" in strip[4]
    assert len(drawn(a_seasoned_run(), 120, 60)["rooms"]) == 5


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
def test_the_room_that_fills_stands_out(size: tuple[int, int]) -> None:
    def marked(run: FakeRun) -> list[str]:
        run.poll()
        lines = Picture(run).draw(*size, 12)["rooms"]
        return [text for line in lines for text, role in line if role == "chosen"]

    run = a_busy_run()
    assert [text.removeprefix("q ")[:6] for text in marked(run)] == ["accept"]
    for passing in (Room(12, 4.0), Room(1, 900.0), Room(0, 0.0)):
        rooms = {**run.given_kernel.rooms, "accept_queue": passing, "unread": Room(0, 0.0)}
        run.given_kernel = replace(run.given_kernel, rooms=rooms)
        assert marked(run) == []


def test_bytes_are_those_of_the_room_that_is_named() -> None:
    run = a_busy_run()
    run.given_kernel = replace(run.given_kernel, unread_bytes=0, queued_bytes=176)
    title = drawn(run)["rooms"][0]
    assert "app queue 176 B" in title
    assert "unread" not in title


async def test_where_the_kernel_tells_nothing_the_screen_says_so() -> None:
    """As on macOS."""
    run = a_busy_run()
    run.given_kernel = EMPTY_KERNEL
    run.given_numbers = replace(run.given_numbers, accept_queue=None, accept_queue_limit=None)
    strip = drawn(run)["rooms"]
    assert "-: not told by the kernel" in strip[0]
    assert strip[2].split() == ["-", "-", "-", "-", "1", "1", "4", "-", "-"]
    async with shown(run) as (dashboard, pilot):
        await pilot.press("t")
        lines = "\n".join(screen(dashboard))
        assert lines.count("not known: the kernel does not tell of its sockets") == 5
        await pilot.press("t", "down", "enter")
        assert "KERNEL  tells nothing of it" in "\n".join(screen(dashboard))


async def test_clients_of_elsewhere_are_said_to_be_the_reason() -> None:
    run = a_busy_run()
    rooms = {n: room for n, room in run.given_kernel.rooms.items() if n != "syn_retry"}
    run.given_kernel = replace(run.given_kernel, rooms=rooms)
    async with shown(run) as (dashboard, pilot):
        await pilot.press("t")
        (line,) = [line for line in screen(dashboard) if line.startswith("y SYN retry")]
        assert "not known: clients may be on other machines" in line


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (120, 40)])
async def test_the_page_tells_what_belongs_to_no_room(size: tuple[int, int]) -> None:
    run = a_busy_run()
    run.given_kernel = replace(run.given_kernel, listen_overflows=3, client_close_wait=None)
    async with shown(run, size) as (dashboard, pilot):
        await pilot.press("t")
        told = "\n".join(screen(dashboard))
        assert "of the machine: listen overflows 3, listen drops 2" in told
        assert "of clients: TIME_WAIT 7, CLOSE_WAIT -" in told


async def test_waits_in_the_accept_queue_are_told_to_a_jiffy() -> None:
    run = a_seasoned_run()
    assert "< 10 ms / < 10 ms" in drawn(run, 200, 60)["rooms"][4]
    async with shown(run) as (dashboard, pilot):
        await pilot.press("t")
        (line,) = [line for line in screen(dashboard) if line.startswith("q accept queue")]
        assert line.split()[7:13] == ["<", "10", "ms"] * 2
