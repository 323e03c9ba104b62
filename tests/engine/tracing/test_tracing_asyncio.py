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
