"""A file that is too long to be read in one go holds more than one thing."""

from pathlib import Path

import pytest

from tests.support import ROOT

FOLDERS = ("engine", "tests", "tui")
LINES_MOST = 300


def python_files() -> list[Path]:
    return sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_folder_is_looked_at(folder: str) -> None:
    assert any(file.relative_to(ROOT).parts[0] == folder for file in python_files())


def test_no_python_file_is_too_long() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in python_files()
    }
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MOST} == {}
