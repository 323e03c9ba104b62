"""A blocking call in a coroutine."""

import asyncio
import socket
import time
from collections.abc import Callable

from engine.labs.client import side_by_side
from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.service import Service

OTHERS = 5


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """A task for each connection."""
    listener.setblocking(False)
    asyncio.run(accept(listener, service, mended))


async def accept(listener: socket.socket, service: Service, mended: bool) -> None:
    """Accept until told to leave."""
    loop = asyncio.get_running_loop()
    tasks = set()
    while service.accepting:
        try:
            connection, _ = await asyncio.wait_for(loop.sock_accept(listener), ACCEPT_LOOKUP_S)
        except TimeoutError:
            continue
        task = loop.create_task(talk(connection, service, mended))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    listener.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def talk(connection: socket.socket, service: Service, mended: bool) -> None:
    """Answer one client."""
    loop = asyncio.get_running_loop()
    conversation = service.converse(connection)
    connection.setblocking(False)
    with connection:
        while not conversation.ended:
            data = await loop.sock_recv(connection, RECEIVE_BYTES)
            if not data:
                break
            for request in conversation.receive(data):
                response = service.answer(request)
                if mended:
                    await asyncio.sleep(response.wait_s)
                else:
                    time.sleep(response.wait_s)  # and no other task runs
                for piece in conversation.send(response):
                    await loop.sock_sendall(connection, piece)


def play(stage: Stage) -> None:
    """One client whose answer takes 0.8 s, and five that want a page."""

    def slow() -> float:
        return stage.ask("/wait/800").seconds

    def fast() -> float:
        stage.watch(0.1, lambda: stage.snapshot().counts.requests)
        return stage.ask("/bytes/100").seconds

    calls: list[Callable[[], float]] = [slow, *[fast] * OTHERS]
    slow_s, *others_s = side_by_side(calls)
    stage.figure("others", OTHERS)
    stage.figure("slow_s", slow_s)
    stage.figure("longest_s", max(others_s))
    if stage.mended:
        stage.claim("the others are answered before it", max(others_s) < slow_s - 0.1)
    else:
        stage.claim("the others wait for the blocking call", min(others_s) > 0.4)
        stage.culprit("the blocking call first", stage.conns_asking("/wait/800"), is_first=True)


LAB = Lab(
    name="blocked-loop",
    title="A blocking call in a coroutine",
    question="A server of coroutines calls time.sleep() in one of them, 0.8 s long. Five others want a "
    "page meanwhile. Who runs?",
    choices=("nobody", "the five: they are tasks of their own", "the five, a little slower"),
    look="one request in the handler, and the others, which are not even accepted",
    answer="The five clients waited up to {longest_s:.2f} s: tasks change only where one of them awaits. "
    "With asyncio.sleep(): {mended.longest_s:.3f} s, while the slow one took {mended.slow_s:.2f} s.",
    fix="await, or hand blocking calls to a thread (asyncio.to_thread)",
    play=play,
    finding="loop-blocked",
)
