"""A server whose threads compete for the interpreter calls the kernel in another way: what it sees, and
what is told of it, has to be what a server of one thread sees."""

import pytest

from engine.events import Kind
from tests.engine.traced_script import Run

COMPETE = """
begun = threading.Thread(target=int)
begun.start()
begun.join()
"""
TRY = """
def tried(call, *args):
    try:
        print(call(*args))
    except (OSError, ValueError) as error:
        print(type(error).__name__, getattr(error, "errno", ""), error)

def reset():
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    wait_plainly([server], [], [], 10)

def asked():
    client.sendall(ASKED)
    conversation = TracedConversation(settings, DEFAULT_LIMITS, server)
    conversation.receive(server.recv(100))
    answer = Response(200, "text/plain", bytes(1_000), 0)
    return b"".join(conversation.send(answer))
"""
PAIR = """
import struct
from engine.http1.messages import Response
client, server = pair()
"""
SCRIPTS = {
    "bytes, and the end": """
client.sendall(b"hello")
wait_plainly([server], [], [], 10)
tried(server.recv, 2)
tried(server.recv, 100)
client.close()
tried(server.recv, 100)
""",
    "sizes that are none": """
client.sendall(b"hello")
wait_plainly([server], [], [], 10)
tried(server.recv, 0)
tried(server.recv, -1)
tried(server.recv, 100, socket.MSG_PEEK)
tried(server.recv, 100)
""",
    "a reset, met by recv": """
reset()
tried(server.recv, 100)
tried(server.recv, 100)
""",
    "a reset, met by send": """
answer = asked()
reset()
tried(server.send, answer)
tried(server.send, answer)
""",
    "a reset, met by sendall": """
answer = asked()
reset()
tried(server.sendall, answer)
""",
    "nothing there, with a time-out": """
server.settimeout(0.01)
tried(server.recv, 100)
""",
    "nothing there, with a time-out of the kernel's": """
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 10_000))
tried(server.recv, 100)
""",
    "nothing there, and no wait": """
server.setblocking(False)
tried(server.recv, 100)
""",
    "an answer": """
answer = asked()
tried(server.send, answer)
print(len(client.recv(100_000)) == len(answer))
""",
    "an answer in a view": """
answer = asked()
tried(server.send, memoryview(answer))
""",
    "a closed socket, whose number is another's": """
answer = asked()
fd = server.fileno()
client2 = socket.create_connection(listener.getsockname(), 10)
server.close()
server2, _ = listener.accept()
client2.sendall(b"for another")
assert server2.fileno() == fd
wait_plainly([server2], [], [], 10)
tried(server.recv, 100)
tried(server.send, answer)
print(server2.recv(100))
""",
    "a descriptor that somebody else has closed": """
os.close(server.fileno())
tried(server.close)
""",
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_same_with_threads_and_without(run: Run, script: str) -> None:
    body = PAIR + TRY + script + "\nserver.close()\n"
    alone = run(body)
    beside = run(COMPETE + body)
    assert beside.output == alone.output
    both = [*alone.story(), "spawn thread", "exit thread", *alone.story()]  # into the same queue
    assert beside.story() == both


def test_only_where_threads_compete(run: Run) -> None:
    asked = """
client, server = pair()
print(getattr(type(server)._base_recv, "__module__", "the library's"))
"""
    assert run(asked).output == "the library's\n"
    assert run(COMPETE + asked).output == "engine.tracing.gil_held_calls\n"


def test_a_recv_that_waits_lets_others_run(run: Run) -> None:
    told = run(
        COMPETE
        + """
client, server = pair()
waiting = threading.Thread(target=lambda: print(server.recv(10)))
waiting.start()
wait_plainly([], [], [], 0.05)
client.sendall(b"at last")
waiting.join()
server.close()
"""
    )
    assert told.output == "b'at last'\n"


def test_a_close_that_lingers_lets_others_run(run: Run) -> None:
    told = run(
        COMPETE
        + """
import struct
client, server = pair()
server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 1))
server.setblocking(False)
try:
    while True:
        server.send(bytes(1_000_000))  # until the kernel has what it cannot give away
except BlockingIOError:
    server.setblocking(True)
begins = threading.Event()
def close():
    begins.set()
    server.close()
closing = threading.Thread(target=close)
closing.start()
begins.wait()
wait_plainly([], [], [], 0.1)
print(closing.is_alive())
closing.join()
"""
    )
    assert told.output == "True\n"


def test_more_than_fits_at_once(run: Run) -> None:
    told = run(
        COMPETE
        + """
client, server = pair()
reading = []
def read():
    while len(data := server.recv(1_000_000)):
        reading.append(len(data))
thread = threading.Thread(target=read)
thread.start()
client.sendall(bytes(3_000_000))
client.shutdown(socket.SHUT_WR)
thread.join()
server.close()
print(sum(reading))
"""
    )
    assert told.output == "3000000\n"
    assert sum(event.bytes for event in told.of(Kind.RECV)) == 3_000_000


def test_who_never_has_to_wait_lets_others_run_now_and_then(run: Run) -> None:
    told = run(
        COMPETE
        + """
import ctypes, _ctypes
from engine.tracing import gil_held_calls
from engine.tracing.gil_held_calls import MOST_IN_A_ROW
print(gil_held_calls._let_others_run._flags_ & _ctypes.FUNCFLAG_PYTHONAPI, end=" ")  # without the lock
print(gil_held_calls._let_others_run(), end=" ")
def filled():
    client, server = pair()
    client.sendall(bytes(10 * MOST_IN_A_ROW))
    wait_plainly([server], [], [], 10)
    return client, server
def receive(*servers):
    gil_held_calls._let_others_run = lambda: given_up.append(1)
    given_up = []
    for _ in range(5 * MOST_IN_A_ROW):
        for server in servers:
            assert server.recv(1)
    print(len(given_up), end=" ")
(client1, one), (client2, other) = filled(), filled()
receive(one)
receive(one, other)
"""
    )
    assert told.output == "0 0 5 0 "


def test_while_times_are_told_the_library_is_called(run: Run) -> None:
    """Where a thread computes little happens, and each of these calls waits for it: that is to be seen."""
    told = run(
        COMPETE
        + """
from engine.tracing import gil_held_calls
def refuse(*_):
    raise AssertionError("called")
gil_held_calls._recv = gil_held_calls._send = gil_held_calls._close = refuse
settings.set_thinning(1, tell_times=True)
"""
        + PAIR
        + TRY
        + SCRIPTS["an answer"]
        + "server.close()\n"
    )
    assert told.output.endswith("True\n")
    assert told.of(Kind.CLOSE)


def test_two_threads_close_at_once(run: Run) -> None:
    told = run(
        COMPETE
        + """
from engine.tracing import gil_held_calls
client, server = pair()
class Closing:  # what another thread does just then
    _times = False
    def getsockopt(self, *_):
        server.close()
        return bytes(8)
    def detach(self):
        return server.detach()
gil_held_calls._detach = Closing.detach
gil_held_calls.real_close(Closing())
print(client.recv(1))
"""
    )
    assert told.output == "b''\n"
