"""What event loops report of their turns, and models of what they have in hand."""

import pytest

from engine.events import LONGEST_TURN, Kind
from tests.engine.traced_script import Run, Told

BUSY = """
def work():
    ends = time.monotonic() + 0.2
    while time.monotonic() < ends:
        pass
"""
WAITS = {
    "epoll": (
        "poller = select.epoll(); poller.register(listener, select.EPOLLIN)",
        "poller.poll(0.01)",
    ),
    "poll": (
        "poller = select.poll(); poller.register(listener, select.POLLIN)",
        "poller.poll(10)",
    ),
    "select": ("", "select.select([listener], [], [], 0.01)"),
}
GEVENT = "from gevent import monkey; monkey.patch_all()"


def figures(told: Told, name: str) -> list[int]:
    """What its ticks say of that."""
    words = [event.note.split() for event in told.of(Kind.TICK)]
    return [int(each[each.index(name) + 1]) for each in words if name in each]


@pytest.mark.parametrize("wait", WAITS)
def test_the_longest_turn_of_a_loop_is_told(run: Run, wait: str) -> None:
    make, poll = WAITS[wait]
    told = run(f"""
{BUSY}
{make}
client = socket.create_connection(listener.getsockname(), 10)
{poll}
work()
server, _ = listener.accept()
{poll}  # finds nothing: no turn begins
work()
{poll}
""")
    (took_us,) = figures(told, LONGEST_TURN)
    assert 200_000 <= took_us < 10_000_000


def test_an_epoll_object_takes_what_the_librarys_takes(run: Run) -> None:
    told = run("""
poller = select.epoll(sizehint=10, flags=select.EPOLL_CLOEXEC)
poller.register(fd=listener, eventmask=select.EPOLLIN)
client = socket.create_connection(listener.getsockname(), 10)
print(len(poller.poll(timeout=10, maxevents=5)), poller.closed)
with select.epoll.fromfd(os.dup(poller.fileno())) as same:
    print(len(same.poll(10)), same.closed)
print(same.closed, poller.closed)
""")
    assert told.output.split("\n")[:3] == ["1 False", "1 False", "True False"]
    assert sum(figures(told, "wakeups")) == 2


