"""One line of what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """What was looked for, how much of it is allowed, and what was found; a row without a bound explains the others."""

    what: str
    bound: str
    found: str
    met: bool = True


def none_of(what: str, found: Sequence[object]) -> Row:
    """Nothing of it may be there; the first few are told."""
    told = "".join(f"\n    {each}" for each in list(found)[:5])
    return Row(what, "0", f"{len(found)}{told}", not found)


def caught(what: str, found: int) -> Row:
    """A negative control: the detector must see what was planted."""
    return Row(what, ">= 1", str(found), found >= 1)


def drawn(rows: Sequence[Row]) -> str:
    """The table as text."""
    width = max(len(row.what) for row in rows)
    lines = [f"{'':{width}}  {'bound':>7}  found", *(_line(row, width) for row in rows)]
    return "\n".join(lines) + "\n"


def _line(row: Row, width: int) -> str:
    verdict = "" if not row.bound else "  met" if row.met else "  NOT MET"
    first, _, rest = row.found.partition("\n")
    return f"{row.what:{width}}  {row.bound:>7}  {first}{verdict}" + (f"\n{rest}" if rest else "")
