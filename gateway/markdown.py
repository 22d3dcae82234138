"""Tables of Markdown, for documents that are written from the program's own tables."""

from collections.abc import Iterable, Sequence
from enum import Enum

from pydicom.uid import UID


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""A Markdown table.

    >>> table(("a", "b"), [(1, "x|y")]).splitlines()[-1]
    '| 1 | x\\|y |'
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def named(uid: str) -> tuple[str, str]:
    """A UID and its name in PS3.6."""
    return UID(uid).name, f"`{uid}`"


def statuses(kind: type[Enum]) -> str:
    """Codes and names of an enumeration of statuses."""
    return table(
        ("status", "name"), [(f"{each.value:04X}", each.name.lower().replace("_", " ")) for each in kind]
    )
