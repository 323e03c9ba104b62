"""`servetui compare`: models under the same load. Figures on stdout, progress on stderr."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.models import MODELS, chosen
from tui.run_options import application, seconds, whole

if TYPE_CHECKING:
    from engine.compare.conditions import Asked
    from engine.compare.report import Comparison

DESCRIPTION = "Compare models under the same load, in turns, over several rounds."
LOOK_S = 0.05
BAR_CELLS = 30
CONNECTIONS, SECONDS, ROUNDS = 32, 1.2, 3
PATH, PATH_OF_APP = "/wait/20", "/"

Talk = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them all."""
    parser.add_argument(
        "--models", type=_models, default=tuple(MODELS), metavar="A,B,...",
        help="all of them by default; with --app, those that can run it",
    )  # fmt: skip
    parser.add_argument(
        "--mode", choices=("keep-alive", "short", "both"), default="both", help="(both)"
    )
    parser.add_argument(
        "--path", type=_path, metavar="PATH", help=f"what is asked for ({PATH}; of --app {PATH_OF_APP})"
    )  # fmt: skip
    parser.add_argument(
        "-c", dest="connections", type=whole("connections"), default=CONNECTIONS,
        help=f"connections at a time ({CONNECTIONS})",
    )  # fmt: skip
    parser.add_argument(
        "-d", dest="seconds", type=seconds, default=SECONDS, help=f"seconds of each run ({SECONDS:g})"
    )  # fmt: skip
    parser.add_argument(
        "--rounds", type=whole("rounds"), default=ROUNDS, help=f"3 at least ({ROUNDS})"
    )
    parser.add_argument(
        "--app", type=application, metavar="MODULE:CALLABLE",
        help="application to serve: WSGI, or in asyncio ASGI",
    )  # fmt: skip
    parser.add_argument(
        "--pin", action="store_true", help="server and client each on processors of their own"
    )
    parser.add_argument(
        "--no-trace", action="store_true",
        help="plain sockets, as serve --no-trace; where requests wait is then known by the kernel only",
    )  # fmt: skip
    parser.add_argument(
        "--sweep", action="store_true",
        help="then a rising rate for each model, until it no longer keeps up",
    )  # fmt: skip
    parser.add_argument(
        "--against", type=Path, metavar="REPORT", help="an earlier report (JSON) to stand beside"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write it as Markdown")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page with charts")
    parser.add_argument("--json", action="store_true", help="end with the report as a line of JSON")


def run(asked: argparse.Namespace, talk: Talk, command: str) -> tuple[int, str]:
    """The exit code, and what belongs on stdout."""
    from engine.compare.against import changes
    from engine.compare.conditions import unlike
    from tui.comparison import in_text

    try:
        wanted = _asked(asked)
        earlier = _read(asked.against) if asked.against else None
    except ValueError as error:
        talk(f"{error}; see {command} --help")
        return 2, ""
    if earlier and (found := unlike(earlier.conditions, wanted.conditions)):
        talk(f"{asked.against} was made under other conditions: {', '.join(found)}")
        return 2, ""
    told = _watch(wanted, talk)
    if told is None:
        return 1, ""
    beside = changes(earlier, told) if earlier else []
    lines = [*in_text.lines(told), *beside]
    text = told.to_json() + "\n" if asked.json else "".join(f"{line}\n" for line in lines)
    if not _write_files(asked, told, beside, talk):
        return 1, text
    return _exit_code(asked, told, talk), text


def _exit_code(asked: argparse.Namespace, told: "Comparison", talk: Talk) -> int:
    """1 when nothing was measured, or not what was asked for by name, or not to the end."""
    failed = [each for each in told.standings if each.failure]
    is_named = asked.models != tuple(MODELS) or not asked.app
    if len(failed) == len(told.standings) or (failed and is_named):
        for each in failed[:1]:
            talk(f"{each.model}: {each.failure}")
        return 1
    return 0 if told.is_whole else 1


def _asked(told: argparse.Namespace) -> "Asked":
    """What the command line says. Raises ValueError."""
    from engine.compare.conditions import MODES, Asked, Conditions

    conditions = Conditions(
        path=told.path or (PATH_OF_APP if told.app else PATH),
        connections=told.connections,
        seconds=told.seconds,
        app=told.app or "",
        pin=told.pin,
        trace=not told.no_trace,
    )
    return Asked(
        told.models,
        MODES if told.mode == "both" else (told.mode,),
        told.rounds,
        sweeps=told.sweep,
        conditions=conditions,
        parent_pid=os.getpid(),
    )


def _read(path: Path) -> "Comparison":
    """Raises ValueError."""
    from engine.compare.report import Comparison

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return Comparison.from_json(lines[-1] if lines else "")
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"{path} is no report of servetui compare --json ({error})") from error


def _watch(wanted: "Asked", talk: Talk) -> "Comparison | None":
    """Draw how far it is until it has ended."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from engine.compare.report import Comparison
    from engine.running.client_process import ClientProcess

    client = ClientProcess(wanted.to_json(), Comparison.from_json, "engine.compare")
    columns = (
        BarColumn(BAR_CELLS),
        TextColumn("{task.percentage:.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    console = Console(file=sys.stderr, soft_wrap=True)
    is_hidden = not sys.stderr.isatty()
    try:
        with Progress(*columns, console=console, disable=is_hidden, transient=True) as bar:
            task = bar.add_task("compare", total=1.0)
            while client.is_running:
                _look(client, bar, task)
    finally:
        client.kill()
    if client.report is None or not client.report.is_final:
        talk(client.last_words)
        return None
    return client.report


def _look(client: Any, bar: Any, task: Any) -> None:
    try:
        client.advance()
        if client.report is not None:
            bar.update(task, completed=client.report.share, description=client.report.doing)
        time.sleep(LOOK_S)
    except KeyboardInterrupt:
        client.stop()


def _write_files(
    asked: argparse.Namespace, told: "Comparison", beside: list[str], talk: Talk
) -> bool:
    from tui.comparison import in_html, in_markdown

    for path, make in ((asked.markdown, in_markdown.text), (asked.html, in_html.page)):
        if path is None:
            continue
        try:
            path.write_text(make(told, beside), encoding="utf-8")
        except OSError as error:
            talk(f"cannot write {path}: {error.strerror}")
            return False
    return True


def _models(word: str) -> tuple[str, ...]:
    try:
        return chosen(word)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _path(word: str) -> str:
    if not word.startswith("/"):
        raise argparse.ArgumentTypeError(f"{word!r} is no path; it begins with /")
    return word
