"""Roles -> styles, for dark and for light backgrounds.

The colours are those of Okabe and Ito, which people with any colour vision tell apart; on light
backgrounds darker ones of the same hues. Colour never stands alone: a letter, a word or a mark says
the same.
"""

from rich.style import Style

ROLES: dict[str, tuple[str, str, str]] = {
    # role: colour on dark, colour on light, attributes
    "text": ("#e0e0e0", "#1f1f1f", ""),
    "name": ("#9a9a9a", "#5f5f5f", ""),
    "value": ("#ffffff", "#000000", "bold"),
    "title": ("#56b4e9", "#005a8c", "bold"),
    "model": ("#ffffff", "#000000", "bold"),
    "heading": ("#9a9a9a", "#5f5f5f", "underline"),
    "hint": ("#b8b8b8", "#454545", ""),
    "bar": ("#56b4e9", "#00639c", ""),
    "key": ("#e69f00", "#8f4d00", "bold"),
    "chosen": ("#ffffff", "#000000", "bold reverse"),
    "warning": ("#ff7059", "#b3261e", "bold"),
    "alert": ("#ffffff", "#ffffff", "bold"),
    "accepted": ("#56b4e9", "#00639c", ""),
    "reading": ("#f0e442", "#6b6100", ""),
    "handler": ("#e69f00", "#a35200", "bold"),
    "unsent": ("#e08bbb", "#9c3f72", "bold"),
    "idle": ("#2fbf94", "#00704f", ""),
    "sent": ("#2fbf94", "#00704f", "bold"),
    "closed": ("#808080", "#6a6a6a", ""),
    "torn": ("#ff7059", "#b3261e", "bold"),
}
ALERT_BACKGROUND = "#a01818"


def styles(*, is_dark: bool, background: str | None) -> dict[str, Style]:
    """The style of each role. `background` None: the terminal's own."""
    return {role: _style(role, is_dark, background) for role in ROLES}


def _style(role: str, is_dark: bool, background: str | None) -> Style:
    on_dark, on_light, attributes = ROLES[role]
    return Style.parse(attributes) + Style(
        color=on_dark if is_dark else on_light,
        bgcolor=ALERT_BACKGROUND if role == "alert" else background,
    )
