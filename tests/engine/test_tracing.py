"""What sockets, processes and threads report when a server uses them, each in a process of its own.

A script stands for the server and its client. The listener in it is traced, `pair()` is a client's
socket and the accepted one, and `mark(text)` puts an event between the others.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.event_queue import SharedMemory
from engine.event_reader import Reader
from engine.events import Event, Kind, Unreported

ROOT = Path(__file__).parent.parent.parent
PRELUDE = """
import os, select, signal, socket, sys, threading, time
wait_plainly = select.select  # not counted
sys.path.insert(0, sys.argv[1])
from engine import tracing
from engine.event_queue import SharedMemory
from engine.events import Kind
from engine.service import Settings
from engine.traced_conversation import TracedConversation
from engine.traced_socket import traced_listener
import_first()
memory = SharedMemory(int(sys.argv[2]))
settings = Settings(memory.words)
plain = socket.create_server(("127.0.0.1", 0))
tracing.install(memory)
tracing.TICK_NS = 0
listener = traced_listener(plain.detach(), socket.socket)

def pair():
    client = socket.create_connection(listener.getsockname(), 10)
    server, _ = listener.accept()
    return client, server

def mark(text):
    tracing.tracer.writer.put(Kind.TICK, 0, -1, 0, 0, text)

ASKED = b"GET /a HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"
"""
GEVENT = "from gevent import monkey; monkey.patch_all()"


@dataclass(frozen=True)
class Told:
    """What a script reported."""

    source: str
    events: list[Event]
    unreported: Unreported
    output: str
    pid: int

    def line(self, marker: str) -> int:
        """The number of the one line that ends with `# marker`."""
        lines = self.source.splitlines()
        (number,) = [n for n, line in enumerate(lines, 1) if line.endswith(f"# {marker}")]
        return number

    def of(self, *kinds: Kind) -> list[Event]:
        return [event for event in self.events if event.kind in kinds]

    def story(self) -> list[str]:
        """Kind and note of each event, the listener's own and the accept left out."""
        left_out = (Kind.LISTEN, Kind.ACCEPT)
        told = [event for event in self.events if event.kind not in left_out]
        return [f"{event.kind.name.lower()} {event.note}".strip() for event in told]


Run = Callable[..., Told]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Run a script to its end; `first` is done before anything is traced."""
    memory = SharedMemory.create()

    def start(body: str, first: str = "pass") -> Told:
        source = f"def import_first():\n    {first}\n{PRELUDE}\n{body}\n"
        path = tmp_path / "server.py"
        path.write_text(source)
        process = subprocess.Popen(
            [sys.executable, "-P", str(path), str(ROOT), str(memory.fd)],
            pass_fds=(memory.fd,),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        reader = Reader(memory)
        return Told(source, reader.drain(), reader.unreported(), output, process.pid)

    yield start
    memory.close()


# --- receive and send --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "recv(100)",
        "recv_into(bytearray(100))",
        "recvfrom(100)",
        "recvfrom_into(bytearray(100))",
        "recvmsg(100)",
        "recvmsg_into([bytearray(3), bytearray(3)])",
    ],
)
def test_every_call_that_receives(run: Run, call: str) -> None:
    told = run(f"""
client, server = pair()
client.sendall(b"hello")
server.{call}  # here
client.shutdown(socket.SHUT_WR)
server.{call}  # end
server.close()
""")
    (listen,), (accept,) = told.of(Kind.LISTEN), told.of(Kind.ACCEPT)
    data, end = told.of(Kind.RECV)
    assert (data.bytes, data.line) == (5, told.line("here"))
    assert (end.bytes, end.line) == (0, told.line("end"))
    assert data[3:7] == (accept.conn, accept.fd, told.pid, "MainThread")
    assert accept.conn
    assert not listen.conn
    assert told.of(Kind.CLOSE)[0].note == "client closed first"


@pytest.mark.parametrize(
    "call",
    [
        'send(b"hello")',
        'sendall(b"hello")',
        'sendall(memoryview(b"hello"))',
        'sendto(b"hello", client.getsockname())',
        'sendmsg([b"he", b"llo"])',
    ],
)
def test_every_call_that_sends(run: Run, call: str) -> None:
    told = run(f"""
client, server = pair()
server.{call}  # here
print(client.recv(100))
server.close()
""")
    (sent,) = told.of(Kind.SEND)
    assert (sent.bytes, sent.line) == (5, told.line("here"))
    assert told.output == "b'hello'\n"
    assert told.of(Kind.CLOSE)[0].note == "server closed first"


def test_sendall_reports_each_piece(run: Run) -> None:
    told = run("""
