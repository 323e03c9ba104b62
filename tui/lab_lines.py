"""What the page of the labs shows, as lines: the list, a question, a run, an answer. Pure."""

from collections.abc import Sequence, Set

from engine.events import Event
from engine.labs import server_of
from engine.labs.lab import Act, Claim, Figure, Lab
from engine.labs.told import Scene, Told, answer_of
from engine.models import MODELS
from engine.views.rooms import rooms_of
from tui.format import Line, first_that_fits, fit, flowed, padded, part_of, plain, wrapped
from tui.panels import connections, events, rooms, server, workers

NUMBER_WIDTH, NAME_WIDTH = 4, 21
MARK_WIDTH = 10  # cursor, number and box
QUESTION_LINES = 4  # below the list, of the lab at the cursor; two more tell what the rows do not
ROOM_LINES = 3  # of the server that is looked at
SERVER_LINES = 4
LEAST_ROWS, TITLE_LINES = 3, 2  # of the connections
LEAST_EVENTS = 3
SINGLE = 2  # workers: what one process with a helper has is no division of work
KEPT_LINES = 15  # of the scene that is kept
UNITS = {"us": "us", "ms": "ms", "s": "s", "kb": "KB", "mb": "MB", "percent": "%"}
"""The last word of a figure's name -> its unit."""
HINT = "  failures on purpose, each in a server of its own"


