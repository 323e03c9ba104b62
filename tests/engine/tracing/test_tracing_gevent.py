"""What greenlets report, and that reporting keeps none of them from running."""

from engine.event_queue.tasks import NAMES
from engine.events import Kind
from tests.engine.traced_script import Run

GEVENT = "from gevent import monkey; monkey.patch_all()"


def test_greenlets_tell_their_names(run: Run) -> None:
    told = run(
        """
import gevent
def talk(server):
    with server:
        server.sendall(server.recv(10))  # echo
        server.recv(10)
pairs = [pair() for _ in range(2)]
greenlets = [gevent.spawn(talk, server) for _, server in pairs]
for client, _ in pairs:
    client.sendall(b"hello")
    client.recv(10)
    client.close()
gevent.joinall(greenlets)
""",
        first=GEVENT,
    )
    assert {event.task for event in told.of(Kind.LISTEN, Kind.ACCEPT)} == {"MainThread"}
    names = {event.conn: event.task for event in told.of(Kind.SEND)}
    assert set(names.values()) == {"greenlet-1", "greenlet-2"}
    assert {event.conn: event.task for event in told.of(Kind.CLOSE)} == names
    recvs = told.of(Kind.RECV)
    assert sorted(event.bytes for event in recvs) == [0, 0, 5, 5]
    assert recvs[0].line == told.line("echo")
    assert {event.note for event in told.of(Kind.CLOSE)} == {"client closed first"}


def test_names_are_given_anew_in_turn(run: Run) -> None:
    told = run(
        """
import gevent
def talk(server):
    with server:
        server.recv(10)
for _ in range(200):
    client, server = pair()
    client.close()
    gevent.spawn(talk, server).join()
""",
        first=GEVENT,
    )
    names = [event.task for event in told.of(Kind.CLOSE)]
    assert names[:NAMES] == [f"greenlet-{number}" for number in range(1, NAMES + 1)]
    assert names[NAMES : 3 * NAMES] == 2 * names[:NAMES]


def test_a_greenlet_that_waits_in_accept_lets_the_others_run(run: Run) -> None:
    told = run(
        """
import gevent
tracing.tracer.next_tick_ns = 2**63  # of the hub, nothing
waiting = gevent.spawn(listener.accept)  # its frame is the greenlet's first
gevent.sleep(0)
mark("others run")
client = socket.create_connection(listener.getsockname(), 10)
server, _ = waiting.get(timeout=10)
server.close()
listener.settimeout(0.01)
try:
    listener.accept()
except TimeoutError:
    mark("timed out")
""",
        first=GEVENT,
    )
    assert told.story() == ["tick others run", "close server closed first", "tick timed out"]


def test_a_greenlet_that_fails_keeps_no_socket_open(run: Run) -> None:
    told = run(
        """
import gevent, sys
gevent.get_hub().print_exception = lambda *args: None
def fail(server):
    server.recv(10)
    raise ValueError
for _ in range(30):
    client, server = pair()
    client.sendall(b"hello")
    greenlet = gevent.spawn(fail, server)
    del server
    greenlet.join()
    del greenlet
    client.close()
mark("end")
""",
        first=GEVENT,
    )
    closed = "close server closed first"
    assert told.story().count(closed) == 30
    after = told.story()[told.story().index("tick end") :]
    assert after.count(closed) <= 1  # the last one's traceback is still the interpreter's own


def test_a_greenlet_that_only_waits_for_a_child_learns_how_it_ended(run: Run) -> None:
    told = run(
        """
import gevent
may_end, end = os.pipe()  # gevent forgets a child that ends before its loop runs
child = os.fork()
if child == 0:
    os.read(may_end, 1)
    os._exit(7)
waiting = gevent.spawn(os.waitpid, child, 0)
gevent.sleep(0)
os.write(end, b"x")
print(waiting.get()[0] == child)
""",
        first=GEVENT,
    )
    assert told.output.split()[0] == "True"
    (end,) = told.of(Kind.EXIT)
    assert end.note.endswith("exit 7")
