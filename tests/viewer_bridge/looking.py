"""Looks at pages the way a reader does: by colour, and by the shapes of words."""

import numpy as np
from PIL import Image, ImageDraw

from viewer_bridge.pages.colour_maps import MISSING_RGB
from viewer_bridge.pages.lettering import Weight, typeface


def count(picture, rgb):
    return int((picture == np.array(rgb, np.uint8)).all(axis=-1).sum())


def where(picture, rgb):
    return np.nonzero((picture == np.array(rgb, np.uint8)).all(axis=-1))


def stamp(text, size, colour, weight=Weight.REGULAR, background=MISSING_RGB):
    """The pixels of one line of text, for looking it up on a page."""
    left, top, right, bottom = (int(edge) for edge in typeface(size, weight).getbbox(text))
    image = Image.new("RGB", (right + 2, bottom + 2), background)
    ImageDraw.Draw(image).text((0, 0), text, fill=colour, font=typeface(size, weight))
    return np.asarray(image)[top:bottom, left:right]


def shows(page, text, size, colour, weight=Weight.REGULAR):
    """Whether `text` stands anywhere on `page`, pixel for pixel: no column may differ, so that no digit can."""
    needle = stamp(text, size, colour, weight).astype(int)
    height, width = needle.shape[:2]
    offset = int(np.argmax(needle[height // 2].sum(axis=-1)))
    rows, columns = where(page, needle[height // 2, offset])
    rows, columns = rows - height // 2, columns - offset
    inside = (rows >= 0) & (columns >= 0) & (rows + height <= len(page)) & (columns + width <= len(page[0]))
    rows, columns = rows[inside], columns[inside]
    for y, x in probes(needle):
        alike = np.abs(page[rows + y, columns + x].astype(int) - needle[y, x]).max(axis=-1, initial=0) < PROBE
        rows, columns = rows[alike], columns[alike]
    patches = (
        page[row : row + height, column : column + width] for row, column in zip(rows, columns, strict=True)
    )
    return any(np.abs(patch - needle).mean(axis=(0, 2)).max() < 12 for patch in patches)


PROBE = 90
"""A pixel of a letter that is off by more is none of it: positions between two pixels change it by less."""


def probes(needle):
    """Some of the brightest pixels of a text: most places of a page are told apart by them."""
    bright = np.argwhere(needle.sum(axis=-1) > 0.9 * needle.sum(axis=-1).max())
    return bright[:: max(1, len(bright) // 24)].tolist()
