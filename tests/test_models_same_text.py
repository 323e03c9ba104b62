"""What models have in common is the same text in each page: so that a diff shows only what differs.

It does not stand in a module of its own: what a loop receives, sends and waits for is told with the line
of the model's page (`o` in the dashboard), and a page shows where it would block.
"""

import inspect
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import pytest

LOOPS = ("prefork_epoll", "reuseport")
LEVEL_TRIGGERED = ("epoll_loop", "poll_loop", "select_loop")
LOOP_STEPS = ("turn", "talk", "answers", "transmit", "sweep", "give_up", "end")
BLOCKING = ("thread", "process", "iterative", "thread_pool", "prefork")


def texts(models: Sequence[str], find: Callable[[Any], Any]) -> set[str]:
    """The different sources that a function has in these pages."""
    return {inspect.getsource(find(import_module(f"engine.models.{name}"))) for name in models}


@pytest.mark.parametrize("step", ["talk", "send_all"])
def test_blocking_models_talk_in_the_same_words(step: str) -> None:
    assert len(texts(BLOCKING, lambda page: getattr(page, step))) == 1


@pytest.mark.parametrize("step", LOOP_STEPS)
def test_pre_forked_loops_turn_in_the_same_words(step: str) -> None:
    assert len(texts(LOOPS, lambda page: getattr(page.Loop, step))) == 1


@pytest.mark.parametrize("step", ["talk", "answers", "give_up", "sweep"])
def test_level_triggered_loops_differ_only_in_how_they_wait(step: str) -> None:
    assert len(texts(LEVEL_TRIGGERED, lambda page: getattr(page.Loop, step))) == 1


def test_all_of_them_send_in_the_same_words() -> None:
    assert len(texts((*LEVEL_TRIGGERED, *LOOPS), lambda page: page.send_some)) == 1


@pytest.mark.parametrize("step", ["talk", "answers", "transmit", "give_up"])
def test_they_serve_their_clients_as_epoll_does(step: str) -> None:
    assert len(texts(("epoll_loop", *LOOPS), lambda page: getattr(page.Loop, step))) == 1
