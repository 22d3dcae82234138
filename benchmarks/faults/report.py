"""Results as a table: what was tried, what was demanded, what was found."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table."""

    what: str
    bound: str
    found: str
    met: bool


def row(what: str, bound: str, found: object, *, met: bool) -> Row:
    """One line; `found` is written as text."""
    return Row(what, bound, str(found), met)


def none_of(what: str, found: Sequence[object] | int) -> Row:
    """A line for what must not happen at all; the first three finds are named."""
    count = found if isinstance(found, int) else len(found)
    shown = "" if isinstance(found, int) or not found else f": {'; '.join(map(str, found[:3]))}"
    return Row(what, "0", f"{count}{shown}", count == 0)


def at_most(what: str, bound: float, found: float, unit: str) -> Row:
    """A line for a measured value with a ceiling."""
    return Row(what, f"<= {bound:g} {unit}", f"{found:.3g} {unit}", found <= bound)


def failures(rows: Iterable[Row]) -> list[str]:
    """The lines that were missed, as sentences."""
    return [f"{line.what}: {line.found} (bound {line.bound})" for line in rows if not line.met]


def untimed(rows: Iterable[Row]) -> list[Row]:
    """Without the lines that were only late: a busy machine is late too, and a test must not depend on that."""
    return [line for line in rows if not line.bound.endswith((" s", " ms")) or line.found.startswith("inf")]


def print_table(rows: Sequence[Row]) -> None:
    """Print the lines as a Markdown table."""
    print("| what | bound | found | met |\n|---|---|---|---|")
    for line in rows:
        print(f"| {line.what} | {line.bound} | {line.found} | {'yes' if line.met else 'NO'} |")


def wait_until(reached: Callable[[], bool], timeout_s: float, pause_s: float = 0.02) -> float:
    """Seconds until `reached`; infinity when it was not in time."""
    start = time.monotonic()
    while not reached():
        if time.monotonic() - start > timeout_s:
            return float("inf")
        time.sleep(pause_s)
    return time.monotonic() - start
