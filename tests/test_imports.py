"""Who may import whom. Each rule is a row with its reason; its files are read, not imported."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = ("engine", "tui")
PURE = (
    *("events", "views/*", "fold/*", "http1/*", "findings/*"),
    *("event_queue/passing", "running/thinning", "running/summary"),
)
Sources = Mapping[str, str]  # path below the root, as posix text -> the file's source


@dataclass(frozen=True)
class Rule:
    """What `files` may not import. A module's name covers everything below it."""

    name: str
    reason: str
    files: tuple[str, ...]  # globs below the root; ** is any number of folders
    forbids: tuple[str, ...]
    allows: tuple[str, ...] = ()  # taken out of `forbids` again
    but: tuple[str, ...] = ()  # globs taken out of `files` again
    through: bool = False  # also what the project's own imported modules import in their turn


RULES = [
    Rule(
        "engine knows no terminal",
        "the engine serves headless and in processes of its own, where a terminal must not matter",
        files=("engine/**/*.py",),
        forbids=("tui", "textual", "rich"),
    ),
    Rule(
        "engine itself imports nothing",
        "every process of the engine pays for what the package imports",
        files=("engine/__init__.py",),
        forbids=("*",),
    ),
    Rule(
        "panels draw a snapshot",
        "attributes go down and messages go up: a panel that knows another cannot be moved",
        files=("tui/panels/**/*.py",),
        but=("tui/panels/__init__.py",),
        forbids=("engine", "tui"),
        allows=(
            "engine.views",
            "engine.events",
            "engine.fold.lanes",
            "engine.fold.pieces",
            "engine.fold.line_counts",
            "engine.findings.finding",
            "tui.format",
            "tui.words",
        ),
    ),
    Rule(
        "models are pages to read alone",
        "the model does not know that it is watched, and choosing one must import no other",
        files=("engine/models/**/*.py",),
        forbids=("engine.models", "engine.event_queue", "engine.fold"),
    ),
    Rule(
        "views know no maker",
        "the fold, the probes and a recording make them; screens and scripts read them",
        files=("engine/views/**/*.py",),
        forbids=("engine",),
        allows=("engine.views", "engine.events"),
    ),
    Rule(
        "the pure modules stay pure",
        "time and bytes are arguments there: a test or a recording replays them exactly",
        files=tuple(f"engine/{name}.py" for name in PURE),
        forbids=(
            *("socket", "socketserver", "ssl", "select", "selectors", "os", "signal"),
            *("time", "threading", "_thread", "asyncio", "concurrent", "multiprocessing"),
            *("subprocess", "gevent", "psutil", "httpx", "textual", "rich"),
        ),
        through=True,
    ),
    Rule(
        "tui knows no socket",
        "what it draws comes out of the fold, so that a recording draws the same picture",
        files=("tui/**/*.py",),
        forbids=(
            *("socket", "socketserver", "ssl", "select", "selectors"),
            *("gevent", "httptools", "httpx"),
        ),
    ),
    Rule(
        "httpx is the load client's",
        "it takes as long to import as the rest of the program together",
        files=("engine/**/*.py", "tui/**/*.py"),
        but=("engine/load/**/*.py",),
        forbids=("httpx",),
    ),
]


def matches(path: str, globs: tuple[str, ...]) -> bool:
    """Whether a path fits one of the globs; `a/**/*.py` fits a/x.py and a/b/x.py."""
    return any(
        PurePosixPath(path).match(glob)
        if "**" not in glob
        else path.startswith(glob.partition("**")[0]) and path.endswith(".py")
        for glob in globs
    )


def covers(modules: tuple[str, ...], imported: str) -> bool:
    return any(
        module == "*" or imported == module or imported.startswith(f"{module}.")
        for module in modules
    )


