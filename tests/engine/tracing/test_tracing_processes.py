"""What processes and threads report of their begin, their sockets and their end."""

from engine.events import Kind
from tests.engine.traced_script import Run


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


def test_a_thread_that_the_library_does_not_know_is_told_like_the_others(run: Run) -> None:
    told = run("""
import _thread
def say(here, words):
    mark(words)
    here.release()
for _ in range(3):
    here = threading.Lock()
    here.acquire()
    _thread.start_new_thread(say, (here,), {"words": "says"})
    here.acquire()
mark(f"{len(threading.enumerate())} known to the library")
""")
    *names, last = told.of(Kind.TICK)
    assert [event.task for event in names] == ["Thread-1", "Thread-2", "Thread-3"]
    assert [event.task for event in told.of(Kind.SPAWN)] == ["Thread-1", "Thread-2", "Thread-3"]
    assert last.note == "1 known to the library"


def test_a_name_cannot_hold_control_codes(run: Run) -> None:
    told = run("""
thread = threading.Thread(target=mark, args=("named",), name="\\x1b[2J")
thread.start()
thread.join()
""")
    assert told.story()[0] == "spawn thread"
    assert told.of(Kind.TICK)[0].task == r"\x1b[2J"


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


def test_a_child_copies_no_memory_for_the_others_that_live(run: Run) -> None:
    """Each page is some 3 us; a child has some hundreds anyhow."""
    told = run("""
import resource
def faults():
    pipe = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(pipe[1], str(resource.getrusage(resource.RUSAGE_SELF).ru_minflt).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(pipe[0], 100))
faults()
alone = min(faults() for _ in range(3))
crowd = []
for _ in range(150):
    crowd.append(os.fork())
    if crowd[-1] == 0:
        signal.pause()
print(alone, min(faults() for _ in range(3)))
for child in crowd:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
""")
    alone, in_a_crowd = map(int, told.output.split()[:2])
    assert in_a_crowd < alone + 50