client, server = pair()
server.settimeout(10)
server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
def read():
    with client:
        print(sum(iter(lambda: len(client.recv(65536)), 0)))
reading = threading.Thread(target=read)
reading.start()
server.sendall(bytes(3_000_000))  # here
server.close()
reading.join()
""")
    pieces = told.of(Kind.SEND)
    assert len(pieces) > 1
    assert sum(piece.bytes for piece in pieces) == 3_000_000 == int(told.output)
    assert {piece.line for piece in pieces} == {told.line("here")}


def test_sendfile_reports_what_it_sends(run: Run) -> None:
    told = run("""
client, server = pair()
with open(sys.argv[0], "rb") as file:
    print(server.sendfile(file))
server.close()
""")
    sent = told.of(Kind.SEND)
    assert sum(event.bytes for event in sent) == int(told.output) == len(told.source)


def test_would_block_is_counted_not_told_one_by_one(run: Run) -> None:
    told = run("""
client, server = pair()
server.setblocking(False)
for _ in range(50):
    try:
        server.recv(10)
    except BlockingIOError:
        pass
listener.setblocking(False)
try:
    listener.accept()
except BlockingIOError:
    pass
server.close()
""")
    assert told.story() == ["tick wakeups 0 would-block 51 sockets 2", "close server closed first"]


def test_wake_ups_of_epoll_are_counted(run: Run) -> None:
    told = run("""
with select.epoll() as poller:
    poller.register(listener, select.EPOLLIN)
    poller.poll(0)
    client = socket.create_connection(listener.getsockname(), 10)
    print(poller.poll(10) == [(listener.fileno(), select.EPOLLIN)])
client.close()
""")
    assert told.story() == ["tick wakeups 1 would-block 0 sockets 1"]
    assert told.output == "True\n"


@pytest.mark.parametrize(
    ("make", "register", "wait"),
    [
        ("select.poll()", "poller.register(listener, select.POLLIN)", "poller.poll(%d000)"),
        ("selectors.DefaultSelector()", "poller.register(listener, 1)", "poller.select(%d)"),
        ("[listener]", "", "select.select(poller, [], [], %d)[0]"),
    ],
)
def test_wake_ups_of_other_waits_are_counted(run: Run, make: str, register: str, wait: str) -> None:
    told = run(f"""
import selectors
poller = {make}
{register}
{wait % 0}
client = socket.create_connection(listener.getsockname(), 10)
print(len({wait % 10}))
client.close()
""")
    assert told.story() == ["tick wakeups 1 would-block 0 sockets 1"]
    assert told.output == "1\n"


def test_a_connection_is_named_by_the_kernels_cookie(run: Run) -> None:
    told = run("""
for _ in range(2):
    client, server = pair()
    print(int.from_bytes(server.getsockopt(socket.SOL_SOCKET, 57, 8), sys.byteorder))
    print(client.getsockname()[1])
    server.close()
""")
    numbers = [int(word) for word in told.output.split()]
    accepts = told.of(Kind.ACCEPT)
    assert [event.conn for event in accepts] == numbers[::2]
    assert [event.note for event in accepts] == [f"127.0.0.1:{port}" for port in numbers[1::2]]
    assert [event.conn for event in told.of(Kind.CLOSE)] == numbers[::2]


# --- the end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "story"),
    [
        ("server.close()", ["close server closed first", "tick after"]),
        ("server.close(); server.close()", ["close server closed first", "tick after"]),
        ("with server: pass", ["close server closed first", "tick after"]),
        ("del server", ["close server closed first", "tick after"]),
        ("server.shutdown(socket.SHUT_WR)", ["tick after", "close server closed first"]),
    ],
)
def test_a_connection_ends_once(run: Run, ending: str, story: list[str]) -> None:
    told = run(f"""
client, server = pair()
{ending}  # here
mark("after")
server = None
""")
    assert told.story() == story
    if "here" in told.source and story[0].startswith("close"):
        assert told.of(Kind.CLOSE)[0].line == told.line("here")


def test_a_file_keeps_the_connection_open_after_close(run: Run) -> None:
    told = run("""
client, server = pair()
file = server.makefile("rwb")
server.close()
mark("closed the socket")
client.sendall(b"line\\n")
print(file.readline())
file.write(b"answer")
file.flush()
print(client.recv(100))
file.close()
mark("closed the file")
""")
    assert told.story() == [
        "tick closed the socket",
        "recv",
        "send",
        "close server closed first",
        "tick closed the file",
    ]
    assert told.output == "b'line\\n'\nb'answer'\n"


def test_a_reset_is_an_error_and_says_who(run: Run) -> None:
    told = run("""
