"""Which destinations want a person: those for which letters have waited too long, because one is away or held back."""

from datetime import datetime, timedelta

from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.ledger.letter import Standing
from gateway.ledger.records import moment_of

HELD_UP_AFTER = timedelta(minutes=15)
"""A receiver that restarts is back before; a queue that a person holds back has not been forgotten yet."""


def standings(config: Config, ledger: Ledger) -> list[Standing]:
    """How every configured destination fares."""
    return ledger.letters.standings([destination.name for destination in config.emr.destinations])


def held_up(config: Config, ledger: Ledger, now: datetime) -> list[Standing]:
    """Destinations that are paused or away and for which a letter has waited for longer than `HELD_UP_AFTER`."""
    return [
        one
        for one in standings(config, ledger)
        if (one.paused_at or one.away_since)
        and one.oldest_at
        and now - moment_of(one.oldest_at) > HELD_UP_AFTER
    ]
