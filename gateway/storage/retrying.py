"""``stroke-gateway retry``: what is held back from the archive, and another try for what a person names."""

import sys
from collections.abc import Sequence

from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Stored, case_id_of
from triage.errors import ConfigError

BATCH = 500
"""Objects in one statement; databases bound how many values one may name."""
SHOWN_DIGITS = 12
"""Of a digest; the console shows as many."""


def run(config: Config, digests: Sequence[str], *, everything: bool) -> int:
    """List what is held back, or let it be tried again; returns the exit code.

    Raises
    ------
    ConfigError
        A digest names no object that is held back.
    """
    ledger = Ledger.open(config.ledger_url)
    held = ledger.holdings.held_back()
    chosen = held if everything else [item for digest in digests for item in named(held, digest)]
    if not chosen:
        sys.stdout.writelines(f"{line(item)}\n" for item in held)
        return 0
    numbers = [item.arrival_id for item in chosen]
    count = sum(
        ledger.holdings.retry(numbers[start : start + BATCH]) for start in range(0, len(numbers), BATCH)
    )
    sys.stdout.write(
        f"{count} objects are tried again; `stroke-gateway retry` lists what is held back then\n"
    )
    return 0


def named(held: Sequence[Stored], digest: str) -> list[Stored]:
    """The held-back objects whose digest begins so.

    Raises
    ------
    ConfigError
        There is none.
    """
    found = [item for item in held if digest and item.digest.startswith(digest.lower())]
    if not found:
        raise ConfigError(f"no object that is held back has a digest beginning with {digest!r}")
    return found


def line(item: Stored) -> str:
    """One object, without any person."""
    case = case_id_of(item.study_uid)
    return f"{item.digest[:SHOWN_DIGITS]}  case {case}  {item.state.value}: {item.reason}"
