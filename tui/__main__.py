"""The command line: words in, exit code out.

Exit codes: 0 done; 1 the thing asked about failed; 2 the words were wrong. stdout is data, stderr talk.
Textual, psutil and the rest are imported only by the command that needs them.
"""

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from engine import terminal_gone
from engine.models import MODELS, add_from_elsewhere, describe
from tui.first_word import first_word, terminal_lack
from tui.run_options import add_run_options, limits_of, pool_of, seconds

if TYPE_CHECKING:
    from engine.running.run import Run
    from tui.run_like import RunLike

PROGRAM = "servetui"
LOCALES = ("LC_ALL", "LC_CTYPE", "LANG")  # the first that is set says what the terminal reads


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line, and exit code 2."""
        _talk(f"{message}; see {self.prog} --help")
        raise SystemExit(2)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """After --help and --version, which have printed."""
        raise SystemExit(status or _print())


def main(words: list[str] | None = None) -> int:
    """Run one command; the exit code."""
    words = sys.argv[1:] if words is None else words
    _open_standard_streams()
    if sys.platform == "win32":
        _talk("Windows has no fork and no epoll; run it in WSL, Linux or macOS")
        return 1
    commands = {
        "serve": _serve, "models": _models, "replay": _replay, "load": _load, "lab": _lab,
        "compare": _compare,
    }  # fmt: skip
    for complaint in add_from_elsewhere():
        _talk(complaint)
    try:
        if words and words[0] in commands:
            return commands[words[0]](words[1:])
        return _dashboard(words)
    except KeyboardInterrupt:
        return 1
    finally:
        first_word.take_back()


def _open_standard_streams() -> None:
    """A closed descriptor 0, 1 or 2 would become the next socket, and be taken for the stream."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # 0, 1, 2: lowest first
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False, encoding="utf-8"))


def _serve(words: list[str]) -> int:
    parser = _Parser(
        prog=f"{PROGRAM} serve",
        description="Serve without a terminal. Commands on stdin, a line each: "
        "model NAME, short, keep-alive, snapshot.",
    )
    add_run_options(parser, model_required=True)
    parser.add_argument(
        "--events",
        metavar="-|count|FILE",
        default="count",
        help="- writes events as JSON lines to stdout; count folds them and prints none (default); "
        "a file is the recording",
    )
    parser.add_argument("--for", dest="seconds", type=seconds, help="end after so many seconds")
    parser.add_argument("--no-trace", action="store_true", help="plain sockets: nothing is watched")
    parser.add_argument("--json", action="store_true", help="end with a summary on stdout")
    asked = parser.parse_args(words)
    if asked.no_trace and asked.events != "count":
        parser.error(
            f"--no-trace reports no events that --events {asked.events} could write; leave one out"
        )

    from engine.running.headless import Headless

    whole, is_file = asked.events != "count", asked.events not in ("count", "-")
    run = _open_run(asked, trace=not asked.no_trace, whole=whole, tells_bytes=is_file)
    if isinstance(run, int):
        return run
    command = [PROGRAM, "serve", *words]
    return Headless(
        run, command=command, events=asked.events, seconds=asked.seconds, summary=asked.json
    ).loop()


def _models(words: list[str]) -> int:
    parser = _Parser(prog=f"{PROGRAM} models", description="List the concurrency models.")
    parser.add_argument("--json", action="store_true", help="as a JSON list")
    asked = parser.parse_args(words)
    infos = [describe(name) for name in MODELS]
    if asked.json:
        fields = ("name", "sentence", "calls", "failure")
        return _print(
            json.dumps([{field: getattr(info, field) for field in fields} for info in infos]) + "\n"
        )
    width = max(map(len, MODELS))
    lines = [f"{info.name:{width}}  {info.sentence}; fails by: {info.failure}\n" for info in infos]
    return _print("".join(lines))


def _lab(words: list[str]) -> int:
    from tui import lab_command

    parser = _Parser(prog=f"{PROGRAM} lab", description=lab_command.DESCRIPTION)
    lab_command.add_options(parser)
    return lab_command.run(parser.parse_args(words), _print, _talk)


