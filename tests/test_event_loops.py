"""What is each event loop's own: its wall, its fairness, and who waits for whom."""

import contextlib
import inspect
import threading
from collections.abc import Iterator
from importlib import import_module

import pytest

from engine.models import MODELS
from tests.plain_client import Client, request
from tests.serve_driver import Json, Serve
from tests.support import wait_until

LOOPS = [
    name
    for name in ("select", "poll", "epoll-edge", "asyncio", "generators", "reactor-pool")
    if name in MODELS
]
WAITING_LOOPS = [name for name in ("asyncio", "generators", "reactor-pool") if name in MODELS]
MANY_BYTES = 100_000_000
ALL_LOOPS = [*LOOPS, "epoll", "polling", "gevent"]


@pytest.fixture(scope="module", params=LOOPS)
def server(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """One a loop; each test looks at its own connections."""
    with Serve(request.param, "--events", "-") as serve:
        yield serve


def test_beyond_its_wall_select_answers_503() -> None:
    """Descriptors from 1,024 on have no bit in its sets."""
    options = (
        "--max-connections",
        "5000",
        "--idle-timeout",
        "120",
    )  # to open so many takes a while
    with Serve("select", *options) as server, contextlib.ExitStack() as stack:
        wait_until(lambda: server.snapshot()["cap"] == 960, what="the cap")
        inside = [stack.enter_context(Client(server.port)) for _ in range(960)]
        for client in inside:
            client.send(request("/"))
        assert [client.answer().status for client in inside] == [200] * 960
        for _ in range(100):
            with Client(server.port) as outside:
                assert outside.answer().status == 503
        shot = server.snapshot()
        assert (shot["refused"], shot["illegal_steps"]) == (100, 0)
        assert inside[-1].get("/").status == 200


@pytest.mark.parametrize("model", ALL_LOOPS)
def test_a_client_that_takes_all_at_once_lets_others_have_their_turn(model: str) -> None:
    with Serve(model, "--no-trace") as server, Client(server.port) as greedy:
        greedy.ask(f"/bytes/{MANY_BYTES}")
        greedy.take(1)
        reader = threading.Thread(target=greedy.answer)
        reader.start()
        with Client(server.port) as other:
            for _ in range(5):
                assert other.get("/").status == 200
        assert reader.is_alive()
        reader.join()


@pytest.mark.parametrize("model", ALL_LOOPS)
def test_a_client_that_asks_without_a_pause_lets_others_have_their_turn(model: str) -> None:
    is_over = threading.Event()

    def ask(client: Client) -> None:
        while not is_over.is_set():
            client.send(request("/bytes/10") * 200)
        client.send(request("/bytes/10", close=True))

    def take(client: Client) -> None:
        while client.socket.recv(65_536):
            pass

    with Serve(model, "--no-trace") as server, Client(server.port) as hasty:
        both = [threading.Thread(target=each, args=(hasty,)) for each in (ask, take)]
        with Client(server.port) as other:
            other.get("/")
            for thread in both:
                thread.start()
            try:
                for _ in range(5):
                    assert other.get("/").status == 200
            finally:
                is_over.set()
        for thread in both:
            thread.join()


@pytest.mark.parametrize("model", WAITING_LOOPS)
def test_waiting_stops_nobody_else(model: str) -> None:
    with Serve(model, "--events", "-") as server, Client(server.port) as slow:
        slow.ask("/wait/1500")
        wait_until(lambda: server.snapshot()["rooms"]["handler"]["now"] == 1, what="in the handler")
        with Client(server.port) as other:
            assert other.get("/").status == 200
        wait_until(lambda: server.snapshot()["rooms"]["handler"]["now"] == 1, what="still there")
        assert slow.answer().status == 200


def test_silent_clients_hold_no_thread_of_the_pool() -> None:
    with Serve("reactor-pool", "--threads", "1") as server, contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(Client(server.port)).send(b"GET / HT")
        with Client(server.port) as client:
            assert client.get("/").status == 200


def test_whole_requests_wait_for_a_thread_of_the_pool() -> None:
    with Serve("reactor-pool", "--threads", "1", "--events", "-") as server:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(server.port)) for _ in range(4)]
            for client in clients:
                client.ask("/wait/1000")
            wait_until(
                lambda: (server.snapshot()["rooms"]["app_queue"] or {}).get("now") == 3,
                what="a queue",
            )
            assert [client.answer().status for client in clients] == [200] * 4
        assert server.snapshot()["rooms"]["app_queue"]["now"] == 0


