"""The form of sustained load: a line for each setting; enter starts it.

servetui  thread  http://127.0.0.1:7890  keep-alive
LOAD  sustained, on this server's pages

connections         16      open at a time; with a rate at most
seconds             30      until it ends by itself
rate                        due each second; empty: closed loop
"""

from dataclasses import replace
from typing import Any

from engine.load.plan import Plan, weighted_path
from tui.lines import Painter
from tui.screens.form import Form, Setting, decimal, optional, shown, whole


def paths_of(text: str) -> tuple[tuple[str, float], ...]:
    """`/a=3 /b`."""
    return tuple(weighted_path(word) for word in text.split())


SETTINGS = (
    Setting("connections", "connections", whole, "open at a time; with a rate at most"),
    Setting("seconds", "seconds", decimal, "until it ends by itself"),
    Setting("rate", "rate", optional(decimal), "due each second; empty: closed loop"),
    Setting("per_connection", "per connection", optional(whole), "requests until a close; empty: no end"),
    Setting("ramp_s", "ramp", decimal, "s until all are open, or the full rate"),
    Setting("warm_up_s", "warm-up", optional(decimal), "s left out; empty: a tenth, at most 2"),
    Setting("think_s", "think", decimal, "s before the next request; without rate"),
    Setting("slow_heads", "slow heads", whole, "beside it, send a byte each second"),
    Setting("slow_readers", "slow readers", whole, "beside it, read a kilobyte each second"),
    Setting("silent", "silent", whole, "connections beside it, send nothing"),
    Setting("paths", "paths", paths_of, "/a=3 /b: mixed by weight; empty: /"),
)  # fmt: skip
"""What they mean has room on 80 columns."""


class LoadForm(Form):
    """Ends with a word when the load is to start with `plan`, else with None."""

    def __init__(self, painter: Painter, plan: Plan) -> None:
        *numbers, _ = SETTINGS
        values = [shown(getattr(plan, setting.field)) for setting in numbers]
        paths = " ".join(f"{path}={weight:g}" for path, weight in plan.paths)
        title = (("LOAD", "title"), ("  sustained, on this server's pages", "name"))
        super().__init__(painter, title, SETTINGS, [*values, paths])
        self.plan = plan

    def take_settings(self, typed: dict[str, Any]) -> None:
        """Raises ValueError."""
        self.plan = replace(self.plan, requests=None, **typed)
