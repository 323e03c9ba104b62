"""The pure parts of a comparison, by tables: verdict, merging, unlike conditions, the knee, reports."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest

from engine.compare import __main__ as comparing
from engine.compare.__main__ import Work
from engine.compare.against import changes
from engine.compare.conditions import Asked, Conditions, unlike
from engine.compare.cores import halves
from engine.compare.report import Comparison
from engine.compare.standing import standing
from engine.compare.sweep import Sweep, climb
from engine.compare.trial import Trial
from engine.compare.verdict import judge, order
from engine.load.figures import CROWDED, FINE, SATURATED
from tests.engine.compared import CONDITIONS, a_report, a_standing, a_trial


@pytest.mark.parametrize(
    ("rounds", "more_is_better", "best"),
    [
        ({"a": (10, 11, 12), "b": (7, 8, 9)}, True, ("a",)),
        ({"a": (10, 11, 12), "b": (7, 8, 10)}, True, ("a", "b")),  # they touch
        ({"a": (10, 11, 12), "b": (7, 8, 9)}, False, ("b",)),
        ({"a": (10, 11, 12), "b": (10, 11, 12), "c": (1, 2, 3)}, True, ("a", "b")),
        ({"a": (1, 100, 100), "b": (50, 50, 50)}, True, ("a", "b")),  # a wide spread wins nothing
        ({"a": (10, 11, 12)}, True, ()),
        ({}, True, ()),
    ],
)
def test_no_winner_is_named_inside_the_spread(
    rounds: dict[str, Sequence[float]], more_is_better: bool, best: tuple[str, ...]
) -> None:
    told = judge("short", "requests/s", rounds, more_is_better=more_is_better)
    assert told.best == best
    assert ("no winner" in told.words) == (len(best) > 1)


def test_who_is_not_known_of_is_named() -> None:
    rounds = {"a": (10.0, 11.0, 11.0), "b": (7.0, 8.0, 8.0), "c": (5.0, 5.0), "d": ()}
    told = judge("short", "CPU", rounds, more_is_better=False)
    assert (told.best, told.words) == (("b",), "b, by more than the spread; not known of c, d")
    few = judge("short", "CPU", {"a": (1.0, 2.0, 3.0), "b": ()}, more_is_better=False)
    assert few.words == "fewer than two models to compare; not known of b"


def test_order_has_only_pairs_outside_the_spread() -> None:
    assert order({"a": (10, 12), "b": (7, 9), "c": (9, 11)}) == {("a", "b")}


def test_percentiles_are_those_of_all_samples_and_not_an_average() -> None:
    trials = [a_trial(times_ms=(1.0,) * 1100), a_trial(times_ms=(100.0,) * 900)]
    told = standing(trials, CONDITIONS)
    assert told.p50_ms == pytest.approx(1.0, rel=0.01)  # an average would say 50
    assert told.p90_ms == pytest.approx(100.0, rel=0.01)
    assert told.max_ms == pytest.approx(100.0, rel=0.01)
    assert (told.requests_per_s, told.cpu_us) == (1000.0, 100.0)
    assert told.waits == {"unread": 1.0, "handler": 3.0, "app_queue": None}


@pytest.mark.parametrize(
    ("fields", "is_fair", "note"),
    [
        ({}, True, ""),
        ({"client": SATURATED}, False, "client saturated in 3 of 3 rounds"),
        ({"client": CROWDED}, False, "machine crowded in 3 of 3 rounds"),
        ({"errors": {"timed out": 24}}, False, "72 timed out: left out of the verdict"),
        ({"answered": 0}, False, ""),
        ({"failure": "it cannot"}, False, ""),
    ],
)
def test_who_is_left_out_of_the_verdict(fields: dict[str, Any], is_fair: bool, note: str) -> None:
    told = standing([a_trial(**fields)] * 3, CONDITIONS)
    assert told.is_fair == is_fair
    assert note in "; ".join(told.notes)


def test_who_used_the_processors_is_the_mean_of_the_rounds() -> None:
    rounds = [a_trial(cpu={"server": used, "dashboard": None}) for used in (40.0, 50.0, 60.0)]
    assert standing(rounds, CONDITIONS).cpu_percent == {"server": 50.0, "dashboard": None}


def test_one_saturated_round_is_left_out_and_marked() -> None:
    fair = [a_trial(per_s=each) for each in (900, 950, 1000)]
    hindered = a_trial(per_s=500, client=SATURATED)
    told = standing([*fair, hindered], CONDITIONS)
    assert told.is_fair
    assert (told.spread, told.hindered_rounds, told.client) == ((900.0, 1000.0), 1, SATURATED)
    assert not standing([*fair[:2], hindered], CONDITIONS).is_fair  # two rounds are no spread


@pytest.mark.parametrize(
    ("model", "mode", "note"),
    [
        ("iterative", "keep-alive", "one connection at a time: the other 31"),
        ("iterative", "short", "one connection at a time: the others wait until one ends"),
        ("prefork", "keep-alive", "8 connections at a time: the other 24"),
        ("thread", "keep-alive", ""),
    ],
)
def test_who_serves_few_connections_at_a_time_is_said_to(model: str, mode: str, note: str) -> None:
    told = standing([a_trial(model, mode=mode)] * 3, CONDITIONS)
    assert note in "; ".join(told.notes)
    assert bool(told.notes) == bool(note)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, []),
        ({"path": "/"}, ["path is '/wait/20' there and '/' here"]),
        ({"trace": False}, ["trace is True there and False here"]),
        ({"seconds": 9.0, "python": "3.13"}, ["seconds is 1.2 there and 9.0 here",
                                               "python is '3.11.7' there and '3.13' here"]),
    ],
)  # fmt: skip
def test_unlike_conditions_are_named(change: dict[str, Any], said: list[str]) -> None:
    assert unlike(CONDITIONS, replace(CONDITIONS, **change)) == said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"models": ()}, "one at least"),
        ({"models": ("thread", "thread")}, "each model once"),
        ({"modes": ("long",)}, "modes are"),
        ({"rounds": 2}, "2 rounds show no spread"),
        ({"conditions": Conditions(seconds=0.1)}, "shows nothing"),
        ({"conditions": Conditions(path="wait")}, "a path is /PATH"),
    ],
)
def test_what_means_nothing_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Asked(**{"models": ("thread",), **settings})


def test_what_is_asked_travels_as_json() -> None:
    asked = Asked(("thread", "epoll"), ("short",), 4, conditions=CONDITIONS, parent_pid=7)
    assert Asked.from_json(asked.to_json()) == asked


def test_processors_are_shared_out() -> None:
    assert halves((0, 2, 4)) == ((0,), (2, 4))
    with pytest.raises(ValueError, match="one processor"):
        halves((3,))


def test_a_report_is_read_as_it_was_written() -> None:
    sweep = next(climb("thread", "short", lambda _: a_trial(per_s=20)))
    told = replace(
        a_report(a_standing("thread", (900, 950, 990)), a_standing("x", (1, 1, 1), failure="no")),
        sweeps=(sweep, Sweep("x", "short", failure="no")),
    )
    assert Comparison.from_json(told.to_json()) == told
    assert told.verdicts[0].words == "fewer than two models to compare"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "comparison", "version": 9}',
             '{"kind": "comparison", "version": 1}', '{"kind": "comparison", "version": 1, "models": [3]}'],
)  # fmt: skip
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Comparison.from_json(text)


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"thread": (950, 980, 1000), "epoll": (400, 450, 500)}, ["as in the earlier report"]),
        ({"thread": (1200, 1250, 1300), "epoll": (400, 450, 500)}, ["thread, keep-alive: faster"]),
        ({"thread": (950, 980, 1000), "epoll": (1100, 1150, 1200)},
         ["epoll, keep-alive: faster", "keep-alive: epoll is ahead of thread now, and was behind"]),
        ({"thread": (950, 980, 1000), "process": (1, 2, 3)}, ["as in the earlier report"]),
    ],
)  # fmt: skip
def test_beside_an_earlier_report(now: dict[str, tuple[int, ...]], said: list[str]) -> None:
    earlier = a_report(
        a_standing("thread", (900, 1000, 1100)), a_standing("epoll", (400, 500, 550))
    )
    told = changes(earlier, a_report(*(a_standing(name, per_s) for name, per_s in now.items())))
    assert len(told) == len(said)
    for line, begins in zip(told, said, strict=True):
        assert line.startswith(begins)


def _served(capacity: float, rate: float) -> Trial:
    """A server that answers so many a second, and lets those above that wait."""
    is_late = rate > capacity
    per_s = int(min(rate, capacity))
    return a_trial(per_s=per_s, times_ms=(200.0 if is_late else 20.0,) * 100)


@pytest.mark.parametrize("capacity", [50, 333, 4000])
def test_a_sweep_finds_the_knee(capacity: float) -> None:
    *_, sweep = climb("thread", "short", lambda rate: _served(capacity, rate))
    assert sweep.knee_per_s is not None
    assert 0.9 * capacity <= sweep.knee_per_s <= 1.06 * capacity
    assert not sweep.is_open
    rates = [point.offered_per_s for point in sweep.points]
    assert rates == sorted(rates)


def test_a_knee_beyond_the_client_is_left_open() -> None:
    *_, sweep = climb("thread", "short", lambda rate: _served(1e9, rate))
    assert sweep.is_open
    assert sweep.knee_per_s == sweep.points[-1].offered_per_s


def test_who_fails_at_the_lowest_rate_has_no_knee() -> None:
    (sweep,) = climb("thread", "short", lambda rate: _served(5, rate))
    assert sweep.knee_per_s is None


def test_late_is_told_from_the_lowest_rate_of_which_a_median_is_known() -> None:
    def load(rate: float) -> Trial:
        times_ms = (20.0,) * 5 if rate < 40 else (20.0,) * 50 if rate < 300 else (900.0,) * 50
        return replace(_served(1e9, rate), histogram=a_trial(times_ms=times_ms).histogram)

    *_, sweep = climb("thread", "short", load)
    assert sweep.points[0].p50_ms is None
    assert sweep.knee_per_s is not None
    assert 200 < sweep.knee_per_s < 300


def test_a_hiccup_is_no_knee() -> None:
    tried: list[float] = []

    def load(rate: float) -> Trial:
        tried.append(rate)
        return _served(1e9 if tried.count(rate) == 2 else rate / 2, rate)

    *_, sweep = climb("thread", "short", load)
    assert sweep.is_open
    assert tried == [rate for rate in sorted(set(tried)) for _ in range(2)]


def _behind_connections(rate: float) -> Trial:
    """Of 32 connections to a server that takes 20 ms for each answer and never tires."""
    lacks = rate > 32 / 0.02
    return replace(_served(32 / 0.02, rate), all_in_use=32 * lacks, service_p50_ms=20.4)


def test_a_knee_that_is_the_clients_own_is_told_from_the_servers() -> None:
    def tiring(rate: float) -> Trial:
        return replace(_behind_connections(rate), service_p50_ms=20.0 if rate < 1600 else 400.0)

    for load, capped_at in ((_behind_connections, 32), (tiring, 0)):
        *_, sweep = climb("thread", "keep-alive", load)
        missed = next(point for point in sweep.points if not point.is_met)
        assert missed.capped_at == capped_at
        assert Sweep.from_values(json.loads(json.dumps(asdict(sweep)))) == sweep


def a_work(monkeypatch: pytest.MonkeyPatch, clients: Sequence[str]) -> Work:
    """Of one model, whose client finds one of `clients` in each round."""
    told = iter(clients)

    class Served:
        def __init__(self, *_: object) -> None: ...

        def load(self) -> Trial:
            return a_trial(client=next(told))

        def stop(self) -> None: ...

    monkeypatch.setattr(comparing, "Server", Served)
    return Work(Asked(("thread",), ("keep-alive",), conditions=CONDITIONS))


@pytest.mark.parametrize(
    ("clients", "is_fair"),
    [
        ((FINE, FINE, FINE), True),
        ((FINE, CROWDED, FINE, FINE), True),  # one more
        ((FINE, CROWDED, FINE, CROWDED), False),
        ((CROWDED, FINE, CROWDED), False),  # one more would not do
    ],
)
def test_whom_one_round_is_lacking_has_another(
    clients: Sequence[str],
    is_fair: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = a_work(monkeypatch, clients)
    work.do()
    work.tell(is_final=True)
    last = Comparison.from_json(capsys.readouterr().out.splitlines()[-1])
    assert (last.standings[0].rounds, last.standings[0].is_fair) == (len(clients), is_fair)
