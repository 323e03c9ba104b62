"""What to do where no connection is to be seen."""

from tui.format import Line, first_that_fits, fit

MORE = (
    "Press x for failures on purpose, c to compare models, ? for all keys.",
    "Press x for failures on purpose, ? for all keys.",
)
"""What a stranger does not find at the foot of the screen."""


def lines(
    url: str,
    accepted: int,
    width: int,
    *,
    is_dead: bool,
    is_filtered: bool = False,
    is_played: bool = False,
    is_held: bool = False,
) -> list[Line]:
    """What to do when there is nothing to see."""
    if is_filtered:
        todo = ["No connection matches the filter.", "Press / to change it, or esc to end it."]
    elif is_held:
        todo = ["No connection was open when the rows were held; space lets them go on."]
    elif is_played:
        todo = ["No connection is open at this time of the recording."]
    elif is_dead:
        todo = ["No connection is open, and nobody accepts any."]
        todo.append("Press R to start the server, or a digit for another model.")
    else:
        todo = ["No connection is open." if accepted else "No connection yet."]
        todo += [f"Open {url}/ in a browser,", f"or type: curl {url}/"]
        todo += ["or press b for a burst of 50 requests.", first_that_fits(MORE, width - 2)]
    return [(), *(((f"  {fit(text, width - 2)}", "hint"),) for text in todo)]
