"""How fast somebody may guess: a few times at once, then slower and slower, and never locked out.

A lock would let a stranger keep the stroke team out at night. So every wrong guess makes the next one wait, for the login
and for the address it came from, up to a minute; and a browser that its person has logged in with before has a count of its
own, which nobody else can drive up. What is not there is counted as what is.

References
----------
OWASP Authentication Cheat Sheet, and its "device cookies" against lock-out by strangers.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ledger.sessions_attempts import Attempt, Attempts
from triage.errors import TemporaryError

FORGOTTEN_S = 3600.0
"""A guess so long ago no longer counts."""


class TooFastError(TemporaryError):
    """Somebody has to wait."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many wrong attempts: wait {math.ceil(wait_s)} s and try again")
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Limit:
    """So many wrong guesses without waiting; then 1, 2, 4 ... seconds, at most `longest_s`."""

    free: int
    longest_s: float

    def wait_s(self, failures: int) -> float:
        """How long the next guess waits after so many wrong ones.

        >>> [Limit(3, 60.0).wait_s(failures) for failures in (2, 3, 4, 20)]
        [0.0, 1.0, 2.0, 60.0]
        """
        return min(self.longest_s, 2.0 ** min(failures - self.free, 30)) if failures >= self.free else 0.0


LOGIN = Limit(free=5, longest_s=60.0)
ADDRESS = Limit(free=30, longest_s=60.0)
"""A hospital often has one address for everybody."""
KNOWN_BROWSER = Limit(free=8, longest_s=60.0)
SECOND = Limit(free=5, longest_s=300.0)
"""Six digits are few: five minutes leave a guesser one chance in a thousand a day."""
TOKEN = Limit(free=10, longest_s=60.0)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who or what guesses; `name` is never kept, only a digest of it."""

    limit: Limit
    kind: str
    name: str

    @property
    def key(self) -> str:
        """What it is counted under."""
        return hashlib.sha256(f"{self.kind}.{self.name.strip().lower()}".encode()).hexdigest()


def claim(attempts: Attempts, subjects: Sequence[Subject], now_s: float) -> None:
    """Count a guess before it is looked at, so that a hundred at once are a hundred.

    Raises
    ------
    TooFastError
        One of the subjects has to wait; this is not counted as a guess.
    """
    limits = {subject.key: subject.limit for subject in subjects}

    def judge(known: list[Attempt]) -> list[Attempt]:
        if _wait_s(known, now_s):
            return []
        return [_counted(attempt, limits[attempt.subject], now_s) for attempt in known]

    wait_s = _wait_s(attempts.change(list(limits), judge), now_s)
    if wait_s:
        raise TooFastError(wait_s)


def succeeded(attempts: Attempts, subjects: Sequence[Subject], now_s: float) -> None:
    """Somebody guessed right: what was counted is forgotten, but an address only gets its last guess back."""
    shared = [subject.key for subject in subjects if subject.limit is ADDRESS]
    attempts.forget([subject.key for subject in subjects if subject.limit is not ADDRESS])
    attempts.sweep(now_s - FORGOTTEN_S)
    if shared:
        attempts.change(shared, lambda known: [_given_back(attempt) for attempt in known])


def _wait_s(known: Sequence[Attempt], now_s: float) -> float:
    return max((attempt.next_s - now_s for attempt in known if attempt.next_s > now_s), default=0.0)


def _counted(attempt: Attempt, limit: Limit, now_s: float) -> Attempt:
    old = attempt.failures if now_s - attempt.last_s < FORGOTTEN_S else 0
    return Attempt(attempt.subject, old + 1, now_s, now_s + limit.wait_s(old + 1))


def _given_back(attempt: Attempt) -> Attempt:
    return Attempt(attempt.subject, max(0, attempt.failures - 1), attempt.last_s, 0.0)
