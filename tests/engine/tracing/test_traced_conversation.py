"""What a conversation reports: requests, responses, and the calls that carried them."""

import pytest

from engine.events import Kind
from tests.engine.traced_script import Run

CONVERSE = """
from engine.http1.messages import Response
client, server = pair()
server.setblocking(MAY_BLOCK)
conversation = TracedConversation(settings, DEFAULT_LIMITS, server)
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
from engine.http1.messages import CONTINUE
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
