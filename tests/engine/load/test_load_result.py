"""What a burst is asked for and what it tells: targets, settings, percentiles, reports."""

from __future__ import annotations

import pytest

from engine.load import result
from engine.load.result import Burst, Tally, histogram, parse_line
from engine.load.target import resolve
from engine.percentiles import percentile


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1/", "https is not spoken"),
        ("127.0.0.1:80", "http://"),
        ("http://", "http://"),
        ("http://127.0.0.1:99999/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("http://192.0.2.1/", "not this machine"),
        ("http://0.0.0.0/", "not this machine"),
        ("http://[2001:db8::1]/", "not this machine"),
    ],
)
def test_targets_that_are_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        resolve(url)


def test_targets() -> None:
    assert resolve("http://127.0.0.1").url == "http://127.0.0.1:80/"
    assert resolve("http://[::1]:81/a b?c d=é").url == "http://[::1]:81/a%20b?c%20d=%C3%A9"
    local = resolve("http://localhost:82/x")
    assert local.url in ("http://127.0.0.1:82/x", "http://[::1]:82/x")
    assert local.host_header == "localhost:82"
    assert resolve("http://192.0.2.1/", allow_remote=True).url == "http://192.0.2.1:80/"


def test_percentiles_and_histogram() -> None:
    assert percentile([], 50) is None
    thousand = range(1, 1001)
    assert [percentile(thousand, p) for p in (0, 50, 50.01, 99)] == [1, 500, 501, 990]
    counts = histogram([0.05, 0.1, 0.11, 10_000, 10_001])
    assert (counts[0], counts[1], counts[-2], counts[-1]) == (2, 1, 1, 1)
    assert sum(counts) == 5


@pytest.mark.parametrize(
    ("requests", "has"),
    [(19, ()), (20, ("p50",)), (50, ("p50",)), (100, ("p50", "p90")), (500, ("p50", "p90")),
     (1000, ("p50", "p90", "p99"))],
)  # fmt: skip
def test_of_a_burst_too_few_samples_say_nothing(requests: int, has: tuple[str, ...]) -> None:
    """As of sustained load: fewer than ten above a percentile."""
    tally = Tally(wanted=requests, started_ns=5)
    for number in range(requests):
        tally.succeeded(1_000_000 + number)
    came = tally.result(2_000_000_005)
    known = tuple(name for name in ("p50", "p90", "p99") if getattr(came, f"{name}_ms") is not None)
    assert known == has
    assert came.max_ms is not None
    assert ('"p99_ms": null' in came.to_json()) == ("p99" not in has)


def test_reports_survive_their_json() -> None:
    tally = Tally(wanted=3, started_ns=5)
    tally.succeeded(2_000_000)
    tally.failed(result.RESET)
    progress, came = tally.progress(1_000_000_005), tally.result(2_000_000_005)
    assert parse_line(progress.to_json()) == progress
    assert parse_line(came.to_json()) == came
    burst = Burst("http://127.0.0.1/", short=True)
    assert Burst.from_json(burst.to_json()) == burst


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"url": 1}', '{"url": "x", "speed": 1}', '{"url": "x", "requests": 0}'),
        *('{"url": "x", "connections": 1.5}', '{"url": "x", "timeout_s": "1"}'),
    ],
)
def test_settings_that_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # each has its own words
        Burst.from_json(text)
