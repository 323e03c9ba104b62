"""The README and `serve --help` tell each limit with the default that it has."""

import argparse
import re
from dataclasses import fields
from functools import partial

import pytest

from engine.limits import DEFAULT_LIMITS
from engine.models import MODELS, source_of
from tests.support import ROOT
from tui.run_options import LIMIT_OPTIONS, add_run_options

README = (ROOT / "README.md").read_text(encoding="utf-8")


def help_of(option: str) -> str:
    """What `serve --help` says of an option, on one line."""
    parser = argparse.ArgumentParser(formatter_class=partial(argparse.HelpFormatter, width=1000))
    add_run_options(parser, model_required=True)
    said = " ".join(parser.format_help().split())
    return re.split(rf" {option} \w+ ", said)[-1].partition(" --")[0]


def row_of(option: str) -> str:
    """Its line of the README."""
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{option}` |")]
    return row


def own_caps() -> dict[str, int]:
    """Of models that carry fewer connections than the others, as their pages have it."""
    found = {}
    for model in MODELS:
        page = source_of(MODELS[model]).read_text(encoding="utf-8")
        if number := re.search(r"^CONNECTIONS = ([0-9_]+)\b", page, re.MULTILINE):
            found[model] = int(number[1])
    return {model: cap for model, cap in found.items() if cap != 20_000}


def test_each_limit_has_an_option() -> None:
    assert [field.name for field in fields(DEFAULT_LIMITS)] == list(LIMIT_OPTIONS)


@pytest.mark.parametrize("name", [name for name in LIMIT_OPTIONS if name != "connections"])
def test_each_limit_is_told_with_its_default(name: str) -> None:
    option, _ = LIMIT_OPTIONS[name]
    default = f"{getattr(DEFAULT_LIMITS, name):.0f}"
    assert row_of(option).startswith(f"| `{option}` | {default} |")
    assert f"({default})" in help_of(option)


def test_the_cap_of_each_model_is_told() -> None:
    caps = own_caps()
    assert {"thread", "thread-pool", "process", "iterative"} <= set(caps)
    for told in (row_of("--max-connections").replace("`", ""), help_of("--max-connections")):
        assert "20000" in told
        for model, cap in (caps | {"select": 960}).items():
            assert re.search(rf"\b{model}\b[^;|)]*? (at most )?{cap}\b", told), (model, told)
        assert "prefork its workers" in told
