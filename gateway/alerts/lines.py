"""Text that may stand in an alert: one line, printable, and no longer than a phone shows."""

LONGEST_LINE = 300
"""Characters of one line; a phone shows less, a text message carries about this much."""

LONGEST_HEADLINE = 60
"""Characters of a title that lock screens show whole."""

FRAME = 60
"""Room for the words around a reason, which must not be cut off."""


def single(text: str, longest: int = LONGEST_LINE) -> str:
    """One line without control characters, cut with an ellipsis.

    >>> single("motion" + chr(10) + " 12 mm", 9)
    'motion 1…'
    """
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def within(text: str) -> str:
    """Words that stand inside a line."""
    return single(text, LONGEST_LINE - FRAME)


def short(text: str) -> str:
    """A title."""
    return single(text, LONGEST_HEADLINE)


def fitting(*titles: str) -> str:
    """The first title that fits on a lock screen; the last one is cut if it must be."""
    return short(next((title for title in titles if len(title) <= LONGEST_HEADLINE), titles[-1]))
