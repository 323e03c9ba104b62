"""Each lab shows what it claims: the failure with its fault, and none without it.

They are played by the command, as a user does.
"""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from engine.findings.finding import Finding, Level
from engine.findings.rules import FINDING_IDS
from engine.labs import LABS, private_network, server_of
from engine.labs.acting import act_of
from engine.labs.culprit import NAMES, Culprit
from engine.labs.lab import Act, Claim
from engine.labs.playing import load
from engine.labs.stage import Stage
from engine.labs.told import Asked

TRIES = 3
EACH_S = 120.0  # where many others are at work
FOUND_WITHIN_S = 2.0  # of the beginning of the script
NAME_NOBODY = {"accept-queue", "engine-died", "time-wait"}
"""They speak of no connection and of no process that is still there."""

WITH_FINDING = [name for name in LABS if load(name).finding]
WITHOUT = [name for name in LABS if name not in WITH_FINDING]

Played = subprocess.CompletedProcess[str]


def command(*words: str) -> Played:
    return subprocess.run(
        [sys.executable, "-P", "-m", "tui", "lab", *words],
        capture_output=True,
        text=True,
        timeout=EACH_S,
        check=False,
    )


@pytest.fixture(scope="module")
def played(name: str) -> Played:
    """Played once: tests of the same number among parameters of a module are run one after the other."""
    return command(name, "--json")


@pytest.mark.parametrize("name", [*WITH_FINDING, *WITHOUT], scope="module")
def test_what_a_lab_claims_holds(name: str, played: Played) -> None:
    done = played
    if "it needs a network of its own" in done.stderr:
        pytest.skip(done.stderr)
    if done.returncode:  # a busy machine can turn an order round
        done = command(name, "--json")
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    wrong = [
        claim["text"] for act in report["acts"] for claim in act["claims"] if not claim["holds"]
    ]
    assert not wrong, report["acts"]
    assert done.returncode == 0
    assert report["name"] == name
    assert [act["mended"] for act in report["acts"]] == [False, True]
    assert not re.search(r"[{}]", report["answer"]), "each figure has its place"


@pytest.mark.parametrize("name", WITH_FINDING, scope="module")
def test_the_failure_is_found_and_nothing_when_mended(name: str, played: Played) -> None:
    if "it needs a network of its own" in played.stderr:
        pytest.skip(played.stderr)
    report = json.loads(played.stdout.splitlines()[-1])
    for _ in range(TRIES):  # other work on the machine can hide what takes milliseconds
        if not _is_named(report):
            report = json.loads(command(name, "--json").stdout.splitlines()[-1])
    assert report["finding"] in FINDING_IDS
    assert _is_named(report), report["acts"]


def _is_named(report: dict[str, Any]) -> bool:
    claimed = [claim["text"].startswith(NAMES) for claim in report["acts"][0]["claims"]]
    has_culprit = any(claimed) != (report["finding"] in NAME_NOBODY)
    is_soon = report["found"] and report["found_after_s"] < FOUND_WITHIN_S
    return is_soon and has_culprit and not report["false_findings"]


def told(conns: tuple[int, ...] = (), pids: tuple[int, ...] = (9,)) -> Finding:
    return Finding("unsent", Level.WARN, "", "", conns, pids)


def test_a_culprit_is_named_by_a_finding_that_names_nobody_else() -> None:
    pair = Culprit("the pair", frozenset([1, 2]), frozenset([9]))
    assert pair.claim([told((2, 1)), told((2,))]) == Claim(f"{NAMES}the pair", True)
    assert not pair.claim([told((1,)), told((1, 3))]).holds, "a stranger, for a moment"
    assert not pair.claim([told()]).holds, "nobody"
    assert not pair.claim([told((1,), (9, 8))]).holds
    assert not pair.claim([told((1,), ())]).holds


def test_of_those_who_suffer_from_the_first_nothing_is_asked() -> None:
    blocker = Culprit("the slow one first", frozenset([1]), frozenset([9]), is_first=True)
    assert blocker.claim([told((1, 3, 4))]).holds
    assert not blocker.claim([told((3, 1))]).holds


def test_a_finding_that_names_somebody_else_is_not_found() -> None:
    stage = Stage(mended=False, address=("127.0.0.1", 1))
    heard = [(0.5, told((1,))), (0.6, told((1,)))]
    assert act_of(load("slow-reader"), stage, heard).found_after_s == 0.5
    stage.culprit("the slow one", conns=[1], pids=[9])
    assert act_of(load("slow-reader"), stage, heard).found_after_s == 0.5
    stage.culprit("the slow one", conns=[2], pids=[9])
    act = act_of(load("slow-reader"), stage, heard)
    assert (act.found_after_s, act.holds) == (None, False)
    assert act.told["unsent"].conns == (1,)
    assert not act_of(load("slow-reader"), stage, []).claims, "it was not told at all"


def test_the_list_tells_name_title_and_question() -> None:
    listed = json.loads(command("--list", "--json").stdout)
    assert [lab["name"] for lab in listed] == list(LABS)
    assert all(set(lab) == {"name", "title", "question"} for lab in listed)
    assert all(lab["question"].endswith("?") for lab in listed)


def test_an_unknown_lab_is_one_line_and_exit_code_2() -> None:
    done = command("nothing")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.count("see servetui") == 1
    assert "--list" in done.stderr


@pytest.mark.parametrize("name", LABS)
def test_a_lab_is_named_after_its_module(name: str) -> None:
    lab = load(name)
    assert lab.name == name
    assert len(set(lab.choices)) == len(lab.choices) >= 2
    assert server_of(f"lab {name}") is not None


def test_an_act_that_claims_nothing_shows_nothing() -> None:
    assert not Act(False, ()).holds
    assert Act(False, (Claim("a", True), Claim("b", True))).holds
    assert not Act(False, (Claim("a", True), Claim("b", False))).holds


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
def test_without_the_right_to_a_network_of_its_own_it_says_so_in_a_line() -> None:
    nobody_may = (
        "from engine.labs import private_network as own\n"
        "def refused(flags): raise PermissionError(1, 'Operation not permitted')\n"
        "own._unshare = refused\n"
        "import sys; from engine.labs.__main__ import main; sys.exit(main())"
    )
    asked = Asked("no-ports").to_json()
    done = subprocess.run(
        [sys.executable, "-P", "-c", nobody_may, asked],
        capture_output=True, text=True, timeout=EACH_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("no-ports: it needs a network of its own")
    assert "Operation not permitted" in line


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
def test_settings_of_everybodys_network_are_left_alone() -> None:
    with pytest.raises(AssertionError):
        private_network.set_kernel("tcp_tw_reuse", "0")


def test_too_few_descriptors_are_said_in_a_line() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{FEW_DESCRIPTORS}\nfrom tui.__main__ import main\nsys.exit(main())"],
        capture_output=True, text=True, timeout=EACH_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert "it needs 1,200 descriptors" in line
    assert "ulimit -Hn" in line


FEW_DESCRIPTORS = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
sys.argv = ["servetui", "lab", "select-wall", "--json"]
"""
