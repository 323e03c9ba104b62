"""What calls sockets is traced once, so that Python keeps the lines of it; nothing of it runs."""

import gc
import sys
import tracemalloc
from collections.abc import Iterator
from types import FrameType, ModuleType
from typing import Any

import pytest

from engine.tracing import line_arrays

MODULE = "a_module_of_lines"
SOURCE = """
from sys import _getframe as frame
ran = []
plain = lambda value: ran.append(value)
def function(one, *rest, two, three=3, **more):
    ran.append(one)
    def inner():
        return one, two
    return inner
def generator(one):
    ran.append(one)
    yield one
async def coroutine(one):
    ran.append(one)
async def stream(one):
    ran.append(one)
    yield one
def lines():
    first = frame().f_lineno
    second = frame(
        0).f_lineno
    return [first, second, frame().f_lineno]
class Thing:
    def method(self):
        ran.append(self)
    @property
    def asked(self):
        ran.append(self)
    @classmethod
    def made(cls):
        ran.append(cls)
    @staticmethod
    def alone():
        ran.append(0)
class Lazy:
    def __getattribute__(self, name):
        ran.append(name)
        raise RuntimeError(name)
lazy = Lazy()
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = ModuleType(MODULE)
    exec(compile(SOURCE, MODULE, "exec"), vars(made))
    monkeypatch.setitem(sys.modules, MODULE, made)
    return made


@pytest.fixture
def untraced() -> Iterator[None]:
    """Coverage and debuggers trace, and are left alone."""
    before = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(before)


def test_all_functions_of_a_module_are_found(module: Any) -> None:
    names = {code.co_name for code in line_arrays.code_of(MODULE)}
    assert names == {
        *("<lambda>", "function", "inner", "generator", "coroutine", "stream", "lines"),
        *("method", "asked", "made", "alone", "__getattribute__"),
    }


@pytest.mark.usefixtures("untraced")
def test_nothing_of_them_runs(module: Any) -> None:
    line_arrays.install(MODULE)
    assert module.ran == []
    assert sys.gettrace() is None


@pytest.mark.skipif(not line_arrays.HAS_ARRAYS, reason="Python 3.12 and later keep no such arrays")
@pytest.mark.usefixtures("untraced", "module")
def test_python_keeps_the_lines_of_each() -> None:
    codes = [code for code in line_arrays.code_of(MODULE) if code.co_name != "stream"]
    steps = sum(len(code.co_code) // 2 for code in codes)
    kept = []
    tracemalloc.start()
    try:
        for _ in range(3):
            before = tracemalloc.get_traced_memory()[0]
            line_arrays.install(MODULE)
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert kept[0] >= 2 * steps  # two bytes each at least
    assert kept[-1] < steps


@pytest.mark.usefixtures("untraced", "module")
def test_modules_whose_names_begin_alike_are_not_the_models(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[str] = []

    def code_of(name: str) -> tuple[()]:
        begun.append(name)
        return ()

    monkeypatch.setattr(line_arrays, "code_of", code_of)
    line_arrays.install(MODULE[:-1])
    assert not [name for name in begun if not name.startswith(line_arrays.CALLERS)]


@pytest.mark.usefixtures("module")
def test_a_debugger_is_left_alone(module: Any) -> None:
    seen: list[str] = []

    def debugger(frame: FrameType, event: str, arg: Any) -> None:
        seen.append(frame.f_code.co_name)

    before = sys.gettrace()
    sys.settrace(debugger)
    try:
        line_arrays.install(MODULE)
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(before)
    assert "generator" not in seen
    assert module.ran == []


@pytest.mark.usefixtures("untraced")
def test_lines_are_what_they_were(module: Any) -> None:
    before = module.lines()
    assert before == sorted(set(before))
    line_arrays.install(MODULE)
    assert module.lines() == before
