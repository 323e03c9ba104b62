"""The load client as a process: how it ends, and what it says on its end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio import StreamWriter as Writer

import pytest

from engine.load.result import BurstResult, parse_line
from tests.engine.counting_server import DEADLINE_S, good, serving
from tests.support import ROOT


async def start(settings: str) -> asyncio.subprocess.Process:
    words = (sys.executable, "-P", "-m", "engine.load", settings)
    return await asyncio.create_subprocess_exec(
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT)},
    )


def test_the_process_ends_with_the_result() -> None:
    async def process() -> None:
        async with serving(good) as server, asyncio.timeout(DEADLINE_S):
            child = await start(json.dumps({"url": server.url, "requests": 40}))
            out, err = await child.communicate()
            came = parse_line(out.decode().splitlines()[-1])
            assert isinstance(came, BurstResult)
            assert (child.returncode, err, came.requests, came.errors) == (0, b"", 40, {})
            assert came.connections_opened == server.connections == 10

    asyncio.run(process())


def test_a_signal_ends_the_process_with_what_was_done() -> None:
    async def stalling(served: int, writer: Writer) -> bool:
        return await good(served, writer) if served < 3 else True

    async def process() -> None:
        async with serving(stalling) as server, asyncio.timeout(DEADLINE_S):
            child = await start(json.dumps({"url": server.url, "connections": 4}))
            assert child.stdout is not None
            while json.loads(await child.stdout.readline())["requests"] < 8:
                pass
            child.send_signal(signal.SIGTERM)
            out, err = await child.communicate()
            came = parse_line(out.decode().splitlines()[-1])
            assert isinstance(came, BurstResult)
            assert (child.returncode, err, came.requests) == (0, b"", 8)

    asyncio.run(process())


@pytest.mark.parametrize(
    "settings",
    ["", "{}", '{"url": "http://192.0.2.1/"}', '{"url": "nonsense"}'],
)
def test_the_process_refuses_in_one_line(settings: str) -> None:
    async def process() -> None:
        async with asyncio.timeout(DEADLINE_S):
            child = await start(settings)
            out, err = await child.communicate()
            assert (child.returncode, out, err.count(b"\n")) == (1, b"", 1)
            assert err.startswith(b"load: ")

    asyncio.run(process())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux only")
def test_the_process_does_not_outlive_its_parent() -> None:
    starter = (
        "import subprocess, sys, os\n"
        "child = subprocess.Popen([sys.executable, '-P', '-m', 'engine.load', sys.argv[1]])\n"
        "child.wait()\n"
    )

    async def hanging(_: int, writer: Writer) -> bool:
        arrived.set()
        return True

    async def process() -> None:
        async with serving(hanging) as server, asyncio.timeout(DEADLINE_S):
            settings = json.dumps({"url": server.url, "requests": 1})
            parent = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", starter, settings), env={"PYTHONPATH": str(ROOT)}
            )
            await arrived.wait()
            parent.kill()
            await parent.wait()
            await asyncio.gather(*server.tasks)  # ends with the client's connection

    arrived = asyncio.Event()
    asyncio.run(process())
