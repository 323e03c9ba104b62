"""That a server is held or slowed down by keys, in words."""

from collections.abc import Sequence

from tui.run_like import SlowMotionLike

ROUNDS = "polling"  # the model whose loop is stepped and paused by rounds


def told_of_pace(slow: SlowMotionLike | None, model: str) -> Sequence[str]:
    """In ever fewer words; empty where the server has its own pace."""
    if slow is None:
        return ()
    if slow.is_stepping:
        step = "a round" if model == ROUNDS else "an answer"
        return (f"HELD  . {step}  , run on", "HELD  . step  , run on", "HELD . ,", "HELD")
    if slow.tick_s and model == ROUNDS:
        return (f"pause {slow.tick_s:g} s a round", f"pause {slow.tick_s:g} s")
    return ()
