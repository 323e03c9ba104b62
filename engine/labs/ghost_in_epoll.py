"""A descriptor that is closed, and reported nevertheless."""

import os
import select
import signal
import socket
from time import monotonic

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S
from engine.serving.service import Service

WAKEUPS = 1_000


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """Each connection goes from the parent's epoll set to a child; it leaves the set first, or not."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    children = []
    while service.accepting:
        for descriptor, _ in poller.poll(ACCEPT_LOOKUP_S):
            if descriptor != listener.fileno():
                continue  # nobody knows it any more: it cannot even be taken out (EBADF)
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                continue
            poller.register(connection, select.EPOLLIN)
            child = os.fork()
            if child == 0:
                signal.pause()  # the child holds the connection, and is slow
            children.append(child)
            if mended:
                poller.unregister(connection)
            # The epoll set knows the open file, not the number: it stays while a copy is open.
            connection.close()
    listener.close()
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def play(stage: Stage) -> None:
    """A client that sends something to the child."""
    with stage.connect() as client:
        client.send(b"GET / HTTP/1.1\r\n")
        stage.watch(0.3)
        before, began_s = stage.snapshot().counts.wakeups, monotonic()

        def wakeups_since() -> int:
            return stage.snapshot().counts.wakeups - before

        stage.watch(1.0, lambda: stage.mended or wakeups_since() > WAKEUPS)
        wakeups = wakeups_since()
        stage.figure("wakeups_per_s", wakeups / (monotonic() - began_s))
        stage.figure("cpu_percent", stage.numbers().cpu_percent)
        if stage.mended:
            stage.claim("the parent's loop sleeps", wakeups < 50)
        else:
            stage.claim("the parent's loop is woken without end", wakeups > WAKEUPS)
            stage.culprit("the parent, and not the child")


LAB = Lab(
    name="ghost-in-epoll",
    title="A descriptor that is closed, and reported nevertheless",
    question="A loop registers a connection with epoll, hands it to a child by fork() and closes its own "
    "copy. The client sends something. What does the loop hear of it?",
    choices=(
        "it is woken again and again",
        "nothing: it has closed the descriptor",
        "an error, once",
    ),
    look="wake-ups without anything that is done, and the processor's share",
    answer="The parent was woken {wakeups_per_s:,.0f} times in a second ({cpu_percent:.0f} % of a "
    "processor), for a number that it had closed: epoll holds the open file, which the child's copy keeps "
    "alive (epoll(7), question 6). Taken out of the set before the close: {mended.wakeups_per_s:.0f} times "
    "in a second.",
    fix="EPOLL_CTL_DEL before close() wherever the open file may have other copies",
    play=play,
    finding="busy-polling",
)