def test_the_turn_of_a_loop_of_asyncio_and_what_it_has_in_hand_are_told(run: Run) -> None:
    told = run(
        f"""
import asyncio
{BUSY}
async def main():
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(60, print) for _ in range(3)]
    await asyncio.sleep(0.01)
    loop.call_soon(work)
    await asyncio.sleep(0)
    loop.call_soon(lambda: None)
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
        first="import asyncio",
    )
    assert max(figures(told, "=timers")) >= 3
    assert figures(told, "=callbacks")


def test_the_hub_of_gevent_tells_its_wake_ups_what_was_ready_and_its_longest_turn(run: Run) -> None:
    told = run(
        f"""
import gevent
{BUSY}
pairs = [socket.socketpair() for _ in range(7)]
readers = [gevent.spawn(ours.recv, 10) for ours, _ in pairs]
gevent.sleep(0.01)
for _, theirs in pairs:
    theirs.send(b"x")
gevent.joinall(readers)
gevent.spawn(work).join()
gevent.sleep(0.01)
gevent.sleep(0.01)
""",
        first=GEVENT,
    )
    assert max(figures(told, "ready")) >= 7
    assert sum(figures(told, "wakeups")) >= 1
    assert 200_000 <= max(figures(told, LONGEST_TURN)) < 10_000_000


def test_what_a_model_has_in_hand_is_told_when_it_has_changed(run: Run) -> None:
    told = run("""
from engine.tracing.tracer import tracer
waiting = [1, 2, 3]
tracer.gauge("waiting", lambda: len(waiting))
tracer.gauge("asleep", lambda: 0)
def tick():
    tracer.gauges._asked_from_ns = tracer.next_tick_ns = 0
    tracer.tick()
tick()
tick()
waiting.pop()
tick()
""")
    assert told.story() == [
        "tick wakeups 0 would-block 0 sockets 1 =waiting 3 =asleep 0",
        "tick wakeups 0 would-block 0 sockets 1 =waiting 2 =asleep 0",
    ]


def test_asking_takes_no_more_than_a_part_of_the_time(run: Run) -> None:
    told = run("""
from engine.tracing.tracer import tracer
asked = 0
def slowly():
    global asked
    asked += 1
    time.sleep(0.01)
    return asked
tracer.gauge("slow", slowly)
ends = time.monotonic() + 0.5
while time.monotonic() < ends:
    tracer.next_tick_ns = 0
    tracer.tick()
print(asked)
""")
    assert told.output == "1\n"


@pytest.mark.parametrize("name", ["", "two words", "x" * 17, "5", "\u017eluna"])
def test_a_name_that_no_tick_has_room_for_is_refused(run: Run, name: str) -> None:
    told = run(f"""
from engine.tracing.tracer import tracer
try:
    tracer.gauge({name!r}, lambda: 0)
except ValueError as error:
    print("refused")
""")
    assert told.output == "refused\n"


def test_a_child_does_not_speak_for_what_its_parent_has_in_hand(run: Run) -> None:
    told = run("""
from engine.tracing.tracer import tracer
tracer.gauge("watched", lambda: 5)
if os.fork() == 0:
    tracer.next_tick_ns = 0
    tracer.tick()
    tracer.writer.put(Kind.TICK, 0, -1, 0, 0, "child")
    os._exit(0)
os.waitpid(-1, 0)
""")
    assert not figures(told, "=watched")
    assert "tick child" in told.story()


def test_a_gauge_that_fails_is_left_out_and_the_wait_goes_on(run: Run) -> None:
    told = run("""
from engine.tracing.tracer import tracer
tracer.gauge("broken", lambda: {}["nothing"])
tracer.gauge("half", lambda: 2.5)
tracer.next_tick_ns = 0
tracer.tick()
""")
    assert told.story() == ["tick wakeups 0 would-block 0 sockets 1 =half 2"]


def test_the_most_gauges_with_the_longest_names_have_room_in_a_tick(run: Run) -> None:
    told = run("""
from engine.tracing.gauges import MOST, NAME_CHARS
from engine.tracing.tracer import tracer
for number in range(MOST):
    tracer.gauge(chr(97 + number) * NAME_CHARS, lambda: 999_999)
tracer.would_block = tracer.wakeups = tracer.open_sockets = 999_999
tracer.longest_ready, tracer.longest_turn_ns = 20_000, 99_999_999_000
tracer.next_tick_ns = 0
tracer.tick()
""")
    (tick,) = told.story()
    assert tick.endswith("ffffffffffffffff 999999")


def test_a_timer_of_gevent_is_no_wake_up(run: Run) -> None:
    told = run(
        """
import gevent
for _ in range(20):
    gevent.sleep(0.005)
mark("end")
""",
        first=GEVENT,
    )
    assert [event.note for event in told.of(Kind.TICK) if "longest" not in event.note] == ["end"]
    assert not any(figures(told, "wakeups"))
    assert {event.task for event in told.events} == {"MainThread"}
    assert "Dummy" not in told.output


def test_what_an_application_imports_does_not_change_how_its_server_is_watched(run: Run) -> None:
    told = run("""
import asyncio, gevent
tracing.install(memory)
traced_waits.install()
poller = select.epoll()
poller.register(listener, select.EPOLLIN)
client = socket.create_connection(listener.getsockname(), 10)
poller.poll(10)
""")
    assert sum(figures(told, "wakeups")) == 1
    assert not figures(told, "=timers")


def test_a_wait_in_another_thread_is_no_turn_of_the_loop(run: Run) -> None:
    told = run(f"""
{BUSY}
def wait_twice():
    client = socket.create_connection(listener.getsockname(), 10)
    select.select([], [client], [], 10)
    work()
    select.select([], [client], [], 10)
thread = threading.Thread(target=wait_twice)
thread.start()
thread.join()
""")
    assert sum(figures(told, "wakeups")) == 2
    assert not figures(told, LONGEST_TURN)
