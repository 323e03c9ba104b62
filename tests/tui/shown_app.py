"""The app as it is shown to a pilot, and its screen as text."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from tui.app import Dashboard
from tui.run_like import RunLike


@asynccontextmanager
async def shown(
    run: RunLike, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Dashboard, Pilot[None]]]:
    """A dashboard that moves only when it is told to."""
    run.poll()
    dashboard = Dashboard(run, frames_per_s=12, beats=False)
    async with dashboard.run_test(size=size) as pilot:
        await pilot.pause()
        yield dashboard, pilot


def screen(dashboard: Dashboard) -> list[str]:
    """What the terminal shows, a text for each line."""
    return [strip.text for strip in dashboard.screen._compositor.render_strips()]
