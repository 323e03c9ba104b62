"""The kernel's account against ours: strace counts the same accepts, bytes and closes.

With `-y` strace names the socket behind each descriptor by its inode, which is the same in every
process that holds a copy of it: no table of descriptors has to be followed over fork and clone.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.models import MODELS
from tests.plain_client import Client
from tests.serve_driver import Serve
from tests.support import wait_until

ACCEPTS = {"accept", "accept4"}
RECEIVES = {"recvfrom", "recvmsg", "read", "readv"}
SENDS = {"sendto", "sendmsg", "write", "writev", "sendfile"}
CLOSES = {"close"}
# close_range and dup would change who holds a socket unseen: a model that used one must fail here.
STRANGERS = {"dup", "dup2", "dup3", "close_range", "recvmmsg", "sendmmsg", "splice"}
WATCHED = ACCEPTS | RECEIVES | SENDS | CLOSES | STRANGERS

CALL = re.compile(
    r"(?P<call>\w+)\(\d+<socket:\[(?P<socket>\d+)\]>.*\) += (?P<result>-?\d+)"
    r"(?:<socket:\[(?P<made>\d+)\]>)?"
)


def calls(folder: Path) -> Iterator[re.Match[str]]:
    """The finished calls on sockets, of all threads and processes; one file a thread."""
    for file in folder.glob("trace.*"):
        for line in file.read_text(errors="replace").splitlines():
            if match := CALL.match(line):
                yield match


def account(folder: Path) -> tuple[Counter[str], int]:
    """What was done to accepted sockets: accepts, closes, bytes in and out; and on how many
    sockets something strange was done."""
    seen = list(calls(folder))
    connections = {one["made"] for one in seen if one["call"] in ACCEPTS and one["made"]}
    counted: Counter[str] = Counter(accepts=len(connections))
    strange = 0
    for one in seen:
        if one["socket"] not in connections or int(one["result"]) < 0:
            continue
        if one["call"] in RECEIVES:
            counted["bytes in"] += int(one["result"])
        elif one["call"] in SENDS:
            counted["bytes out"] += int(one["result"])
        elif one["call"] in CLOSES:
            counted["closes"] += 1
        else:
            strange += 1
    return counted, strange


def visit(server: Serve) -> None:
    """Requests of several kinds, on connections that end in several ways."""
    for _ in range(3):
        with Client(server.port) as client:
            for target in ("/", "/bytes/300000", "/missing"):
                if client.get(target).headers["connection"] == "close":
                    break
    with Client(server.port) as half:
        half.ask("/")
        half.half_close()
        half.rest()
    with Client(server.port) as silent:
        silent.half_close()
        silent.rest()
    with Client(server.port) as rude:
        rude.get("/")
        rude.reset()


@pytest.mark.parametrize("model", list(MODELS))
def test_strace_counts_what_the_events_say(
    model: str, tmp_path: Path, require_tool: Callable[[str], str]
) -> None:
    strace = [require_tool("strace"), "-ff", "-y", "-qq", "-s", "0"]
    strace += ["-e", f"trace={','.join(sorted(WATCHED))}", "-e", "signal=none"]
    strace += ["-o", str(tmp_path / "trace")]
    with Serve(model, "--events", "-", under=strace) as server:
        visit(server)
        server.command("short")
        assert server.snapshot()["mode"] == "short"
        visit(server)
        wait_until(lambda: server.snapshot()["open"] == 0, what="all connections closed")
        summary = server.stop()
    counted, strange = account(tmp_path)
    told = Counter(event["kind"] for event in server.events)
    assert strange == 0
    assert summary["accepted"] == told["accept"] == 12
    assert counted == {
        "accepts": summary["accepted"],
        "closes": told["release"] + told["close"],
        "bytes in": summary["bytes_in"],
        "bytes out": summary["bytes_out"],
    }
