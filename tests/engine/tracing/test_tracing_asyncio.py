"""What is told of asyncio's tasks, and of threads beside their loop."""

from engine.event_queue.tasks import NAMES
from engine.events import Kind
from tests.engine.traced_script import Run

ASYNCIO = "import asyncio"


def test_tasks_threads_and_what_the_loop_calls_are_told_apart(run: Run) -> None:
    told = run(
        """
import asyncio
def work():
    mark("library's thread")
async def main():
    mark("a task")
    await asyncio.to_thread(work)
    thread = threading.Thread(target=mark, args=("own thread",))
    thread.start()
    asyncio.get_running_loop().call_soon(mark, "no task")
    await asyncio.sleep(0.01)
    thread.join()
    mark("the task again")
    asyncio.get_running_loop().call_soon(mark, "no task again")
    await asyncio.sleep(0)
mark("no loop")
tracing.tracer.next_tick_ns = 2**63
asyncio.run(main())
""",
        first=ASYNCIO,
    )
    names = {event.note: event.task for event in told.of(Kind.TICK)}
    assert names == {
        "no loop": "MainThread",
        "a task": "Task-1",
        "library's thread": "asyncio_0",
        "own thread": "Thread-1",
        "no task": "MainThread",
        "the task again": "Task-1",
        "no task again": "MainThread",
    }
    by_threads = [event.task for event in told.of(Kind.SPAWN) if event.note == "thread"]
    assert by_threads[:2] == ["asyncio_0", "Thread-1"]
    assert "MainThread" not in [event.task for event in told.of(Kind.SPAWN, Kind.EXIT)]


def test_names_of_tasks_are_given_anew_in_turn(run: Run) -> None:
    told = run(
        """
import asyncio
async def talk(server):
    with server:
        server.recv(10)
async def main():
    for _ in range(200):
        client, server = pair()
        client.close()
        await asyncio.create_task(talk(server))
asyncio.run(main())
""",
        first=ASYNCIO,
    )
    names = [event.task for event in told.of(Kind.CLOSE)]
    first = int(names[0].removeprefix("Task-"))  # another name may be that of main()
    assert names[:NAMES] == [f"Task-{number}" for number in range(first, first + NAMES)]
    assert names[NAMES : 3 * NAMES] == 2 * names[:NAMES]


def test_a_child_that_a_task_forks_is_not_that_task(run: Run) -> None:
    told = run(
        """
import asyncio
async def again(number):
    mark(f"child's task {number}")
    await asyncio.sleep(0)
async def in_child():
    await asyncio.gather(again(1), again(2))
async def main():
    mark("the parent's task")
    child = os.fork()
    if child == 0:
        mark("the child")
        asyncio._set_running_loop(None)
        asyncio.run(in_child())
        os._exit(0)
    os.waitpid(child, 0)
asyncio.run(main())
""",
        first=ASYNCIO,
    )
    names = {event.note: event.task for event in told.of(Kind.TICK)}
    assert names["the child"] == "MainThread"
    theirs = [names[f"child's task {number}"] for number in (1, 2)]
    assert len({*theirs, names["the parent's task"]}) == 3


def test_a_loop_that_goes_on_in_another_thread_names_its_tasks_there(run: Run) -> None:
    told = run(
        """
import asyncio
loop = asyncio.new_event_loop()
async def begin():
    mark("here")
loop.run_until_complete(begin())
is_there, may_end = threading.Event(), threading.Event()
async def go_on():
    mark("there")
    is_there.set()
    may_end.wait(10)
thread = threading.Thread(target=loop.run_until_complete, args=(go_on(),))
thread.start()
is_there.wait(10)
mark("meanwhile here")
may_end.set()
thread.join()
loop.close()
asyncio.run(begin())
""",
        first=ASYNCIO,
    )
    names = [(event.note, event.task) for event in told.of(Kind.TICK)]
    assert [name for note, name in names if note == "meanwhile here"] == ["MainThread"]
    tasks = [name for note, name in names if note in ("here", "there")]
    assert len({*tasks}) == len(tasks) == 3
    assert all(name.startswith("Task-") for name in tasks)
