"""A framework's own tests: fetched into a temporary folder, run there by pytest, counted.

The source distribution that fits the installed version comes from PyPI, and what its tests need besides;
nothing of it is kept.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OPTIONS = (
    *("-p", "no:cacheprovider"),
    *(
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ),  # what is replaced has been imported before
)
LeftOut = Mapping[str, Sequence[str]]
"""Why -> regular expressions that are found in the names of the tests."""


def fetch(framework: str, folder: Path, needs: Sequence[str] = ()) -> Path:
    """The unpacked source of the installed version; what its tests need can be imported afterwards."""
    wanted = f"{framework}=={version(framework)}"
    source = [*PIP, "download", "--no-deps", "--no-binary", ":all:", "--dest", str(folder)]
    subprocess.run([*source, wanted], check=True)
    if needs:
        library = str(folder / "library")
        subprocess.run([*PIP, "install", "--target", library, *needs], check=True)
        sys.path.append(library)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "source", filter="data")
    (root,) = (folder / "source").iterdir()
    return root


class Counting:
    """A plugin of pytest: leaves out what is to be left out, and counts."""

    def __init__(self, left_out: LeftOut) -> None:
        self.requests = 0
        """Over a socket; whoever asks adds to it."""
        self.passed = self.served = 0
        self.left_out: Counter[str] = Counter()
        self.failed: list[str] = []
        self.unused: list[str] = []
        """Words that leave out nothing: they are to be removed."""
        self._reasons = {pattern: why for why, patterns in left_out.items() for pattern in patterns}

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        used: set[str] = set()
        kept: list[pytest.Item] = []
        for item in items:
            found = [one for one in self._reasons if re.search(one, item.nodeid)]
            used.update(found)
            if found:
                self.left_out[self._reasons[found[0]]] += 1
                config.hook.pytest_deselected(items=[item])
            else:
                kept.append(item)
        self.unused = [one for one in self._reasons if one not in used]
        items[:] = kept

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        before, failed = self.requests, len(self.failed)
        result = yield
        if len(self.failed) == failed:
            self.served += self.requests > before
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(f"{report.nodeid} ({report.when})")
        elif report.skipped:
            self.left_out["skipped or expected to fail by the suite itself"] += 1
        elif report.when == "call":
            self.passed += 1

    def lines(self) -> list[str]:
        """The figures."""
        return [
            f"passed {self.passed:,}: {self.served:,} of them asked the server, "
            f"{self.requests:,} requests",
            f"failed {len(self.failed):,}",
            f"left out {self.left_out.total():,}",
            *(f"  {count:4} {why}" for why, count in self.left_out.most_common()),
            *(f"nothing is left out by {pattern!r}" for pattern in self.unused),
        ]


def run(root: Path, words: Sequence[str], counting: Counting, *plugins: object) -> int:
    """Run pytest in `root`, tell the figures; the exit status."""
    os.chdir(root)
    code = pytest.main([*OPTIONS, *words], plugins=[counting, *plugins])
    print("\n".join(counting.lines()))
    return int(code)
