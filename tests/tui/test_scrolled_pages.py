"""Pages that are longer than the screen say which part of them is seen."""

import pytest

from engine.models import MODELS
from tests.tui.fake_run import FakeRun
from tests.tui.shown_app import screen, shown


async def test_a_page_says_which_lines_are_seen() -> None:
    async with shown(FakeRun(), (80, 24)) as (dashboard, pilot):
        await pilot.press("question_mark")
        foot = screen(dashboard)[-1].rstrip()
        whole = foot.partition(" of ")[2].split()[0]
        assert foot == f"↑ ↓ more, 1–22 of {whole}  esc back  q quit"
        await pilot.press("down")
        assert screen(dashboard)[-1].startswith(f"↑ ↓ more, 2–23 of {whole}")
        await pilot.press("end")
        assert f"–{whole} of {whole}" in screen(dashboard)[-1]


@pytest.mark.parametrize("key", ["m", "c"])
async def test_a_list_says_which_of_its_rows_are_seen(key: str) -> None:
    async with shown(FakeRun(), (80, 12)) as (dashboard, pilot):

        def told() -> str:
            return next(line for line in screen(dashboard) if " of " in line and "↑↓" in line)

        await pilot.press(key, "home")
        assert "1–" in told()
        await pilot.press("end")
        assert f"–{len(MODELS)} of {len(MODELS)} ↑↓" in told()
