"""Words on pages and in reports: one embedded typeface, so that they look the same on every machine.

IBM Plex Sans Condensed (SIL Open Font License 1.1) has every Vietnamese and French letter and digits of equal width.
"""

import unicodedata
from enum import StrEnum
from functools import cache
from pathlib import Path

from fontpkg_ibm_plex_sans_condensed import ROOT
from PIL import ImageFont

REPLACEMENTS = str.maketrans(
    {"μ": "µ", "\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "\n": " ", "\t": " "}
)
"""Signs the typeface has no shape for, and what is written instead."""

UNKNOWN = "?"
"""Stands for a letter that the typeface cannot draw in any form."""

ELLIPSIS = "…"


class Weight(StrEnum):
    """Cuts of the typeface; numbers that decide and titles are the strong ones."""

    REGULAR = "Regular"
    STRONG = "SemiBold"


def font_file(weight: Weight = Weight.REGULAR) -> Path:
    """Where the TrueType file of a cut lies."""
    return Path(ROOT) / "files" / f"IBMPlexSansCondensed-{weight}.ttf"


@cache
def typeface(size_px: int, weight: Weight = Weight.REGULAR) -> ImageFont.FreeTypeFont:
    """Return a cut of the typeface at `size_px` pixels, laid out plainly: the same with and without text shapers."""
    return ImageFont.truetype(font_file(weight), size_px, layout_engine=ImageFont.Layout.BASIC)


@cache
def has_shape(sign: str) -> bool:
    """Whether the typeface can draw a character.

    Examples
    --------
    >>> has_shape("ễ"), has_shape("脑")
    (True, False)
    """
    return sign.isspace() or bytes(typeface(20).getmask(sign)) != _no_shape()


@cache
def _no_shape() -> bytes:
    """Picture of what the typeface draws for a code point that no font has."""
    return bytes(typeface(20).getmask("\ue123"))


def drawable(text: str) -> str:
    """Rewrite `text` in signs the typeface can draw: without an accent it does not know, as ``?`` when nothing helps.

    Examples
    --------
    >>> drawable("Tmax ≥ 6 s, vùng thiếu máu 脑")
    'Tmax ≥ 6 s, vùng thiếu máu ?'
    """
    composed = unicodedata.normalize("NFC", text.translate(REPLACEMENTS))
    return "".join(_nearest(sign) for sign in composed if sign.isprintable())


def _nearest(sign: str) -> str:
    if has_shape(sign):
        return sign
    plain = unicodedata.normalize("NFKD", sign)
    bare = "".join(part for part in plain if not unicodedata.combining(part) and has_shape(part))
    return bare or UNKNOWN


def width_px(text: str, size_px: int, weight: Weight = Weight.REGULAR) -> float:
    """Width of one line of text."""
    return float(typeface(size_px, weight).getlength(text))


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
    while text and width_px(f"{text}{ELLIPSIS}", size_px) > limit_px:
        text = text[:-1]
    return f"{text}{ELLIPSIS}"
