"""What the letters of the strips mean: `A accept  r recv  H handler  s sent  _ idle`."""

from functools import lru_cache

from tui.format import Line, Span, plain
from tui.words import LETTER_ROLES

LEGEND = {"A": "accept", "r": "recv", "H": "handler", "s": "sent", "S": "unsent", "_": "idle"}
LEGEND |= {"X": "closed", "x": "by client", "~": "lost"}
LONG_LEGEND = LEGEND | {"X": "closed by server"}
SHORT_LEGEND = {"A": "new", "r": "recv", "H": "handler", "s": "sent", "S": "unsent", "_": "idle"}
SHORT_LEGEND |= {"Xx": "end", "~": "lost"}
LESS = ("~", "Xx", "A", "r", "_")  # what that leaves out, step by step


@lru_cache(maxsize=64)
def line(width: int) -> Line:
    """The letters of the strips in words; where there is little room, those that need it most."""
    short = [
        {letter: word for letter, word in SHORT_LEGEND.items() if letter not in LESS[:step]}
        for step in range(len(LESS) + 1)
    ]
    whole = [("  ", LONG_LEGEND), ("  ", LEGEND), (" ", LEGEND)]
    for gap, words in (*whole, *((" ", words) for words in short)):
        spans: list[Span] = []
        for letter, word in words.items():
            spans += [(letter, LETTER_ROLES[letter[0]]), (f" {word}{gap}", "name")]
        if len(plain(tuple(spans)).rstrip()) <= width:
            return tuple(spans)
    return ()
