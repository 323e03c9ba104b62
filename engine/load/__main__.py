"""The load process: one JSON object of settings in argv[1], JSON lines of reports on stdout.

At most five lines of progress a second, then one line with the result. SIGTERM and SIGINT end the
burst early, with the result of what was done. Exit 1, with one line on stderr, when the settings
or the URL are refused.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import sys

from engine.dying import die_with_parent
from engine.load.burst import run
from engine.load.result import Burst, BurstResult, Progress


def main() -> int:
    """Run the burst that argv asks for; returns the exit code."""
    try:
        burst = Burst.from_json(sys.argv[1] if len(sys.argv) > 1 else "")
        if burst.parent_pid is not None:
            die_with_parent(burst.parent_pid)
        raise_descriptor_limit()
        gc.freeze()  # what is imported stays: the collector need not walk it during the burst
        print_line(asyncio.run(_run_until_signalled(burst)))
    except ValueError as error:
        print(f"load: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        os._exit(1)  # nobody reads: a flush at exit would only complain
    return 0


async def _run_until_signalled(burst: Burst) -> BurstResult:
    task = asyncio.ensure_future(run(burst, print_line))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    return await task


def print_line(report: Progress | BurstResult) -> None:
    """One write a line, so that the reader never sees half of it for long."""
    sys.stdout.write(report.to_json() + "\n")
    sys.stdout.flush()


def raise_descriptor_limit() -> None:
    """A connection is a descriptor; the soft limit of 1,024 is an old default."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
