"""From an address to its row in the table of rights, as the router itself reads addresses."""

import re
from functools import cache

from gateway.api.needs import Need
from gateway.api.rights import NEEDS
from gateway.team.people import Right

READING = frozenset({"GET", "HEAD", "OPTIONS"})

UNKNOWN_READ, UNKNOWN_CHANGE = Need(Right.READ), Need(Right.ADMINISTER)
"""For an address without a row."""


def need_of(method: str, path: str) -> Need:
    """What an address asks for.

    Examples
    --------
    >>> need_of("HEAD", "/cases/1").right, need_of("GET", "/no/row").right, need_of("POST", "/no/row").right
    (<Right.READ: 'read'>, <Right.READ: 'read'>, <Right.ADMINISTER: 'administer'>)
    """
    row = row_of(method, path)
    if row is not None:
        return NEEDS[row]
    return UNKNOWN_READ if method in READING else UNKNOWN_CHANGE


def row_of(method: str, path: str) -> tuple[str, str] | None:
    """The row of the table that an address belongs to, or None."""
    verb = "GET" if method in READING else method
    if (verb, path) in NEEDS:
        return verb, path
    found = _patterns(verb)
    hit = found[0].fullmatch(path)
    return (verb, found[1][int(str(hit.lastgroup).removeprefix("row"))]) if hit else None


def case_of(method: str, path: str, query: str) -> str | None:
    """The case that an address is about, or None.

    >>> case_of("GET", "/api/v1/cases/c1", ""), case_of("GET", "/api/v1/events", "case=c1"), case_of("GET", "/", "")
    ('c1', 'c1', None)
    """
    row = row_of(method, path)
    if row == ("GET", "/api/v1/events"):
        return query.removeprefix("case=") if query.startswith("case=") else None
    if row is None or "{case_id}" not in row[1]:
        return None
    hit = re.fullmatch(_expression(row[1], "(?P<case>[^/]+)"), path)
    return hit["case"] if hit else None


@cache
def _patterns(verb: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """One expression for all rows of a method that have parameters, the one with the fewest first."""
    rows = [path for method, path in NEEDS if method == verb and "{" in path]
    rows.sort(key=lambda path: (":path}" in path, path.count("{"), -len(path)))
    text = "|".join(f"(?P<row{number}>{_expression(path)})" for number, path in enumerate(rows))
    return re.compile(text or r"(?!)", re.DOTALL), tuple(rows)


def _expression(path: str, case: str = "[^/]+") -> str:
    """A route's address as a regular expression, as the router itself reads it."""
    parts = re.split(r"(\{[^}]*\})", path)
    return "".join(_part(part, case) for part in parts)


def _part(part: str, case: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    if part.endswith(":path}"):
        return ".*"
    return case if part == "{case_id}" else "[^/]+"
