"""`servetui load`: sustained load without a dashboard. Figures on stdout, progress on stderr."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.load.plan import weighted_path
from tui.format import count, milliseconds, rate
from tui.run_options import seconds, whole

if TYPE_CHECKING:
    from engine.load.figures import Figures, Report

LOOK_S = 0.05
PERCENTILES = ("p50_ms", "p90_ms", "p99_ms", "max_ms")
BAR_CELLS = 30


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add them all; their names are those of Plan's fields."""
    parser.add_argument("url", metavar="URL", help="http://HOST[:PORT]/PATH")
    _add_size_and_end(parser)
    _add_connection_options(parser)
    _add_time_options(parser)
    _add_requests_and_others(parser)
    _add_output_options(parser)


def _add_size_and_end(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", dest="connections", type=whole("connections"), required=True,
        help="connections at a time; with --rate at most",
    )  # fmt: skip
    end = parser.add_mutually_exclusive_group(required=True)
    end.add_argument(
        "-n", dest="requests", type=whole("requests"), help="end after so many, warm-up included"
    )
    end.add_argument("-d", dest="seconds", type=seconds, help="end after so many seconds")
    parser.add_argument(
        "--rate", type=seconds, metavar="PER_S",
        help="requests that are due each second, answered or not (open loop); else each connection "
        "asks again once it has its answer (closed loop)",
    )  # fmt: skip


def _add_connection_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--short", dest="per_connection", action="store_const", const=1,
        help="a connection for each request, which the client closes once it has its answer",
    )  # fmt: skip
    parser.add_argument(
        "--per-connection", dest="per_connection", type=whole("requests"), metavar="N",
        help="requests until the client closes a connection (no end)",
    )  # fmt: skip
    parser.add_argument(
        "--server-closes", dest="asks_close", action="store_true",
        help="ask the server to close after each answer, so that TIME_WAIT is on its side",
    )  # fmt: skip


def _add_time_options(parser: argparse.ArgumentParser) -> None:
    for option, metavar, words in (
        ("--ramp", "SECONDS", "until all connections are open, or the whole rate is due (0)"),
        ("--think", "SECONDS", "between an answer and the next request; not with --rate (0)"),
    ):
        parser.add_argument(
            option, dest=f"{option[2:]}_s", type=seconds, default=0.0, metavar=metavar, help=words
        )
    parser.add_argument(
        "--warm-up", dest="warm_up_s", type=seconds, metavar="SECONDS",
        help="left out of the figures (with -d a tenth, at most 2; with -n 0)",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", dest="timeout_s", type=seconds, default=10.0, metavar="SECONDS",
        help="for one request (10)",
    )  # fmt: skip


def _add_requests_and_others(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--path", dest="paths", type=weighted_path, action="append", default=[], metavar="PATH[=WEIGHT]",
        help="ask for this instead of the URL's; may be said again, they are mixed by weight (1)",
    )  # fmt: skip
    for option, words in (
        ("--slow-heads", "that send a byte of their head each second"),
        ("--slow-readers", "that read a kilobyte of their answer each second"),
        ("--silent", "that send nothing"),
    ):
        parser.add_argument(
            option, type=whole("connections"), default=0, metavar="N",
            help=f"connections beside the load {words} (0)",
        )  # fmt: skip
    parser.add_argument(
        "--verify-bodies", action="store_true", help="each body must equal the first of its path"
    )


def _add_output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server-pid", type=whole("processes"), metavar="PID",
        help="tell the CPU of this process and those below it as the server's",
    )  # fmt: skip
    parser.add_argument(
        "--hdr", type=Path, metavar="FILE", help="write the response times as a log of HdrHistogram"
    )
    parser.add_argument("--json", action="store_true", help="the figures as one line of JSON")


def run(asked: argparse.Namespace, talk: Callable[[str], None], command: str) -> tuple[int, str]:
    """The exit code, and what belongs on stdout."""
    from engine.load.figures import Report, figures
    from engine.load.target import NoSuchHostError, resolve
    from engine.running.client_process import ClientProcess

    try:
        plan = plan_of(asked)
        resolve(plan.url, allow_remote=True)
    except NoSuchHostError as error:
        talk(str(error))
        return 1, ""
    except ValueError as error:
        talk(f"{error}; see {command} --help")
        return 2, ""
    client = ClientProcess(plan.to_json(), Report.from_json)
    try:
        was_interrupted = _watch(client)
    finally:
        client.kill()
    if client.report is None or not client.report.is_final:
        talk(client.last_words)
        return 1, ""
    told = figures(client.report)
    if asked.hdr and not _write_hdr(asked.hdr, client.report, talk):
        return 1, ""
    text = json.dumps(told.as_values()) + "\n" if asked.json else "".join(lines(told))
    if was_interrupted and told.done:
        talk(f"ended early, after {told.seconds:.3g} s: not all that was asked has been done")
    if not told.done:
        kinds = ", ".join(f"{number} {kind}" for kind, number in told.errors.items()) or "none sent"
        talk(f"no good answer from {plan.url}: {kinds}")
        return 1, text
    return int(was_interrupted), text


