"""How a phantom's walk ends, and what a row of ends means."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.ledger.records import moment_of
from gateway.ledger.sources_phantoms import Walk

FAILURES = 2
"""In a row: one may be a restart that was just under way."""


class Outcome(StrEnum):
    """How a walk ended."""

    CAME_THROUGH = "came_through"
    DIFFERS = "differs"
    """With other numbers than it was made with."""
    STUCK = "stuck"
    """Not in its time."""
    GAVE_WAY = "gave_way"
    """To a patient."""
    INTERRUPTED = "interrupted"
    """By a restart."""

    @property
    def is_failure(self) -> bool:
        """Whether something is wrong with the way."""
        return self in {Outcome.DIFFERS, Outcome.STUCK}

    @property
    def is_soon_repeated(self) -> bool:
        """Whether the next walk need not wait for its hour."""
        return self is not Outcome.CAME_THROUGH


def trouble_of(latest: Sequence[Walk]) -> str | None:
    """What is wrong by the latest walks, youngest first; an empty word when the last that says anything came through.

    None: nothing is known that would open or close a trouble.
    """
    telling = [
        walk
        for walk in latest
        if walk.outcome and (Outcome(walk.outcome).is_failure or walk.outcome == Outcome.CAME_THROUGH)
    ]
    if not telling:
        return None
    if telling[0].outcome == Outcome.CAME_THROUGH:
        return ""
    failed = [walk for walk in telling[:FAILURES] if Outcome(walk.outcome or "").is_failure]
    return _words(telling[0]) if len(failed) == FAILURES else None


def _words(walk: Walk) -> str:
    if walk.outcome == Outcome.DIFFERS:
        return f"the phantom came through with other numbers than it was made with: {walk.detail}"
    return f"the phantom did not come through: {walk.detail}"


def no_gap(latest: Sequence[Walk], started: datetime, now: datetime, longest: timedelta) -> str:
    """What to say when no phantom has found its way between patients for too long; nothing otherwise."""
    through = [moment_of(walk.begun_at) for walk in latest if walk.outcome == Outcome.CAME_THROUGH]
    failed = any(Outcome(walk.outcome).is_failure for walk in latest[:1] if walk.outcome)
    if failed or now - max([started, *through]) <= longest:
        return ""
    hours = longest.total_seconds() / 3600
    return (
        f"no phantom has come through for more than {hours:.0f} h because there was always a study being received or "
        "analysed: look whether one of them is stuck"
    )
