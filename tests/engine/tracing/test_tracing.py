"""What sockets report when a server uses them, each in a process of its own."""

import pytest

from engine.events import TURN, Kind
from tests.engine.traced_script import Run

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
    assert told.story() == ["tick wakeups 1 would-block 0 sockets 1 ready 1"]
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
    assert told.story() == ["tick wakeups 1 would-block 0 sockets 1 ready 1"]
    assert told.output == "1\n"


def test_the_longest_list_of_ready_sockets_is_told(run: Run) -> None:
    told = run("""
import selectors
from engine.tracing.tracer import tracer
first, second = socket.socketpair()
with selectors.DefaultSelector() as poller:
    for one in (first, second):
        poller.register(one, selectors.EVENT_WRITE)
    tracer.next_tick_ns = 2**63
    poller.select(10)
    poller.unregister(first)
    poller.select(10)
    tracer.next_tick_ns = 0
    poller.select(10)
    tracer.next_tick_ns = 0
    poller.select(10)
first.close()
second.close()
""")
    assert [each.partition(" longest")[0] for each in told.story()] == [
        "tick wakeups 3 would-block 0 sockets 1 ready 2",
        "tick wakeups 1 would-block 0 sockets 1 ready 1",
    ]


def test_each_turn_of_a_loop_is_told_until_there_is_too_much_to_tell(run: Run) -> None:
    told = run("""
from engine.serving.service import TELL_TIMES, THINNING
from engine.tracing.tracer import tracer
with select.epoll() as poller, socket.create_connection(listener.getsockname(), 10):
    poller.register(listener, select.EPOLLIN)
    for tells in (TELL_TIMES, TELL_TIMES, 0, 0, TELL_TIMES):
        tracer.words[THINNING] = tells
        poller.poll(10)
""")
    ticks = [event.note for event in told.of(Kind.TICK) if event.note.startswith(TURN)]
    assert ticks == ["turn 1", "turn 2", "turn", "turn 5"]


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


def test_another_listener_of_the_same_class_accepts(run: Run) -> None:
    told = run("""
second = type(listener)()
second.listen()
second.watch(0, second.fileno())
client, (server, _) = socket.create_connection(second.getsockname(), 10), second.accept()
""")
    assert len(told.of(Kind.ACCEPT)) == 1
