"""What a person may do about a destination: hold its queue back, and let it go on."""

from datetime import datetime

import structlog

from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import utc_text
from triage.errors import InputError

log = structlog.get_logger()

LONGEST_NAME = 64
"""Characters kept of who paused."""


def pause(config: Config, ledger: Ledger, name: str, by: str, now: datetime) -> str:
    """Keep everything for a destination until it is resumed; returns what was done, in words.

    Raises
    ------
    InputError
        There is no such destination.
    """
    _require(config, name)
    if ledger.letters.standing(name).paused_at:
        return "it is paused already"
    ledger.letters.note(name, paused_at=utc_text(now), paused_by=by[:LONGEST_NAME])
    log.warning("destination paused", destination=name, by=by)
    return "it is paused; its queue is kept"


def resume(config: Config, ledger: Ledger, name: str, by: str) -> str:
    """Let a destination's queue go on at once; returns what was done, in words.

    Raises
    ------
    InputError
        There is no such destination.
    """
    _require(config, name)
    if not ledger.letters.standing(name).paused_at:
        return "it was not paused"
    ledger.letters.wake(name)
    ledger.letters.note(name, paused_at=None, paused_by=None)
    log.warning("destination resumed", destination=name, by=by)
    return "it goes on"


def _require(config: Config, name: str) -> None:
    names = [destination.name for destination in config.emr.destinations]
    if name not in names:
        known = ", ".join(names) or "none"
        raise InputError(f"there is no destination {name[:LONGEST_NAME]!r}; configured: {known}")