client, server = pair()
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
client.close()
try:
    server.recv(10)  # here
except ConnectionResetError:
    server.close()
""")
    assert told.story() == ["error ECONNRESET", "close client reset the connection"]
    assert told.of(Kind.ERROR)[0].line == told.line("here")


def test_a_cycle_that_the_garbage_collector_closes(run: Run) -> None:
    told = run("""
import gc
class Client: pass
cycle = Client()
cycle.client, cycle.server = pair()
cycle.itself = cycle
del cycle
mark("forgotten")
gc.collect()
mark("collected")
""")
    assert told.story() == ["tick forgotten", "close server closed first", "tick collected"]


# --- processes and threads -----------------------------------------------------------------------------


def test_a_fork_is_release_in_the_parent_and_close_in_the_child(run: Run) -> None:
    told = run("""
client, server = pair()
client.sendall(b"hello")
child = os.fork()  # fork
if child == 0:
    server.recv(10)
    server.close()
    os._exit(3)
server.close()
print(child)
os.waitpid(child, 0)  # wait
""")
    child = int(told.output)
    by_parent = [event for event in told.events if event.pid == told.pid]
    by_child = [event for event in told.events if event.pid == child]
    assert [(event.kind, event.note, event.line) for event in by_parent[2:]] == [
        (Kind.SPAWN, f"process {child}", told.line("fork")),
        (Kind.RELEASE, "", by_parent[3].line),
        (Kind.EXIT, f"process {child} exit 3", told.line("wait")),
    ]
    assert [(event.seq, event.kind) for event in by_child] == [(0, Kind.RECV), (1, Kind.CLOSE)]
    assert len({event.conn for event in [by_parent[1], by_parent[3], *by_child]}) == 1


def test_a_connection_that_is_accepted_after_a_fork_is_closed_not_released(run: Run) -> None:
    told = run("""
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
client, server = pair()
server.close()
""")
    assert told.story()[-1] == "close server closed first"


def test_a_child_that_is_killed(run: Run) -> None:
    told = run("""
child = os.fork()
if child == 0:
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
print(child)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    pass
""")
    child = int(told.output)
    assert told.story() == [f"spawn process {child}", f"exit process {child} killed by signal 9"]


def test_a_child_begins_with_nothing_of_its_parents(run: Run) -> None:
    told = run("""
tracing.tracer.would_block = 7
if os.fork() == 0:
    tracing.tracer.tick()
    tracing.tracer.wakeups = 1
    tracing.tracer.tick()
    os._exit(0)
os.wait()
""")
    ticks = [event for event in told.of(Kind.TICK) if event.pid != told.pid]
    assert [event.note for event in ticks] == ["wakeups 1 would-block 0 sockets 1"]


def test_threads_tell_their_begin_and_end(run: Run) -> None:
    told = run("""
def talk(client, server):
    with server:
        server.recv(10)
for _ in range(3):
    client, server = pair()
    client.close()
    thread = threading.Thread(target=talk, args=(client, server))
    thread.start()
    thread.join()
""")
    assert told.story() == [
        line
        for number in (1, 2, 3)
        for line in (
            "spawn thread",
            "recv",
            "close client closed first",
            "exit thread",
        )
    ]
    told_by = [event.task for event in told.of(Kind.RECV)]
    assert told_by == ["Thread-1", "Thread-2", "Thread-3"]


def test_a_socket_that_outlives_its_thread_in_a_traceback(run: Run) -> None:
    """It is closed by a finalizer, after the thread has ended."""
    told = run("""
client, server = pair()
def fail(server):
    raise ValueError("here")
failing = threading.Thread(target=fail, args=(server,))
del server
kept = []
threading.excepthook = lambda args: kept.append(args.exc_value)
failing.start()
failing.join()
other = threading.Thread(target=lambda: mark("another"))
other.start()
other.join()
mark("forgets it")
kept.clear()
mark("forgot it")
""")
    assert told.story()[-3:] == ["tick forgets it", "close server closed first", "tick forgot it"]
    assert "tick another" in told.story()


def test_a_child_forked_by_a_thread_leaves_the_rings_of_its_parent_alone(run: Run) -> None:
    told = run("""
def fork():
    if os.fork() == 0:
        mark("child")
        return  # and so ends the thread, which is the only one of this process
    os.wait()
    mark("parent")
