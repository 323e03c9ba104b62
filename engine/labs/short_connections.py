"""A connection for each request, against one for all of them."""

import time

from engine.labs.kernel import TIME_WAIT, states
from engine.labs.lab import Lab
from engine.labs.stage import Stage

REQUESTS = 200


def play(stage: Stage) -> None:
    """Two hundred requests, as the server's mode allows."""
    began_s = time.monotonic()
    if stage.mended:
        with stage.connect() as client:
            statuses = [client.ask().status for _ in range(REQUESTS)]
    else:
        statuses = [ask_and_see_the_end(stage) for _ in range(REQUESTS)]
    took_s = time.monotonic() - began_s
    stage.until(lambda: stage.snapshot().counts.responses >= REQUESTS)
    stage.until(lambda: stage.snapshot().counts.open == 0)
    counts = stage.snapshot().counts
    waiting = states(stage.address[1])[TIME_WAIT]
    stage.figure("accepted", counts.accepted)
    stage.figure("closed", counts.closed)
    stage.figure("us", took_s / REQUESTS * 1e6)
    stage.figure("time_wait", waiting)
    stage.claim("each request is answered", set(statuses) == {200})
    if stage.mended:
        stage.claim("one connection serves all of them", counts.accepted == 1)
        stage.claim("the server's side keeps nothing behind", waiting == 0)
    else:
        stage.claim("each request costs a connection", counts.accepted == REQUESTS)
        stage.claim("each one stays in TIME_WAIT for a minute", waiting >= REQUESTS * 0.9)


def ask_and_see_the_end(stage: Stage) -> int:
    """As a client does that waits for the server to close first."""
    with stage.connect() as client:
        status = client.ask().status
        client.end_within(1.0)
        return status


LAB = Lab(
    name="short-connections",
    title="A connection for each request, against one for all of them",
    question="The server closes after each answer. A client asks two hundred times. What is left behind "
    "when all is answered?",
    choices=("two hundred sockets in TIME_WAIT", "nothing", "two hundred open descriptors"),
    look="accepted connections against requests, and who closed first",
    answer="Short: {accepted} handshakes, {closed} descriptors opened and closed again, {us:.0f} us a "
    "request, {time_wait} sockets in TIME_WAIT, since the side that closes first keeps them for a minute. "
    "Keep-alive: {mended.accepted} handshake and descriptor, {mended.us:.0f} us, {mended.time_wait} left.",
    fix="keep connections alive; who closes first keeps TIME_WAIT, which at the client costs a port",
    play=play,
    models=("epoll", "epoll"),
    short=(True, False),
    finding="",  # TIME_WAIT at the server's side is as it should be, and costs no port
)
