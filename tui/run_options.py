"""The options that `servetui` and `servetui serve` have in common: what a run is made of, what a
connection may cost.

Words that are wrong end in one line that says which, and exit code 2 (argparse).
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from engine.findings.rules import FINDING_IDS
from engine.limits import DEFAULT_LIMITS, Limits
from engine.models import MODELS
from engine.pool import DEFAULT_POOL, Pool

MOST_READY = 512  # processes or threads; each of them costs, also when nobody comes
OWN_CAPS = (
    "20000; select at most 960; thread, thread-pool 1000, process 200, prefork its workers, "
    "iterative 1"
)
"""What the models can carry, where it is not said."""
LIMIT_OPTIONS = {
    "line_bytes": ("--limit-line", "of the request line; more is answered 414"),
    "head_bytes": ("--limit-head", "of request line and fields; more is answered 431"),
    "fields": ("--limit-fields", "header fields of a request; more is answered 431"),
    "body_bytes": ("--limit-body", "of a request's body; more is answered 413"),
    "head_s": ("--head-timeout", "for a request's head, in all; longer is answered 408"),
    "body_s": ("--body-timeout", "for a request's body, in all; longer is answered 408"),
    "idle_s": ("--idle-timeout", "between two requests; longer is closed"),
    "send_s": ("--send-timeout", "that a client may take nothing of an answer; longer is closed"),
    "connections": (
        "--max-connections",
        "open at a time; more are answered 503, in iterative and the pre-forked models they wait",
    ),
}
"""Field of Limits -> its option, and what its help says after the unit."""


def add_run_options(parser: argparse.ArgumentParser, *, model_required: bool) -> None:
    """Add them all."""
    parser.add_argument(
        "-m", "--model", required=model_required, default="epoll", type=_model,
        metavar="MODEL", help=f"one of {', '.join(MODELS)}" + ("" if model_required else " (epoll)"),
    )  # fmt: skip
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("-p", "--port", type=_port, default=7890, help="0 takes a free one (7890)")
    served = parser.add_mutually_exclusive_group()
    served.add_argument("--root", type=Path, help="folder to serve (a small site of our own)")
    served.add_argument(
        "--app",
        type=application,
        metavar="MODULE:CALLABLE",
        help="application to serve instead: WSGI, or in asyncio ASGI",
    )
    parser.add_argument(
        "--backlog",
        type=whole("connections"),
        default=128,
        help="connections that may wait for accept (128)",
    )
    parser.add_argument(
        "--short", action="store_true", help="close each connection after a response"
    )
    parser.add_argument(
        "--tick",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="pause per round in polling (0)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="when the server dies, start its model anew"
    )
    parser.add_argument(
        "--allow", action="append", default=[], type=_finding, metavar="ID",
        help=f"do not tell this finding; repeat it for others: {', '.join(FINDING_IDS)}",
    )  # fmt: skip
    _add_pool_options(parser)
    _add_limit_options(parser)


def _add_pool_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("pools", "what stands ready before the first client comes")
    group.add_argument(
        "--workers", type=_few("workers"), default=DEFAULT_POOL.workers, metavar="N",
        help=f"processes of prefork, prefork-epoll and reuseport ({DEFAULT_POOL.workers})",
    )  # fmt: skip
    group.add_argument(
        "--threads", type=_few("threads"), default=DEFAULT_POOL.threads, metavar="N",
        help=f"threads of thread-pool and reactor-pool ({DEFAULT_POOL.threads})",
    )  # fmt: skip
    group.add_argument("--exclusive", action="store_true", help="prefork-epoll with EPOLLEXCLUSIVE")


def _add_limit_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("limits", "what one connection may cost")
    for name, (option, words) in LIMIT_OPTIONS.items():
        default = getattr(DEFAULT_LIMITS, name)
        metavar, read = _unit(name)
        told = f"{default:g}" if isinstance(default, float) else default
        if default is None:
            told = OWN_CAPS
        unit = f"{metavar.lower()} " if metavar != "N" else ""
        group.add_argument(
            option, dest=name, type=read, default=default, metavar=metavar,
            help=f"{unit}{words} ({told})",
        )  # fmt: skip


def _unit(name: str) -> tuple[str, Callable[[str], int | float]]:
    if name.endswith("_s"):
        return "SECONDS", _timeout
    return ("BYTES", whole("bytes")) if name.endswith("_bytes") else ("N", whole(name))


def limits_of(asked: argparse.Namespace) -> Limits:
    """The limits that the command line says."""
    told: dict[str, Any] = {field.name: getattr(asked, field.name) for field in fields(Limits)}
    return Limits(**told)


def pool_of(asked: argparse.Namespace) -> Pool:
    """The pools that the command line says."""
    return Pool(**{field.name: getattr(asked, field.name) for field in fields(Pool)})


def _model(word: str) -> str:
    if word not in MODELS:
        raise argparse.ArgumentTypeError(f"no model {word!r}; there are {', '.join(MODELS)}")
    return word


def _finding(word: str) -> str:
    if word not in FINDING_IDS:
        raise argparse.ArgumentTypeError(f"no finding {word!r}; there are {', '.join(FINDING_IDS)}")
    return word


def application(word: str) -> str:
    """Reads `module:callable`, or `module:callable()`."""
    module, _, attribute = word.removesuffix("()").partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        raise argparse.ArgumentTypeError(f"{word!r} names no application; write module:callable")
    return word


def _port(word: str) -> int:
    if not word.isdecimal() or int(word) > 65535:
        raise argparse.ArgumentTypeError(f"{word!r} is no port; take 0 to 65535")
    return int(word)


def whole(what: str) -> Callable[[str], int]:
    """Reads a number from 1."""

    def read(word: str) -> int:
        if not word.isdecimal() or not 0 < int(word) < 2**31:
            raise argparse.ArgumentTypeError(f"{word!r} is no number of {what}")
        return int(word)

    return read


def _few(what: str) -> Callable[[str], int]:
    def read(word: str) -> int:
        if not word.isdecimal() or not 0 < int(word) <= MOST_READY:
            raise argparse.ArgumentTypeError(f"{word!r} is no number of {what} (1 to {MOST_READY})")
        return int(word)

    return read


def seconds(word: str) -> float:
    """A time, 0 included."""
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not 0 <= number < 1e9:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of seconds")
    return number


def _timeout(word: str) -> float:
    """A time after which something ends; 0 would end it before it begins."""
    if not (number := seconds(word)) >= 0.01:
        raise argparse.ArgumentTypeError(f"{word!r} is too short; take 0.01 seconds or more")
    return number