def listed(labs: Sequence[Lab], done: Set[str], cursor: int, width: int, height: int) -> list[Line]:
    """The list, scrolled so that the cursor is seen, and the question of the lab at the cursor. Where a
    row has no room for names and titles, the one at the cursor has both told below."""
    has_names, has_titles = _what_fits(labs, width)
    cursors = labs[cursor]
    below = (
        [] if has_names and has_titles else wrapped(f"{cursors.name}: {cursors.title}", width - 2)
    )
    rows = max(min(len(labs), height - QUESTION_LINES - len(below) - 3), 3)
    first = min(max(cursor - rows // 2, 0), max(len(labs) - rows, 0))
    seen = part_of(first, rows, len(labs))
    told: Line = (
        ("LABS", "title"), (f"  {len(done)} of {len(labs)} done", "value"),
        (f"  {seen}" if seen else "", "name"),
    )  # fmt: skip
    title: Line = (*told, (first_that_fits((HINT, ""), width - len(plain(told))), "name"))
    shown = [
        _row(
            number,
            _told(labs[number], has_names, has_titles),
            labs[number].name in done,
            number == cursor,
            width,
        )
        for number in range(first, min(first + rows, len(labs)))
    ]
    question = wrapped(cursors.question, width - 2)
    return [
        (), title, *shown, (),
        *[((f"  {part}", "value"),) for part in below],
        *[((f"  {part}", "text"),) for part in question],
    ]  # fmt: skip


def _what_fits(labs: Sequence[Lab], width: int) -> tuple[bool, bool]:
    """Whether names and whether titles have room in the rows, uncut."""
    longest = max(len(lab.title) for lab in labs)
    if width >= MARK_WIDTH + NAME_WIDTH + longest:
        return True, True
    return (False, True) if width >= MARK_WIDTH + longest else (True, False)


def _told(lab: Lab, has_names: bool, has_titles: bool) -> str:
    if has_names and has_titles:
        return f"{lab.name:{NAME_WIDTH}}{lab.title}"
    return lab.title if has_titles else lab.name


def _row(number: int, told: str, is_done: bool, is_chosen: bool, width: int) -> Line:
    role = "chosen" if is_chosen else "text"
    cursor = "> " if is_chosen else "  "
    mark = "[x]" if is_done else "[ ]"
    text = f"{number + 1:2}  {mark} {told}"
    return padded(((cursor, "key"), (fit(text, width - len(cursor)), role)), width, role)


def heading(lab: Lab, number: int, labs: int, width: int) -> list[Line]:
    """Which one it is."""
    place = f"LAB {number} of {labs}"
    first, *rest = wrapped(lab.title, width - len(place) - 2)
    indent = " " * (len(place) + 2)
    return [
        (),
        ((place, "title"), (f"  {first}", "value")),
        *(((indent + part, "value"),) for part in rest),
    ]


def question(lab: Lab, width: int) -> list[Line]:
    """What is asked, and the answers to choose from."""
    lines: list[Line] = [(), *_paragraph("Question", lab.question, width), ()]
    for number, choice in enumerate(sorted(lab.choices), 1):
        parts = wrapped(choice, width - NUMBER_WIDTH)
        lines.append(((f" {number}  ", "key"), (parts[0], "text")))
        lines += [((" " * NUMBER_WIDTH + part, "text"),) for part in parts[1:]]
    return [*lines, (), *_paragraph("Look at", lab.look, width)]


def run(lab: Lab, told: Told, width: int, height: int) -> list[Line]:
    """The lab's server while it is played, and what has shown so far."""
    lines = [line for act in told.acts for line in _act(act, width)]
    scene = told.scene
    mended = bool(told.acts)
    seconds = f"{scene.seconds:.1f} s" if scene else "its server starts"
    place = f"  in a server of its own, {scene.status.url}" if scene and scene.status.url else ""
    lines.append(
        (
            (_name(mended=mended), "title"),
            (f"  {seconds}", "value"),
            (fit(place, width - 24), "name"),
        )
    )
    lines += _paragraph("Look at", lab.look, width)
    if scene is None:
        return lines
    lines += _claims(scene.claims, width) + _figures(scene.figures, width)
    for found in scene.findings[:1]:
        lines += _paragraph(f"Found, {found.id}", f"{found.text}.", width)[:2]
    return [*lines, (), *_server(scene, width, height - len(lines) - 1)]


def tells_more(scene: Scene, than: Scene | None) -> bool:
    """Whether it is the one to keep: a failure that is found, or a connection, and the later the better."""
    return than is None or _telling(scene) >= _telling(than)


def _telling(scene: Scene) -> tuple[bool, bool]:
    return bool(scene.findings), scene.snapshot.counts.open > 0


def answer(lab: Lab, told: Told, chosen: str | None, scene: Scene | None, width: int) -> list[Line]:
    """What it was, with the figures of this run, the fix for comparison, and `scene`, with the fault."""
    right = lab.choices[0]
    lines: list[Line] = []
    if chosen is not None:
        verdict = "That was right" if chosen == right else f"Your answer was: {chosen}. No"
        lines += _paragraph(verdict, f"{right}.", width)
    else:
        lines += _paragraph("Right is", f"{right}.", width)
    lines += _paragraph("Answer", answer_of(lab, told.acts), width)
    lines += _paragraph("Fix", lab.fix, width)
    for act in told.acts:
        lines += [(), *_act(act, width)]
        for name, seconds in act.findings.items():
            found = f"found after {seconds:.1f} s, {name}: {act.told[name].text}."
            lines += [((f"  {part}", "warning"),) for part in wrapped(found, width - 2)]
    if scene is None:
        return lines
    title: Line = ((_name(mended=False), "title"), (f"  at {scene.seconds:.1f} s", "value"))
    return [*lines, (), title, *_server(scene, width, KEPT_LINES)]


def _act(act: Act, width: int) -> list[Line]:
    title: Line = ((_name(mended=act.mended), "title"),)
    return [title, *_claims(act.claims, width), *_figures(act.figures, width)]


def _name(*, mended: bool) -> str:
    return "MENDED" if mended else "WITH THE FAULT"


def _claims(claims: Sequence[Claim], width: int) -> list[Line]:
    lines: list[Line] = []
    for claim in claims:
        first, *rest = wrapped(claim.text, width - 7)
        mark = ("  yes  ", "idle") if claim.holds else ("  NO   ", "warning")
        lines += [(mark, (first, "text")), *(((" " * 7 + part, "text"),) for part in rest)]
    return lines


def _figures(figures: dict[str, Figure], width: int) -> list[Line]:
    told = [(_figure(name, value), "name") for name, value in figures.items()]
    return [(("  ", "text"), *line) for line in flowed(told, width - 2) if plain(line)]


def _figure(name: str, value: Figure) -> str:
    """`waited 1,500 ms` of `waited_ms`."""
    if name.endswith("per_s"):
        return f"{name.removesuffix('per_s').replace('_', ' ')}{_value(value)}/s"
    if isinstance(value, str):
        return f"{name}: {value}"
    *words, last = name.split("_")
    if last not in UNITS:
        return f"{' '.join([*words, last])} {_value(value)}"
    return f"{' '.join([*words, _value(value)])} {UNITS[last]}"


def _value(value: Figure) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _server(scene: Scene, width: int, height: int) -> list[Line]:
    """As the dashboard shows it, in so many lines: its numbers, its connections, its workers where there
    are several, its last events, as far as there is room."""
    snapshot, status = scene.snapshot, scene.status
    known = rooms_of(snapshot, scene.numbers, scene.kernel, is_traced=status.thinning == 1)
    lines = rooms.lines(known, scene.kernel, width, ROOM_LINES)
    lines += server.lines(snapshot, scene.numbers, status, width, SERVER_LINES)
    spare = height - len(lines)
    below = _workers(scene, width, spare)
    if snapshot.rows:
        events_most = 0 if below else LEAST_EVENTS + 2
        rows = min(snapshot.rows, max(spare - len(below) - events_most - TITLE_LINES, LEAST_ROWS))
        look = connections.Look()
        lines.append(connections.title(snapshot, rows, width, look))
        lines += connections.table(snapshot, width, rows, look)
    lines += below
    return lines + _events(scene, width, height - len(lines))


def _workers(scene: Scene, width: int, height: int) -> list[Line]:
    """Where there are several, in half of the room at most; nothing where that is too little."""
    told = workers.lines(scene.snapshot, width, None, scene.kernel.queues)[: height // 2]
    is_divided = len(scene.snapshot.worker_views) > SINGLE
    return told if is_divided and len(told) > workers.HEADINGS + SINGLE else []


def _events(scene: Scene, width: int, height: int) -> list[Line]:
    """The last ones, if there is room for a few of them."""
    if height < LEAST_EVENTS + 2 or not scene.snapshot.events:
        return []
    began_ns = scene.snapshot.now_ns - int(scene.seconds * 1e9)
    module = (server_of(scene.status.model) or MODELS[scene.status.model]).rpartition(".")[2]

    def place(event: Event) -> str:
        return f"{module}.py:{event.line}" if event.line else ""

    context = (began_ns, scene.snapshot.numbers, place)
    told = events.lines(scene.snapshot.events, context, width, height - 2)
    return [
        (),
        (("EVENTS", "title"), ("  seconds since the script began, newest last", "name")),
        *told,
    ]


def _paragraph(name: str, text: str, width: int) -> list[Line]:
    """A text after its name."""
    first, *rest = wrapped(f"{name}: {text}", width)
    return [
        ((first[: len(name) + 1], "key"), (first[len(name) + 1 :], "text")),
        *(((part, "text"),) for part in rest),
    ]
