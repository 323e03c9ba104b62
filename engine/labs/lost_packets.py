"""The network is gone for a moment while a server answers."""

import select

from engine.labs import private_network
from engine.labs.client import Client, request
from engine.labs.kernel import retransmits
from engine.labs.lab import Lab
from engine.labs.stage import Stage

GONE_S = 0.8


def play(stage: Stage) -> None:
    """The network fails after the request has come through, and before its answer."""
    before = retransmits()
    with stage.connect() as client:
        client.send(request("/wait/200"))
        stage.until(lambda: stage.snapshot().counts.requests)
        if not stage.mended:
            with private_network.unplugged():
                look_at_both_ends(stage, client)
        answer = client.answer()
    again = retransmits() - before
    stage.figure("late_ms", answer.seconds * 1e3)
    stage.figure("again", again)
    stage.claim("the answer arrives whole", answer.status == 200)
    if stage.mended:
        stage.claim("nothing is sent again", again == 0)
    else:
        stage.claim("the kernel has sent it again", again >= 1)


def look_at_both_ends(stage: Stage, client: Client) -> None:
    """While nothing comes through."""
    stage.watch(GONE_S)
    has_come = select.select([client.socket], [], [], 0)[0]
    stage.claim("to the server it is sent", stage.snapshot().counts.responses == 1)
    stage.claim("and the client has nothing of it", not has_come)


LAB = Lab(
    name="lost-packets",
    title="The network is gone for a moment",
    question="A server answers while the network loses whatever is sent, for 0.8 s. What does the server "
    "notice of it?",
    choices=(
        "nothing: send() succeeds at once",
        "send() waits until the network is back",
        "send() fails",
    ),
    look="the connection: idle, its answer sent, and its client still waiting",
    answer="send() hands the bytes to the kernel and says nothing of their arrival: to the server the "
    "request was over. The kernel sent the answer again, {again} times in all, with a longer pause each "
    "time; the client had it {late_ms:.0f} ms after the network was back. Without the failure nothing was "
    "sent again.",
    fix="a time-out at the client that outlasts some repetitions, and requests that may be repeated",
    play=play,
    models=("thread", "thread"),
    private_network=True,
)
