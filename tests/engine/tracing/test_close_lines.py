"""The line with which a close is told, whoever closed the connection before."""

from engine.events import Kind
from tests.engine.traced_script import Run

GEVENT = "from gevent import monkey; monkey.patch_all()"


def test_each_close_is_told_with_its_own_line(run: Run) -> None:
    told = run("""
def close_one(server):
    server.close()  # one
def close_two(first, second):
    first.close()  # first
    with second:
        pass
servers = [pair() for _ in range(8)]
for one, two in zip(servers[::2], servers[1::2]):
    close_one(one[1])
    with two[1]: pass  # main
clients = [pair() for _ in range(6)]
for one, two, three in zip(clients[::3], clients[1::3], clients[2::3]):
    close_two(one[1], two[1])
    close_one(three[1])
""")
    by_one = told.line("one")
    lines = [event.line for event in told.of(Kind.CLOSE)]
    assert lines[:8] == [by_one, told.line("main")] * 4
    assert lines[8:] == [told.line("first"), told.line("first") + 1, by_one] * 2


def test_a_socket_that_no_line_closes_is_closed_nevertheless(run: Run) -> None:
    told = run(
        """
import gevent
client, server = pair()
gevent.spawn(server.__exit__, None, None, None).get()
print(server.fileno())
""",
        first=GEVENT,
    )
    assert told.output.split() == ["-1"]
    assert [event.line for event in told.of(Kind.CLOSE)] == [0]