def plan_of(asked: argparse.Namespace) -> Any:
    """The plan that the command line says. Raises ValueError."""
    import os
    from dataclasses import fields

    from engine.load.plan import Plan

    names = {field.name for field in fields(Plan)} & vars(asked).keys()
    told: dict[str, Any] = {name: getattr(asked, name) for name in names}
    told["paths"] = tuple(asked.paths)
    return Plan(**told, allow_remote=True, parent_pid=os.getpid())


def _watch(client: Any) -> bool:
    """Draw how far it is until it has ended; whether somebody interrupted it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(file=sys.stderr, soft_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(BAR_CELLS),
        TextColumn("{task.percentage:.0f} %"),
    )
    with Progress(
        *columns, console=console, disable=not sys.stderr.isatty(), transient=True
    ) as bar:
        task = bar.add_task("load", total=1.0)
        was_interrupted = False
        while client.is_running:
            try:
                client.advance()
                if client.report is not None:
                    bar.update(
                        task, completed=client.report.share, description=_so_far(client.report)
                    )
                time.sleep(LOOK_S)
            except KeyboardInterrupt:
                was_interrupted = True
                client.stop()
    return was_interrupted


def _so_far(report: "Report") -> str:
    failed = sum(report.errors.values())
    per_s = report.done / report.seconds if report.seconds else 0.0
    return f"{count(report.done)} answers, {rate(per_s)}/s, {count(failed)} errors"


def lines(told: "Figures") -> list[str]:
    """For people to read."""
    response, service = told.response, told.service
    ratio = told.requests_per_connection
    each = "-" if not ratio else f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
    cpu = {name: f"{share:.0f} %" for name, share in told.cpu.items() if share is not None}
    errors = ", ".join(f"{number} {kind}" for kind, number in told.errors.items()) or "none"
    early = ("ended early", f"after {told.seconds:.3g} s; these are the figures of what was done")
    rows = [
        *([] if told.is_whole else [early]),
        (f"{told.loop} loop", f"offered {count(told.offered)}, sent {count(told.sent)}, "
         f"done {count(told.done)}, dropped {count(told.dropped)}, retried {count(told.retried)}"),
        ("requests/s", f"{rate(told.requests_per_s)} in {_measured(told)}"),
        ("response", _percentiles(response)),
        ("service", _percentiles(service)),
    ]  # fmt: skip
    if told.send_lag is not None:
        rows.append(("send lag", _percentiles(told.send_lag)))
    rows += [
        ("connect", _percentiles(told.connect)),
        ("connections", f"{count(told.connections_opened)} opened, {each} requests each"
         + (f", {count(told.connections_beside)} beside" if told.connections_beside else "")),
        ("bytes", f"{count(told.bytes_sent)} sent, {count(told.bytes_received)} received"),
        ("errors", errors),
        ("CPU", ", ".join(f"{name.replace('_', ' ')} {share}" for name, share in cpu.items())),
        ("verdict", told.verdict),
    ]  # fmt: skip
    if told.lacked_connections:
        rows.append(("", _lack(told)))
    if told.loop == "closed":
        rows.append(
            ("", "closed loop: who waits for a free connection is in no latency; see --rate")
        )
    return [f"{name:12} {text}\n" for name, text in rows]


def _lack(told: "Figures") -> str:
    """Of an open loop that could not ask in time."""
    some = "1 connection" if told.connections == 1 else f"{count(told.connections)} connections"
    late = f"{count(told.late)} requests late, {count(told.dropped)} never sent"
    return f"with {some}, all in use: {late}; more may carry more"


def _measured(told: "Figures") -> str:
    return f"{told.measured_s:.3g} s" + " after the warm-up" * bool(told.warm_up_s)


def _percentiles(told: Any) -> str:
    """`-` where too few samples stand behind one."""
    values = ((name[:-3], getattr(told, name)) for name in PERCENTILES)
    return ", ".join(f"{name} {milliseconds(value)}" for name, value in values)


def _write_hdr(path: Path, report: "Report", talk: Callable[[str], None]) -> bool:
    from hdrh.log import HistogramLogWriter

    from engine.load.samples import merged

    ended_s = time.time()
    begun_s = round(ended_s - report.measured_s, 3)  # a reader drops what begins before StartTime
    try:
        with path.open("w") as file:
            log = HistogramLogWriter(file)
            log.output_log_format_version()
            log.output_comment(f"[StartTime: {begun_s:.3f} (seconds since epoch)]")
            log.output_legend()
            histogram = merged(report.prompt, report.response)
            log.output_interval_histogram(histogram, begun_s, ended_s, max_value_unit_ratio=1000.0)
    except OSError as error:
        talk(f"cannot write {path}: {error.strerror}")
        return False
    return True
