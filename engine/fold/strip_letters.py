"""The letters of a strip: what a cell of it shows of all that happened in its 150 ms. Pure."""

from functools import lru_cache

from engine.events import Kind
from engine.views.snapshot import State

CELL_BIT = {kind: 1 << kind for kind in Kind}
"""A cell of the strip remembers the kinds of events that fell into it, a bit for each."""

# Which letter a cell shows: the first row whose events happened in it. What is rare goes first, so
# that one accept among a thousand sends is still seen.
_EVENT_LETTERS = [
    (CELL_BIT[Kind.CLOSE], "X"),
    (CELL_BIT[Kind.ACCEPT], "A"),
    (CELL_BIT[Kind.TICK], "~"),
    (CELL_BIT[Kind.SEND], "s"),
    (CELL_BIT[Kind.REQUEST], "H"),
    (CELL_BIT[Kind.RECV], "r"),
]
_STATE_LETTERS = {
    State.ACCEPTED: "A",
    State.READING: "r",
    State.HANDLER: "H",
    State.UNSENT: "S",
    State.IDLE: "_",
    State.CLOSED: " ",
}
STATE_SHIFT = 16  # above the event bits a finished cell holds the state it ended in, plus one
_NOT_OPEN = 0
_WAITING = {State.HANDLER, State.UNSENT}


def letter_of(happened: int, state: State | None) -> str:
    """Of a cell in which this happened, and at whose end that was the state; None: nothing was open."""
    return cell_letter(happened if state is None else happened | (state + 1) << STATE_SHIFT)


def parts_of(cell: int) -> tuple[int, State | None]:
    """What happened in a finished cell, as CELL_BITs, and the state at its end."""
    state = cell >> STATE_SHIFT
    return cell & (1 << STATE_SHIFT) - 1, State(state - 1) if state else None


@lru_cache(maxsize=4_096)  # few of all that can happen do, and each frame asks for hundreds
def cell_letter(cell: int) -> str:
    """Of a cell as a connection keeps it: bits of events, and above them a state plus one."""
    if cell == _NOT_OPEN:
        return " "
    state = State((cell >> STATE_SHIFT) - 1) if cell >> STATE_SHIFT else None
    for bit, letter in _EVENT_LETTERS:
        if cell & bit:
            # A request that is still being answered when the cell ends matters more than the
            # answers before it: that is where it waits.
            rests = state in _WAITING and letter in "sHr"
            return _STATE_LETTERS[state] if rests and state is not None else letter
    return _STATE_LETTERS[state] if state is not None else " "