def _dashboard(words: list[str]) -> int:
    parser = _Parser(
        prog=PROGRAM,
        description="Run an HTTP server in one of many concurrency models and watch it from inside.",
        epilog=f"commands: {PROGRAM} serve (without a terminal), {PROGRAM} replay (of a "
        f"recording), {PROGRAM} load (of any server), {PROGRAM} compare (models under the same load), "
        f"{PROGRAM} models, {PROGRAM} lab (failures on purpose); each has --help of its own",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {_version()}")
    add_run_options(parser, model_required=False)
    _add_drawing_options(parser)
    asked = parser.parse_args(words)
    lack = terminal_lack()
    if lack is not None:
        _talk(
            f"the dashboard needs a terminal{lack}; without one use: {PROGRAM} serve -m {asked.model}"
        )
        return 1
    first_word.tell(f"{PROGRAM}  {asked.model}  starting")
    run = _open_run(asked, trace=True, tells_bytes=True)
    if isinstance(run, int):
        return run
    if asked.app:
        from tui.beginning import why_not_begun

        if lines := why_not_begun(run, _talk):
            for line in lines:
                _talk(line)
            return 1
    return _draw(run, asked, asked.app or "")


def _replay(words: list[str]) -> int:
    parser = _Parser(
        prog=f"{PROGRAM} replay",
        description="The dashboard over a recording, which serve --events FILE or the key r has made.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    _add_drawing_options(parser)
    asked = parser.parse_args(words)

    lack = terminal_lack()
    if lack is None:
        first_word.tell(f"{PROGRAM}  replay  starting")

    from engine.recordings.recording import RecordingError
    from engine.recordings.replay import Replay

    try:
        replay = Replay(asked.file)
    except RecordingError as error:
        _talk(str(error))
        return 1
    if lack is not None:
        _talk(f"the dashboard needs a terminal{lack}; the file itself can be read: an event a line")
        return 1
    return _draw(replay, asked)


def _load(words: list[str]) -> int:
    from tui import load_command

    parser = _Parser(
        prog=f"{PROGRAM} load",
        description="Sustained load on an HTTP server, with figures that say what they leave out.",
    )
    load_command.add_options(parser)
    exit_code, text = load_command.run(parser.parse_args(words), _talk, parser.prog)
    return _print(text) or exit_code


def _compare(words: list[str]) -> int:
    from tui import compare_command

    parser = _Parser(prog=f"{PROGRAM} compare", description=compare_command.DESCRIPTION)
    compare_command.add_options(parser)
    exit_code, text = compare_command.run(parser.parse_args(words), _talk, parser.prog)
    return _print(text) or exit_code


def _draw(run: "RunLike", asked: argparse.Namespace, app: str = "") -> int:
    # A key is painted at the next of so many moments a second, if there is anything to paint at all.
    os.environ.setdefault("TEXTUAL_FPS", "120")
    from tui.app import Dashboard

    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)  # Textual would believe them rather than the terminal
    try:
        dashboard = Dashboard(run, is_ascii=asked.ascii or not _has_glyphs())
        dashboard.app_served = app
        first_word.take_back()
        dashboard.run()
    finally:
        run.stop()
    return dashboard.return_code or 0


def _add_drawing_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ascii", action="store_true", help="draw with ASCII only, for terminals without more"
    )


def _has_glyphs() -> bool:
    """Whether the terminal is said to read more than ASCII."""
    told = next((os.environ[name] for name in LOCALES if os.environ.get(name)), "")
    return "utf" in told.lower() or (not told and sys.stdout.encoding.lower().startswith("utf"))


def _open_run(
    asked: argparse.Namespace, *, trace: bool, whole: bool = False, tells_bytes: bool = False
) -> "Run | int":
    """The run, or the exit code when it cannot be."""
    from engine.handlers.site import WWW
    from engine.running.run import Run
    from engine.running.run_settings import RunError, RunSettings

    settings = RunSettings(
        model=asked.model,
        host=asked.host,
        port=asked.port,
        root=asked.root or WWW,
        app=asked.app or "",
        backlog=asked.backlog,
        short=asked.short,
        trace=trace,
        tick_s=asked.tick,
        restart=asked.restart,
        allowed=tuple(asked.allow),
        limits=limits_of(asked),
        pool=pool_of(asked),
        whole=whole,
        tells_bytes=tells_bytes,
    )
    try:
        return Run(settings)
    except RunError as error:
        _talk(str(error))
        return error.exit_code


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(PROGRAM)
    except PackageNotFoundError:
        return "(not installed)"


def _print(text: str = "") -> int:
    """Data, and what was printed before; the exit code."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        terminal_gone.replace_by_null(1)  # else Python complains of it once more at its end
        if isinstance(error, BrokenPipeError):
            return 0  # nobody reads on: end quietly
        _talk(f"cannot write to stdout: {error.strerror}")
        return 1
    return 0


def _talk(text: str) -> None:
    first_word.take_back()
    with contextlib.suppress(OSError):  # nobody listens
        print(f"{PROGRAM}: {text}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
