"""Interest in writing that is never taken back."""

import select
import socket
from time import monotonic

from engine.labs.lab import Lab
from engine.labs.stage import Stage
from engine.listener import ACCEPT_LOOKUP_S, RECEIVE_BYTES
from engine.serving.service import Service

WAKEUPS = 1_000


def serve(listener: socket.socket, service: Service, mended: bool) -> None:
    """One loop, which asks epoll for room to write before it answers, and after it as well, or not."""
    listener.setblocking(False)
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    clients = {}
    while service.accepting:
        for descriptor, ready in poller.poll(ACCEPT_LOOKUP_S):
            if descriptor == listener.fileno():
                connection, _ = listener.accept()
                clients[connection.fileno()] = connection, service.converse(connection)
                poller.register(connection, select.EPOLLIN)
                continue
            if not ready & select.EPOLLIN:
                continue  # there is room to write, as nearly always, and nothing to be written
            connection, conversation = clients[descriptor]
            data = connection.recv(RECEIVE_BYTES)
            poller.modify(connection, select.EPOLLIN | select.EPOLLOUT)
            for request in conversation.receive(data):
                for piece in conversation.send(service.answer(request)):
                    connection.sendall(piece)
            if mended:
                poller.modify(connection, select.EPOLLIN)  # all is written
            if not data or conversation.ended:
                poller.unregister(connection)
                connection.close()
                del clients[descriptor]
    listener.close()
    for connection, _ in clients.values():
        connection.close()


def play(stage: Stage) -> None:
    """A client that asks once, and keeps its connection."""
    with stage.connect() as client:
        answer = client.ask("/bytes/100")
        stage.claim("the client is answered", answer.status == 200)
        before, began_s = stage.snapshot().counts.wakeups, monotonic()

        def wakeups_since() -> int:
            return stage.snapshot().counts.wakeups - before

        stage.watch(1.2, lambda: stage.mended or wakeups_since() > WAKEUPS)
        wakeups = wakeups_since()
        stage.figure("wakeups_per_s", wakeups / (monotonic() - began_s))
        stage.figure("cpu_percent", stage.numbers().cpu_percent)
        if stage.mended:
            stage.claim("the loop sleeps", wakeups < 50)
        else:
            stage.claim("the loop is woken without end", wakeups > WAKEUPS)
            stage.culprit("the process of the loop")


LAB = Lab(
    name="write-interest",
    title="Interest in writing that is never taken back",
    question="A loop asks epoll to be told when there is room to write (EPOLLOUT), and writes its answer, "
    "all of it. It stays interested. The client is silent now. How often is the loop woken?",
    choices=("without end", "once more", "not at all: nothing happens"),
    look="wake-ups without anything that is done, and the processor's share",
    answer="It was woken {wakeups_per_s:,.0f} times in a second, at {cpu_percent:.0f} % of a processor, for "
    "one silent client: there is room in a send buffer nearly always, and as long as there is, epoll says "
    "so. With the interest taken back once all was written: {mended.wakeups_per_s:.0f} times in a second.",
    fix="ask for EPOLLOUT only while something is left to be written",
    play=play,
    finding="busy-polling",
)
