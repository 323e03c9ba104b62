"""The load process: one JSON object of settings in argv[1], JSON lines of reports on stdout.

The settings are a Plan (`"kind": "plan"`) or a Burst. At most five lines of progress a second, then
one line with the result. SIGTERM and SIGINT end the load early, with the result of what was done.
Exit 1, with one line on stderr, when the settings or the URL are refused.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Coroutine
from typing import Any, Protocol

from engine.dying import die_with_parent
from engine.load.plan import Plan
from engine.load.result import Burst, as_object


class Told(Protocol):
    """What a line of stdout tells."""

    def to_json(self) -> str: ...


def main() -> int:
    """Run what argv asks for; returns the exit code."""
    try:
        told = sys.argv[1] if len(sys.argv) > 1 else ""
        is_plan = as_object(told).get("kind") == "plan"
        _run_plan(Plan.from_json(told)) if is_plan else _run_burst(Burst.from_json(told))
    except ValueError as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os._exit(1)  # nobody reads: a flush at exit would only complain
    return 0


def _run_plan(plan: Plan) -> None:
    _prepare(plan.parent_pid)

    from engine.load import sustained
    from engine.load.readiness import Loop

    gc.freeze()  # what is imported stays: the collector need not walk it during the load
    with asyncio.Runner(loop_factory=Loop) as runner:
        print_line(runner.run(_until_signalled(sustained.run(plan, print_line))))


def _run_burst(burst: Burst) -> None:
    _prepare(burst.parent_pid)

    from engine.load import burst as bursting  # httpx takes longer to import than a short run

    gc.freeze()
    print_line(asyncio.run(_until_signalled(bursting.run(burst, print_line))))


def _prepare(parent_pid: int | None) -> None:
    if parent_pid is not None:
        die_with_parent(parent_pid)
    raise_descriptor_limit()


async def _until_signalled(load: Coroutine[Any, Any, Told]) -> Told:
    task = asyncio.ensure_future(load)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    return await task


def print_line(report: Told) -> None:
    """One write a line, so that the reader never sees half of it for long."""
    sys.stdout.write(report.to_json() + "\n")
    sys.stdout.flush()


def raise_descriptor_limit() -> None:
    """A connection is a descriptor; the soft limit of 1,024 is an old default."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
