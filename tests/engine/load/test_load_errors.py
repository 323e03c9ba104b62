"""What sustained load says of servers that answer badly, or not at all."""

import asyncio
import subprocess
import sys
import time
from asyncio import StreamWriter as Writer

import pytest

from engine.load import result
from tests.engine import counting_server
from tests.engine.answering import GOOD, Answer, answering
from tests.engine.loaded import DEADLINE_S, load
from tests.support import ROOT


def says(text: bytes, *, goes_on: bool = True) -> Answer:
    async def answer(_: int, writer: Writer) -> bool:
        writer.write(text)
        return goes_on

    return answer


async def reset(_: int, writer: Writer) -> bool:
    counting_server.reset(writer)
    return False


async def never(_: int, __: Writer) -> bool:
    await asyncio.sleep(60)
    return False


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says(GOOD.replace(b"200 OK", b"503 No")), result.bad_status(503)),
        (says(b"SSH-2.0-server\r\n"), result.BAD_ANSWER),
        (says(GOOD + b"more"), result.BAD_BODY),
        (says(GOOD + GOOD), result.BAD_BODY),
        (says(GOOD + b"HTTP/1.1 200 OK\r\n"), result.BAD_BODY),
        (says(GOOD[:-2], goes_on=False), result.CLOSED_EARLY),
        (says(b"", goes_on=False), result.CLOSED_EARLY),
        (reset, result.RESET),
        (never, result.TIMED_OUT),
    ],
)
def test_errors_by_kind(answer: Answer, kind: str) -> None:
    with answering(answer) as server:
        told = load(server.url, connections=2, requests=6, timeout_s=0.3)
    assert (told.errors, told.requests, told.done) == ({kind: 6}, 6, 0)
    assert (told.p50_ms, told.max_ms) == (None, None)


def test_a_body_without_a_length_ends_with_its_connection() -> None:
    with answering(says(b"HTTP/1.1 200 OK\r\n\r\nhello", goes_on=False)) as server:
        told = load(server.url, connections=2, requests=6)
    assert (told.done, told.errors, told.connections_opened) == (6, {}, 6)


def test_a_body_that_changes_is_found() -> None:
    async def changing(number: int, writer: Writer) -> bool:
        writer.write(GOOD if number < 10 else GOOD.replace(b"hello", b"hollo"))
        return True

    with answering(changing) as server:
        assert load(server.url, connections=1, requests=10).errors == {}
        told = load(server.url, connections=1, requests=10, verify_bodies=True)
    assert (told.done, told.errors) == (9, {result.BAD_BODY: 1})


def test_what_is_known_may_come_in_pieces_or_be_something_else() -> None:
    async def odd(number: int, writer: Writer) -> bool:
        if number % 4 == 1:
            writer.write(GOOD)
        elif number % 4 == 2:
            writer.write(GOOD[:9])
            await writer.drain()
            await asyncio.sleep(0.005)
            writer.write(GOOD[9:])
        elif number % 4 == 3:
            writer.write(GOOD.replace(b"200 OK", b"500 No"))
        else:
            writer.write(GOOD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return number % 4 != 0

    with answering(odd) as server:
        told = load(server.url, connections=1, requests=12)
    assert (told.done, told.errors, told.retried) == (9, {result.bad_status(500): 3}, 0)
    assert (told.connections_opened, server.connections, server.requests) == (3, 3, 12)


def test_nobody_listens() -> None:
    assert load("http://127.0.0.1:9/", connections=2, requests=7).errors == {result.REFUSED: 7}
    begun_s = time.monotonic()
    told = load("http://127.0.0.1:9/", connections=3, seconds=30.0)
    assert set(told.errors) == {result.REFUSED}
    assert time.monotonic() - begun_s < 10  # it does not try for half a minute


OUT_OF_PORTS = """
import asyncio, json, sys
sys.path.insert(0, {root!r})
from tests.engine.answering import answering
from tests.engine.loaded import load
with answering() as server:
    print(json.dumps(load(server.url, connections=30, requests=60).errors))
"""


def test_out_of_ports_is_named() -> None:
    prepare = (
        "ip link set lo up && echo 40000 40009 > /proc/sys/net/ipv4/ip_local_port_range && exec "
    )
    words = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    try:
        tried = subprocess.run([*words, prepare + "true"], capture_output=True, timeout=DEADLINE_S)
    except FileNotFoundError:
        pytest.skip("unshare is not installed: no network namespace with few ports can be made")
    if tried.returncode:
        pytest.skip(f"no network namespace with few ports: {tried.stderr.decode().strip()}")
    done = subprocess.run(
        [*words, f'{prepare} "$0" -c "$1"', sys.executable, OUT_OF_PORTS.format(root=str(ROOT))],
        capture_output=True, text=True, timeout=DEADLINE_S, cwd=ROOT,
    )  # fmt: skip
    assert result.OUT_OF_PORTS in done.stdout, done.stderr