thread = threading.Thread(target=fork)
thread.start()
thread.join()
""")
    by_child = [event for event in told.events if event.pid != told.pid]
    assert [(event.seq, event.note) for event in by_child] == [
        (0, "child"),
        (1, "thread"),
    ]
    assert "tick parent" in told.story()


def test_a_name_cannot_hold_control_codes(run: Run) -> None:
    told = run("""
thread = threading.Thread(target=mark, args=("named",), name="\\x1b[2J")
thread.start()
thread.join()
""")
    assert told.story()[0] == "spawn thread"
    assert told.of(Kind.TICK)[0].task == r"\x1b[2J"


# --- gevent ----------------------------------------------------------------------------------------------


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
    assert set(names.values()) <= {"greenlet-1", "greenlet-2"}  # given anew after a close
    assert {event.conn: event.task for event in told.of(Kind.CLOSE)} == names
    recvs = told.of(Kind.RECV)
    assert sorted(event.bytes for event in recvs) == [0, 0, 5, 5]
    assert recvs[0].line == told.line("echo")
    assert {event.note for event in told.of(Kind.CLOSE)} == {"client closed first"}


def test_a_greenlet_that_waits_in_accept_lets_the_others_run(run: Run) -> None:
    told = run(
        """
import gevent
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


def test_a_socket_that_ends_with_its_threads_locals(run: Run) -> None:
    """Its finalizer runs with no frame of Python below it."""
    told = run("""
local = threading.local()
def hold():
    _, local.server = pair()
thread = threading.Thread(target=hold)
thread.start()
thread.join()
""")
    assert len(told.of(Kind.CLOSE)) == 1


def test_sending_nothing_still_asks_the_kernel(run: Run) -> None:
    told = run("""
client, server = pair()
server.shutdown(socket.SHUT_WR)
try:
    server.sendall(b"")
except BrokenPipeError:
    print("broken")
""")
    assert told.output == "broken\n"


# --- conversations ---------------------------------------------------------------------------------------

CONVERSE = """
from engine.http_messages import Response
client, server = pair()
server.setblocking(MAY_BLOCK)
conversation = TracedConversation(settings, server)
def answer(count):
    for _ in range(count):
        (wire,) = conversation.send(Response(200, "", b"hi", 0))  # response
        server.send(wire)  # send
def exchange(asked, count):
    client.sendall(asked)
    wait_plainly([server], [], [], 10)
    requests = conversation.receive(server.recv(65536))  # receive
    print(len(requests) == count)
    answer(count)
"""


@pytest.mark.parametrize("may_block", [True, False])
def test_a_conversation_tells_request_and_response(run: Run, may_block: bool) -> None:
    told = run(f"""
{CONVERSE.replace("MAY_BLOCK", str(may_block))}
exchange(ASKED, 1)
exchange(ASKED + ASKED, 2)
exchange(ASKED[:9], 0)
exchange(ASKED[9:], 1)
server.close()
""")
    one = ["recv", "request GET /a", "response 200", "send"]
    two = ["recv", *["request GET /a"] * 2, *["response 200", "send"] * 2]
    assert told.story() == [*one, *two, "recv", *one, "close server closed first"]
    assert told.output == "True\n" * 4
    lines = {event.kind: event.line for event in told.events}
    expected = {Kind.RECV: "receive", Kind.REQUEST: "receive", Kind.RESPONSE: "response"}
    for kind, marker in (expected | {Kind.SEND: "send"}).items():
        assert lines[kind] == told.line(marker)
    seqs = [event.seq for event in told.events]
    assert seqs == list(range(len(seqs)))


@pytest.mark.parametrize(
    "send",
    ["sendall(b'x' * 30_000_000)", "sendmsg([b'x' * 30_000_000])", "send(b'x' * 30_000_000)"],
)
def test_a_response_is_told_while_its_send_waits(run: Run, send: str) -> None:
    told = run(f"""
{CONVERSE.replace("MAY_BLOCK", "True")}
client.sendall(ASKED)
conversation.receive(server.recv(65536))
conversation.send(Response(200, "", b"hi", 0))
def read():
    deadline_s = time.monotonic() + 5
    client.recv(1, socket.MSG_PEEK)
    while server._unsaid and time.monotonic() < deadline_s:
        time.sleep(0.001)
    mark("waits")
    while client.recv(1 << 20):
        pass
reading = threading.Thread(target=read)
reading.start()
server.{send}
server.close()
reading.join()
""")
    story = told.story()
    assert story.index("response 200") < story.index("tick waits")


