"""`servetui lab`: a failure on purpose, in the terminal: the question, both acts, the answer.

Without a name it is a course: all labs in their order, from where one was the last time.
"""

import argparse
import json
import sys
import textwrap
from collections.abc import Callable
from typing import Any

from engine.labs import LABS
from engine.labs.lab import Act, Lab, LabError
from engine.labs.playing import load, play_all
from engine.labs.told import answer_of
from engine.running.summary import finding_as_dict
from tui import course as progress

WIDTH = 78
DESCRIPTION = (
    "A failure on purpose: a question, the run, the answer with its figures, and the fix. "
    "Without a name, all of them as a course, which goes on where it was left."
)
Print = Callable[[str], int]
"""Writes to stdout; an exit code."""
Talk = Callable[[str], None]
"""Writes a line to stderr."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """What may be asked of `servetui lab`."""
    parser.add_argument(
        "name", nargs="?", type=_lab, metavar="NAME", help="one of them; see --list"
    )
    parser.add_argument("--list", action="store_true", help="the labs, a line each")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(asked: argparse.Namespace, write: Print, talk: Talk) -> int:
    """The exit code."""
    if asked.list:
        return write(listed(as_json=asked.json))
    if asked.name is not None:
        return run_one(asked.name, write, talk, as_json=asked.json)
    return course(write, talk, as_json=asked.json)


def _lab(word: str) -> str:
    if word not in LABS:
        raise argparse.ArgumentTypeError(f"no lab {word!r}: --list names them")
    return word


def listed(*, as_json: bool) -> str:
    """All labs: a JSON list, or a line each."""
    labs = [load(name) for name in LABS]
    if as_json:
        fields = ("name", "title", "question")
        return json.dumps([{field: getattr(lab, field) for field in fields} for lab in labs]) + "\n"
    width = max(map(len, LABS))
    return "".join(
        f"{number:2}  {lab.name:{width}}  {lab.title}\n" for number, lab in enumerate(labs, 1)
    )


def run_one(name: str, write: Print, talk: Talk, *, as_json: bool) -> int:
    """Play a lab: 0 when all that it claims holds, else 1. Where somebody is there to answer, the question
    comes first, and whoever leaves it leaves with 0."""
    lab = load(name)
    if not as_json and _somebody_is_there():
        return _lesson(lab, write, talk) or 0
    if not as_json:
        write(_heading(lab) + _paragraph("Question", lab.question) + _choices(lab))
        write(_paragraph("Look at", lab.look))
    acts = _acts(lab, talk)
    if acts is None:
        return 1
    write(json.dumps(report_of(lab, acts)) + "\n" if as_json else _told(lab, acts))
    return _code_of(acts)


def course(write: Print, talk: Talk, *, as_json: bool) -> int:
    """The labs one after another: those that are not done yet, asking for each answer where somebody is
    there to give it; all of them otherwise. One that cannot be played here does not end it."""
    if as_json or not _somebody_is_there():
        return max(run_one(name, write, talk, as_json=as_json) for name in LABS)
    code = 0
    for name in progress.to_do():
        write(f"\nLAB {list(LABS).index(name) + 1} of {len(LABS)}\n")
        done = _lesson(load(name), write, talk)
        if done is None:
            talk(f"here the course goes on the next time: {name}")
            return code
        code = max(code, done)
    return code


def _lesson(lab: Lab, write: Print, talk: Talk) -> int | None:
    """Ask, play it, tell what it was: the exit code. None: somebody wants to go on another time."""
    write(_heading(lab) + _paragraph("Question", lab.question) + _choices(lab))
    chosen = _chosen(lab)
    if chosen is None:
        return None
    write(_paragraph("Look at", lab.look))
    acts = _acts(lab, talk)
    if acts is None:
        return 1
    right = lab.choices[0]
    if chosen:
        write("That was right.\n" if chosen == right else f"No: {right}.\n")
    write(_told(lab, acts))
    progress.remember(lab.name)
    return _code_of(acts)


def _code_of(acts: tuple[Act, ...]) -> int:
    return 0 if all(act.holds for act in acts) else 1


def _somebody_is_there() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def report_of(lab: Lab, acts: tuple[Act, ...]) -> dict[str, Any]:
    """What `--json` ends with."""
    broken, mended = acts
    return {
        "name": lab.name,
        "title": lab.title,
        "question": lab.question,
        "holds": all(act.holds for act in acts),
        "answer": answer_of(lab, acts),
        "fix": lab.fix,
        "finding": lab.finding,
        "found": broken.found_after_s is not None,
        "found_after_s": broken.found_after_s,
        "false_findings": sorted(mended.findings.keys() - set(lab.remains)),
        "acts": [
            {
                "mended": act.mended,
                "holds": act.holds,
                "claims": [{"text": claim.text, "holds": claim.holds} for claim in act.claims],
                "figures": act.figures,
                "findings": act.findings,
                "told": [finding_as_dict(one) for one in act.told.values()],
            }
            for act in acts
        ],
    }


def _acts(lab: Lab, talk: Talk) -> tuple[Act, ...] | None:
    def say(mended: bool) -> None:
        talk(f"{lab.name}: {'mended' if mended else 'with the fault'} ...")

    try:
        return play_all(lab.name, on_act=say)
    except (LabError, OSError) as error:
        talk(str(error))
        return None


def _told(lab: Lab, acts: tuple[Act, ...]) -> str:
    lines = []
    for act in acts:
        lines.append("Mended:\n" if act.mended else "With the fault:\n")
        lines += [f"  {'yes' if claim.holds else 'NO '}  {claim.text}\n" for claim in act.claims]
        lines += [_paragraph(f"  found, {one.id}", f"{one.text}.") for one in act.told.values()]
    return "".join(lines) + _paragraph("Answer", answer_of(lab, acts)) + _paragraph("Fix", lab.fix)


def _heading(lab: Lab) -> str:
    return f"{lab.title}   ({lab.name})\n"


def _choices(lab: Lab) -> str:
    return "".join(f"  {number}  {text}\n" for number, text in enumerate(sorted(lab.choices), 1))


def _paragraph(name: str, text: str) -> str:
    return textwrap.fill(f"{name}: {text}", WIDTH, subsequent_indent="  ") + "\n"


def _chosen(lab: Lab) -> str | None:
    """Which choice the user takes; empty: none of them, but to see it. None: to go on another time."""
    while True:
        many = len(lab.choices)
        sys.stdout.write(f"Your answer (1 to {many}; enter: no answer, play it; q: leave): ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        word = line.strip()
        if not line or word == "q":
            return None
        if not word:
            return ""
        if word.isdecimal() and 1 <= int(word) <= many:
            return sorted(lab.choices)[int(word) - 1]
