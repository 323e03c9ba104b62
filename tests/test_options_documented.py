"""The README tells each limit with the default that it has."""

from dataclasses import fields

from engine.limits import DEFAULT_LIMITS
from tests.support import ROOT
from tui.run_options import LIMIT_OPTIONS

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_each_limit_stands_in_the_readme_with_its_default() -> None:
    assert [field.name for field in fields(DEFAULT_LIMITS)] == list(LIMIT_OPTIONS)
    for name, (option, _) in LIMIT_OPTIONS.items():
        default = getattr(DEFAULT_LIMITS, name)
        begins = f"| `{option}` |" if default is None else f"| `{option}` | {default:.0f} |"
        assert f"\n{begins}" in README
