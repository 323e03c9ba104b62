"""A client that runs out of ports."""

import errno

from engine.labs import private_network
from engine.labs.kernel import TIME_WAIT, states
from engine.labs.lab import Lab
from engine.labs.stage import Stage

FIRST_PORT, PORTS = 20_000, 10
REQUESTS = 25


def play(stage: Stage) -> None:
    """One request after another, a connection for each, from a machine with ten ports."""
    ports = f"{FIRST_PORT} {FIRST_PORT + PORTS - 1}"
    private_network.set_kernel("ip_local_port_range", ports)
    # On loopback a port may be taken again after a second in TIME_WAIT (tcp_tw_reuse is 2 there). Between
    # machines that is off, and the wait is a minute.
    private_network.set_kernel("tcp_tw_reuse", "0")
    answered, failure = 0, ""
    for _ in range(REQUESTS):
        try:
            answered += ask_once(stage) == 200
        except OSError as error:
            failure = errno.errorcode[error.errno or 0]
            break
    stage.watch(0.6)  # the ports stay in TIME_WAIT
    stage.figure("answered", answered)
    stage.figure("failure", failure or "none")
    held = sum(states(FIRST_PORT + place)[TIME_WAIT] for place in range(PORTS))
    stage.figure("held", held)
    stage.figure("left", states(stage.address[1])[TIME_WAIT])
    if stage.mended:
        stage.claim("all requests are answered", answered == REQUESTS)
        stage.claim("no port of the client is held", held == 0)
    else:
        stage.claim(
            "the eleventh has no port left", (answered, failure) == (PORTS, "EADDRNOTAVAIL")
        )
        stage.claim("each one of the ten is held in TIME_WAIT", held == PORTS)


def ask_once(stage: Stage) -> int:
    """Where the server closes after its answer, wait for that; else close first."""
    with stage.connect() as client:
        status = client.ask().status
        if stage.mended:
            client.end_within(1.0)
        return status


LAB = Lab(
    name="no-ports",
    title="A client that runs out of ports",
    question="A machine has ten ports for its connections. It asks a server 25 times, a connection for "
    "each request, and closes each as soon as it has its answer. How many are answered?",
    choices=(
        "ten, and then there is no port left",
        "all: a port is free again once it is closed",
        "all, but each after the tenth takes a minute",
    ),
    look="TIME_WAIT, which nobody sees who looks only at the server: these are sockets of the client",
    answer="{answered} were answered, then connect() failed with {failure}: the side that closes first "
    "keeps its port in TIME_WAIT for a minute, and {held} of the client's {held} ports were. With the "
    "server closing first {mended.answered} were answered over the same ten ports: {mended.left} sockets "
    "are left in TIME_WAIT at the server's side, where they cost no port.",
    fix="keep connections alive; else let the server close first",
    play=play,
    models=("epoll", "epoll"),
    short=(False, True),
    finding="time-wait",
    private_network=True,
)
