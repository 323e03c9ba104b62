"""Starlette's own tests against the model asyncio: python -m tests.frameworks.starlette [pytest's options]

Starlette's TestClient is an httpx client whose transport calls the application. Here its transport is
a socket: each test's application is served by the model, in a thread, and asked over HTTP. What the
application raises is raised in the test, as it is there. Needs the network, to fetch the tests.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frameworks.suite import Counting, LeftOut, fetch, run

NEEDS = ("httpx2[zstd]", "opentelemetry-sdk", "python-multipart", "pyyaml", "trio")
LEFT_OUT: LeftOut = {
    "trio: the loop is asyncio's": [r"\[(.*-)?trio\b"],
    "of TestClient itself": [r"test_testclient\.py"],
    "WebSockets: refused with 501": [
        r"test_websockets\.py",
        r"websocket",
        r"_ws_(route|endpoint)",
        r"test_protocol_switch",
        r"test_base\.py::test_custom_middleware",
        r"test_opentelemetry\.py::test_non_http_scopes_are_not_traced",
    ],
    "an extension of ASGI that is not offered (push, trailers, debug)": [
        r"test_request_send_push_promise\[",
        r"test_request_send_push_promise_without_setting_send",
        r"test_gzip.*_trailers",
        r"test_templates\.py::test_(templates|calls_context|template_with_middleware)",
    ],
    "the method QUERY: the HTTP core answers 501": [
        r"_query_method",
        r"test_http_endpoint_does_not_dispatch_non_verb_method",
    ],
    "a Host that is none: the HTTP core answers 400, and asks no application": [
        r"test_host_routing_rejects_invalid_hosts\[asyncio-api.example.org:evil\]",
    ],
    "the client does not send it: a value that begins with a space, a body beyond its length": [
        r"test_cookies_invalid\[asyncio-  =  b",
        r"test_staticfiles_304_with_if_none_match_wildcard\[asyncio- ",
        r"test_received_bytes_are_counted_with_unreliable_content_length",
    ],
    "123 as the status of an answer: it is that of an interim one": [r"test_response_phrase"],
    "what a client gets that is answered nothing; ours is told of the 500": [
        r"test_force_500_response"
    ],
    "the test calls in its own context, or counts what it sends itself": [
        r"test_accessing_context_from_threaded_sync_endpoint",
    ],
    "a server that is called testserver and is on port 80": [
        r"test_http_span_uses_route_and_semantic_attributes",
        r"test_https_redirect_middleware\[",
    ],
    "root may read what the test forbids": [r"with_invalid_dir_permissions_returns_401"],
}


class Sockets:
    """A plugin of pytest: TestClient is one over sockets."""

    def __init__(self, counting: Counting) -> None:
        from starlette import testclient

        from tests.frameworks.starlette_sockets import SocketClient

        def count() -> None:
            counting.requests += 1

        SocketClient.on_request = staticmethod(count)
        vars(testclient)["TestClient"] = SocketClient
        self._client = SocketClient

    @pytest.fixture(autouse=True)
    def _closed_in_the_end(self) -> Iterator[None]:
        yield
        self._client.close_all()


def main(words: list[str]) -> int:
    """Fetch, run, tell."""
    with tempfile.TemporaryDirectory() as folder:
        root = fetch("starlette", Path(folder), NEEDS)
        counting = Counting(LEFT_OUT)
        sockets = Sockets(counting)
        del sys.modules["tests"]  # theirs bear the same name
        return run(root, words, counting, sockets)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
