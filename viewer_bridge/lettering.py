"""Words on pages: Pillow's bundled typeface, so that a page looks the same on every machine."""

import unicodedata
from functools import cache

from PIL import ImageFont

REPLACEMENTS = str.maketrans(
    {
        "≥": ">=",
        "≤": "<=",
        "×": "x",
        "−": "-",
        "–": "-",
        "—": "-",
        "→": "->",
        "µ": "u",
        "·": "-",
        "•": "-",
        "²": "2",
        "³": "3",
        "đ": "d",
        "Đ": "D",
        "\n": " ",
        "\t": " ",
    }
)
"""Signs the bundled typeface has no shape for, and what is written instead."""

LAST_ASCII = 0x7F
"""Code points up to here are in the bundled typeface."""


@cache
def typeface(size_px: int) -> ImageFont.FreeTypeFont:
    """Return the bundled typeface at `size_px` pixels."""
    font = ImageFont.load_default(size_px)
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101 - Pillow returns the bitmap font only without FreeType
    return font


def drawable(text: str) -> str:
    """Rewrite `text` in signs the typeface can draw; what remains unknown becomes ``?``.

    Examples
    --------
    >>> drawable("Tmax ≥ 6 s, vùng thiếu máu")
    'Tmax >= 6 s, vung thieu mau'
    """
    plain = unicodedata.normalize("NFKD", text.translate(REPLACEMENTS))
    letters = (sign for sign in plain if not unicodedata.combining(sign))
    return "".join(sign if " " <= sign <= chr(LAST_ASCII - 1) else "?" for sign in letters)


def width_px(text: str, size_px: int) -> float:
    """Width of one line of text."""
    return float(typeface(size_px).getlength(text))


def wrap(text: str, size_px: int, limit_px: float) -> list[str]:
    """Break `text` into lines no wider than `limit_px`; a single word longer than that is cut.

    Examples
    --------
    >>> wrap("one two", 16, 40.0)
    ['one', 'two']
    """
    lines = [""]
    for word in drawable(text).split():
        candidate = f"{lines[-1]} {word}".strip()
        if width_px(candidate, size_px) <= limit_px:
            lines[-1] = candidate
        else:
            lines.append(clip(word, size_px, limit_px))
    return [line for line in lines if line]


def clip(text: str, size_px: int, limit_px: float) -> str:
    """Shorten `text` with dots until it fits."""
    if width_px(text, size_px) <= limit_px:
        return text
    while text and width_px(f"{text}...", size_px) > limit_px:
        text = text[:-1]
    return f"{text}..."
