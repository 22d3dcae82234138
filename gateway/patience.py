"""How long we wait between attempts: seconds first, then minutes, then hours, without end."""

from collections.abc import Iterator
from itertools import chain, repeat

BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
LONGEST_BACKOFF_S = 3600.0
"""Nothing is given up while its receiver may come back: after eight hours of outage the first try is within the hour."""


def backoff_s() -> Iterator[float]:
    """Waiting times between attempts, without end."""
    return chain(BACKOFF_S, repeat(LONGEST_BACKOFF_S))


def pause_s(attempts: int) -> float:
    """The waiting time after so many attempts.

    >>> pause_s(1), pause_s(6), pause_s(12), pause_s(100)
    (0.5, 30.0, 3600.0, 3600.0)
    """
    return BACKOFF_S[attempts - 1] if 0 < attempts <= len(BACKOFF_S) else LONGEST_BACKOFF_S
