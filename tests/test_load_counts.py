"""`servetui load` against each model: what it says is what the engine saw, to the byte.

All models each time, and no second try: a miscount that comes once in three is one. The command is run in
the process of the test, its client in one of its own.
"""

import json
from collections.abc import Iterator

import pytest

from engine.models import MODELS
from tests.serve_driver import Json, Serve
from tests.support import wait_until
from tui.__main__ import main

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
COUNTED = ("accepted", "closed", "requests", "responses", "bytes_in", "bytes_out")


@pytest.fixture(scope="module", params=list(MODELS))
def server(request: pytest.FixtureRequest) -> Iterator[Serve]:
    """One a model, for all loads. What it has told bit by bit is what it tells at its end."""
    with Serve(request.param) as serve:
        yield serve
        seen = at_rest(serve)
        summary = serve.stop()
        assert {name: seen[name] for name in COUNTED} == {name: summary[name] for name in COUNTED}


def at_rest(server: Serve) -> Json:
    """A snapshot in which all that was accepted is closed."""
    return wait_until(
        lambda: (shot := server.snapshot())["accepted"] == shot["closed"] and shot,
        what="no one there",
    )


@pytest.mark.flaky(reruns=0)
@pytest.mark.parametrize("load", LOADS)
def test_counts_are_exact(server: Serve, load: str, capsys: pytest.CaptureFixture[str]) -> None:
    at_once = "1" if server.model == "iterative" else "4"
    before = at_rest(server)
    code = main(["load", server.url + "/", "-c", at_once, *LOADS[load], "--json"])
    out, said = capsys.readouterr()
    assert code == 0, said
    told = json.loads(out.splitlines()[-1])
    after = at_rest(server)
    saw = {name: after[name] - before[name] for name in COUNTED}
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