def imports(path: str, source: str) -> Iterator[tuple[int, str]]:
    """Every import of a file as (line, full dotted name), wherever in the file it stands."""
    package = PurePosixPath(path).parent.parts
    for node in ast.walk(ast.parse(source, path)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module="__future__"):
                pass
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else ()
                stem = ".".join([*base, *([module] if module else [])])
                yield from ((node.lineno, f"{stem}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def own_files(imported: str, sources: Sources) -> Iterator[str]:
    """The project's files that importing this name runs: the module and the packages above it."""
    parts = imported.split(".")
    if parts[0] not in PROJECT:
        return
    for length in range(1, len(parts) + 1):
        stem = "/".join(parts[:length])
        yield from (path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in sources)


def reached(path: str, sources: Sources) -> list[str]:
    """The file, and all files of the project that importing it runs."""
    found = [path]
    for file in found:
        for _, imported in imports(file, sources[file]):
            found += [own for own in own_files(imported, sources) if own not in found]
    return found


def violations(rule: Rule, sources: Sources) -> list[str]:
    """One line for each import that breaks the rule: `file:line imports name`."""
    starts = [path for path in sources if matches(path, rule.files) and not matches(path, rule.but)]
    lines = []
    for start in starts:
        for file in reached(start, sources) if rule.through else [start]:
            via = "" if file == start else f" (reached from {start})"
            lines += [
                f"{file}:{line} imports {imported}{via}"
                for line, imported in imports(file, sources[file])
                if covers(rule.forbids, imported) and not covers(rule.allows, imported)
            ]
    return lines


@pytest.fixture(scope="module")
def tree() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in PROJECT
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_tree_keeps_the_rule(rule: Rule, tree: dict[str, str]) -> None:
    found = violations(rule, tree)
    assert not found, f"{rule.name}: {rule.reason}\n" + "\n".join(found)


# A rule that finds nothing proves little: each must catch these, and let the others pass.
BROKEN = [
    ("engine knows no terminal", "engine/running/run.py", "from tui.format import duration"),
    ("engine knows no terminal", "engine/probes/cpu.py", "def late():\n    import rich.text"),
    ("engine itself imports nothing", "engine/__init__.py", "import sys"),
    ("panels draw a snapshot", "tui/panels/rooms.py", "from . import workers"),
    ("panels draw a snapshot", "tui/panels/rooms.py", "from .workers import Workers"),
    ("panels draw a snapshot", "tui/panels/rooms.py", "from tui.app import App"),
    ("panels draw a snapshot", "tui/panels/rooms.py", "from engine import run"),
    ("models are pages to read alone", "engine/models/one.py", "from engine.models import two"),
    ("models are pages to read alone", "engine/models/one.py", "from .two import serve"),
    ("models are pages to read alone", "engine/models/one.py", "from .. import event_queue"),
    ("models are pages to read alone", "engine/models/one.py", "import engine.fold.state as fold"),
    ("models are pages to read alone", "engine/models/__init__.py", "from . import one"),
    ("views know no maker", "engine/views/rooms.py", "from engine.fold.state import ServerState"),
    ("the pure modules stay pure", "engine/fold/state.py", "from time import monotonic_ns"),
    ("the pure modules stay pure", "engine/http1/conversation.py", "import os.path"),
    ("the pure modules stay pure", "engine/findings/loops.py", "from engine.helper import x"),
    ("the pure modules stay pure", "engine/events.py", "__import__('socket')"),
    ("tui knows no socket", "tui/screens/main.py", "import select"),
    ("tui knows no socket", "tui/app.py", "importlib.import_module('socket')"),
    ("httpx is the load client's", "engine/running/run.py", "import httpx"),
]
SOUND = [
    ("engine knows no terminal", "engine/running/run.py", "import tuition, richer"),
    ("engine itself imports nothing", "engine/__init__.py", "from __future__ import annotations"),
    ("panels draw a snapshot", "tui/panels/rooms.py", "from engine.views.snapshot import Snapshot"),
    ("panels draw a snapshot", "tui/panels/rooms.py", "from .. import format"),
    ("panels draw a snapshot", "tui/panels/__init__.py", "from .rooms import Rooms"),
    ("models are pages to read alone", "engine/models/one.py", "from engine import http1"),
    ("views know no maker", "engine/views/rooms.py", "from engine.views import snapshot"),
    ("the pure modules stay pure", "engine/fold/state.py", "import timeit, struct"),
    ("tui knows no socket", "tui/app.py", "from engine.running.run import Run"),
    ("httpx is the load client's", "engine/load/client.py", "import httpx"),
]
HELPER = {"engine/helper.py": "from engine import deeper", "engine/deeper.py": "import time"}


def by_name(name: str) -> Rule:
    return next(rule for rule in RULES if rule.name == name)


@pytest.mark.parametrize(("name", "path", "source"), BROKEN)
def test_a_broken_rule_is_found(name: str, path: str, source: str) -> None:
    assert violations(by_name(name), {**HELPER, path: source})


@pytest.mark.parametrize(("name", "path", "source"), SOUND)
def test_a_kept_rule_is_not_reported(name: str, path: str, source: str) -> None:
    assert violations(by_name(name), {**HELPER, path: source}) == []


def test_every_rule_is_tried() -> None:
    assert {rule.name for rule in RULES} == {name for name, _, _ in BROKEN}


def test_the_command_line_imports_nothing_that_only_one_command_needs() -> None:
    """Which each start of every command would pay for."""
    others = "sorted({'asyncio', 'psutil', 'rich', 'subprocess', 'textual'} & set(sys.modules))"
    words = [sys.executable, "-c", f"import sys, tui.__main__; print({others})"]
    assert subprocess.check_output(words, cwd=ROOT, text=True) == "[]\n"