def test_what_a_loop_does_it_does_in_a_turn(server: Serve) -> None:
    before = len(server.events)
    with Client(server.port) as client:
        assert [client.get("/").status for _ in range(2)] == [200, 200]
        # From a quarter of a second on it is known that there is not too much to tell.
        wait_until(
            lambda: client.get("/").status == 200 and turns_of_recvs(server.events[before:])[-2:]
        )
        first, second = turns_of_recvs(server.events[before:])[-2:]
        assert 0 < first < second


def turns_of_recvs(events: list[Json]) -> list[int]:
    """The turn of each recv since turns are told."""
    turn, turns = 0, []
    for event in events:
        if event["note"].startswith("turn "):
            turn = int(event["note"].split()[1])
        elif event["kind"] == "recv" and turn:
            turns.append(turn)
    return turns if len(turns) > 1 else []


def test_events_name_lines_of_the_models_page(server: Serve) -> None:
    page = inspect.getsource(import_module(MODELS[server.model])).splitlines()
    calls = {"accept": ".accept()", "recv": ".recv(", "send": ".send(", "close": ".close()"}
    calls |= {"request": ".receive(", "response": "conversation.send("}
    with Client(server.port) as client:
        client.get("/")
        client.socket.close()
        story = server.story(client)
    assert {event["kind"] for event in story} == set(calls)
    for event in story:
        assert calls[event["kind"]] in page[event["line"] - 1], event


def test_a_loop_is_one_thread(server: Serve) -> None:
    tasks = tasks_of(server)
    loops_own = ["accept"] if server.model == "asyncio" else ["accept", "recv", "send", "request"]
    assert [tasks[kind] for kind in loops_own] == [{"MainThread"}] * len(loops_own)


def test_a_coroutine_is_told_by_its_task() -> None:
    with Serve("asyncio", "--events", "-") as server:
        tasks = tasks_of(server)
    assert tasks["accept"] == {"MainThread"}  # the loop's own call
    assert tasks["request"] == tasks["response"] == tasks["close"] == {"Task-1", "Task-2"}


def tasks_of(server: Serve) -> dict[str, set[str]]:
    """Kind of event -> who did it, of two connections one after the other."""
    stories = []
    for _ in range(2):
        with Client(server.port) as client:
            client.get("/")
        stories += server.story(client)
    return {
        kind: {event["task"] for event in stories if event["kind"] == kind}
        for kind in {event["kind"] for event in stories}
    }


@pytest.mark.parametrize("model", [name for name in LOOPS if name != "select"])
def test_an_idle_loop_sleeps(model: str) -> None:
    """Level-triggered interest that is left on would wake it without end."""
    with Serve(model, "--events", "-") as server, Client(server.port) as client:
        client.get("/bytes/3000000")
        before = len(server.events)
        with Client(server.port) as half:  # has ended, while its handler waits
            half.ask("/wait/700")
            half.half_close()
            assert half.answer().status == 200
        server.story(half)
        assert wait_until(lambda: wakeups(server.events[before:]), what="a tick") < 50


def wakeups(events: list[Json]) -> int:
    ticks = [one["note"].split() for one in events if one["kind"] == "tick"]
    return sum(int(words[1]) for words in ticks if words[0] == "wakeups")
