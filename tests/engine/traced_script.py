"""Scripts that stand for a server and its client, and what they reported.

The listener in a script is traced, `pair()` is a client's socket and the accepted one, and
`mark(text)` puts an event between the others.
"""

from collections.abc import Callable
from dataclasses import dataclass

from engine.events import Event, Kind, Unreported

PRELUDE = """
import os, select, signal, socket, sys, threading, time
wait_plainly = select.select  # not counted
sys.path.insert(0, sys.argv[1])
from engine.tracing import traced_processes, traced_threads, traced_waits
from engine.tracing import tracer as tracing
from engine.event_queue.shared_memory import SharedMemory
from engine.events import Kind
from engine.limits import DEFAULT_LIMITS
from engine.serving.service import Settings
from engine.tracing.traced_conversation import TracedConversation
from engine.tracing.traced_socket import traced_listener
from tests.support import ROOT
import_first()
tracing.meet_model()
memory = SharedMemory(int(sys.argv[2]))
settings = Settings(memory.words)
plain = socket.create_server(("127.0.0.1", 0))
tracing.install(memory)
for stand_ins in (traced_processes, traced_threads, traced_waits):
    stand_ins.install()
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
        return [event for event in self._undelayed() if event.kind in kinds]

    def story(self) -> list[str]:
        """Kind and note of each event, the listener's own and the accept left out."""
        left_out = (Kind.LISTEN, Kind.ACCEPT)
        told = [event for event in self._undelayed() if event.kind not in left_out]
        return [f"{event.kind.name.lower()} {event.note}".strip() for event in told]

    def _undelayed(self) -> list[Event]:
        """As if each client had been accepted at once, which a busy machine may not do."""
        return [event for event in self.events if not event.queued_ms]


Run = Callable[..., Told]
