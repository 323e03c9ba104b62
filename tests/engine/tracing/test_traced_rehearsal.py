"""After a rehearsal nothing that a child usually does is new to it."""

import pytest

from tests.engine.traced_script import Run

REHEARSED = """
from functools import partial
from engine.event_queue.heirs import Heir
from engine.event_queue.writer import Writer
from engine.handlers.site import WWW, Site
from engine.models.process import talk
from engine.serving.rehearsal import rehearse
from engine.serving.service import Service
from engine.tracing.traced_rehearsal import traced_connections

service = Service(settings, Site(WWW).answer, lambda: None)
service.converse = partial(TracedConversation, settings, DEFAULT_LIMITS)
rehearse(service, ["/", "/style.css"], partial(traced_connections, listener), talk)
client, server = pair()
client.sendall(b"GET /style.css HTTP/1.1\\r\\nHost: a\\r\\n%s\\r\\n" % wish)
child = os.fork()
if child == 0:
    new = []
    Writer._put_slowly = lambda self, put: new.append(put)
    if not wish:
        client.shutdown(socket.SHUT_WR)
    talk(server, service)
    print(type(tracing.tracer.writer) is Heir, new, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("wish", [b"", b"Connection: close\r\n"])
def test_a_child_says_what_it_usually_does_without_a_new_text(run: Run, wish: bytes) -> None:
    told = run(f"wish = {wish!r}\n{REHEARSED}")
    assert told.output.split("\n")[0] == "True []"
    by_child = [event for event in told.events if event.pid != told.pid]
    assert [event.kind.name for event in by_child if event.bytes or event.note] == (
        ["RECV", "REQUEST", "RESPONSE", "SEND", "CLOSE"]
    )


def test_the_texts_of_a_rehearsal_are_told_before_it_and_none_of_bytes(run: Run) -> None:
    told = run(f"wish = b''\n{REHEARSED}print(sorted(tracing.tracer.heir_texts))")
    assert told.output.splitlines()[-1] == str(
        [
            *("200", "GET /", "GET /style.css", "MainThread", "client closed first"),
            "server closed first: last answer",
        ]
    )


def test_a_child_knows_from_its_rehearsal_who_closes_there(run: Run) -> None:
    told = run(
        f"""wish = b''
{REHEARSED.replace("talk(server, service)", "asked = tracing.tracer.closes_in; talk(server, service)")}
print(tracing.tracer.heirs_close_in.co_name, tracing.tracer.closes_in)
""".replace("print(type(", "print(asked is tracing.tracer.closes_in is talk.__code__, type(")
    )
    assert told.output.splitlines() == ["True True []", "talk None"]
