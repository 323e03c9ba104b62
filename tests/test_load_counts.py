"""`servetui load` against each model: what it says is what the engine saw, to the byte.

All models each time, and no second try: a miscount that comes once in three is one.
"""

import json
import subprocess
import sys

import pytest

from engine.models import MODELS
from tests.serve_driver import Json, Serve
from tests.support import ROOT

COMMAND = (sys.executable, "-m", "tui", "load")
REQUESTS = 240
LOADS = {
    "keep-alive": ("-n", str(REQUESTS)),
    "short": ("-n", str(REQUESTS), "--short"),
    "20 a connection": ("-n", str(REQUESTS), "--per-connection", "20"),
    "the server closes": ("-n", str(REQUESTS), "--server-closes"),
    "open loop": ("-n", str(REQUESTS), "--rate", "2000"),
    "by time": ("-d", "0.3"),
}
ONE_EACH = ("short", "the server closes")
"""A connection for each request."""


def figures(*words: str) -> Json:
    done = subprocess.run(
        [*COMMAND, *words, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    told: Json = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.flaky(reruns=0)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("load", LOADS)
def test_counts_are_exact(model: str, load: str) -> None:
    at_once = "1" if model == "iterative" else "4"
    with Serve(model) as server:
        told = figures(server.url + "/", "-c", at_once, *LOADS[load])
        saw = server.stop()
    assert (told["errors"], told["retried"], told["dropped"]) == ({}, 0, 0)
    assert told["requests"] == told["done"] == saw["requests"] == saw["responses"]
    assert told["connections_opened"] == saw["accepted"]
    assert told["bytes_sent"] == saw["bytes_in"]
    assert told["bytes_received"] == saw["bytes_out"]
    if "-n" in LOADS[load]:
        assert told["requests"] == REQUESTS
    if load in ONE_EACH:
        assert told["connections_opened"] == REQUESTS
    if load == "20 a connection":
        assert REQUESTS / 20 <= told["connections_opened"] < REQUESTS / 20 + int(at_once)