EXPECT = """
from engine.http_messages import CONTINUE
HEAD = b"PUT /e HTTP/1.1\\r\\nHost: a\\r\\nExpect: 100-continue\\r\\nContent-Length: 1\\r\\n\\r\\n"
def feed(data):
    client.sendall(data)
    wait_plainly([server], [], [], 10)
    return len(conversation.receive(server.recv(65536)))
"""


def test_leave_to_send_content_is_a_send_of_the_same_request(run: Run) -> None:
    told = run(f"""
{CONVERSE.replace("MAY_BLOCK", "True")}
{EXPECT}
print(feed(HEAD))
server.send(*conversation.send(CONTINUE))
print(feed(b"x"))
answer(1)
print(feed(HEAD + b"x" + ASKED))
server.send(*conversation.send(CONTINUE))
answer(2)
print(feed(HEAD))
answer(1)
server.close()
""")
    whole = ["request PUT /e", "response 200", "send"]
    assert told.story() == [
        *("recv", "send", "recv", *whole),
        *("recv", "request PUT /e", "request GET /a", "send", *["response 200", "send"] * 2),
        *("recv", *whole, "close server closed first: last answer"),
    ]
    assert told.output == "1\n1\n3\n1\n"


def test_a_thinned_connection_counts_a_request_that_expects_once(run: Run) -> None:
    told = run(f"""
{CONVERSE.replace("MAY_BLOCK", "True")}
{EXPECT}
settings.set_thinning(2**63 - 1)
feed(HEAD)
server.send(*conversation.send(CONTINUE))
feed(b"x")
answer(1)
feed(ASKED + HEAD + b"x")
answer(1)
server.send(*conversation.send(CONTINUE))
answer(1)
feed(HEAD)
answer(1)
server.close()
""")
    counted = told.unreported.thinned
    kinds = (Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND)
    assert [len(told.of(kind)) + counted[kind] for kind in kinds] == [4, 4, 4, 6]
    assert counted[Kind.REQUEST] > 0


@pytest.mark.parametrize("may_block", [True, False])
def test_thinned_connections_count_what_they_do_not_tell(run: Run, may_block: bool) -> None:
    told = run(f"""
{CONVERSE.replace("MAY_BLOCK", str(may_block))}
def thin(ratio):
    settings.set_thinning(ratio)
for ratio in (1, 2**31 - 1, 1, 2**31 - 1):
    thin(ratio)
    for _ in range(300):
        exchange(ASKED, 1)
client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
client.close()
try:
    server.recv(10)
except ConnectionResetError:
    server.close()
""")
    for kind in (Kind.RECV, Kind.REQUEST, Kind.RESPONSE, Kind.SEND):
        reported, thinned = len(told.of(kind)), told.unreported.thinned[kind]
        assert reported + thinned == 1_200
        assert 599 <= thinned <= 601
    assert told.story()[-1] == "close client reset the connection"
    told_of = [event.note.split() for event in told.of(Kind.TICK)]
    assert sum(int(words[2]) for words in told_of) == told.unreported.thinned[Kind.RESPONSE]
    recvs, sends = told.of(Kind.RECV), told.of(Kind.SEND)
    received = sum(event.bytes for event in recvs) + told.unreported.bytes[Kind.RECV]
    sent = sum(event.bytes for event in sends) + told.unreported.bytes[Kind.SEND]
    assert received == 1_200 * len(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
    assert sent % 1_200 == 0


@pytest.mark.parametrize("may_block", [True, False])
def test_bytes_are_told_bounded_and_escaped_where_it_is_wished(run: Run, may_block: bool) -> None:
    told = run(f"""
{CONVERSE.replace("MAY_BLOCK", str(may_block))}
exchange(ASKED, 1)
settings.set_thinning(1, tell_bytes=True)
exchange(ASKED, 1)  # a change is seen between a recv and its requests
exchange(ASKED, 1)
client.sendall(b"\x1b[2J" * 100)
server.recv(65536)
settings.set_thinning(1)
conversation.receive(b"")
exchange(ASKED, 1)
""")
    ticks = told.of(Kind.TICK)
    assert all(event.tells_bytes for event in ticks)
    _, received, sent, hostile = [event.note for event in ticks]
    assert received.startswith("received: GET /a HTTP/1.1\\r\\nHost: a")
    assert sent.startswith("sent: HTTP/1.1 200 OK\\r\\nDate: ")
    assert hostile.startswith("received: \\x1b[2J\\x1b[2J")
    assert max(len(event.note) for event in ticks) <= 255
    assert ticks[-1].bytes == 400
    assert len(told.of(Kind.RECV)) == 5
