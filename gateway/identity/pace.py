"""How many requests one actor may make: a bucket that fills at a steady rate, in this process.

It keeps a broken page or a curious person from slowing the alert down; it is no proof of who somebody is, so it needs no
memory across processes. Wrong guesses are counted in the ledger (`gateway.identity.attempts`).
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_ACTORS = 10_000
"""Buckets kept; the one used longest ago goes first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests at once, then so many a second."""

    burst: float
    per_s: float


READING = Rate(2000, 100)
"""A viewer loads a study's frames at once: a thousand in a few seconds."""
CHANGING = Rate(60, 2)
"""A person's clicks, with room for a page that tries again."""


@dataclass(slots=True)
class Pace:
    """Buckets of one rate."""

    rate: Rate
    clock: Callable[[], float] = time.monotonic
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def wait_s(self, who: str) -> float:
        """Take one request out of somebody's bucket; 0, or how long to wait when it is empty.

        >>> pace = Pace(Rate(2, 1), clock=lambda: 0.0)
        >>> [pace.wait_s("a") for _ in range(3)], pace.wait_s("b")
        ([0.0, 0.0, 1.0], 0.0)
        """
        now = self.clock()
        level, since = self._buckets.pop(who, (self.rate.burst, now))
        level = min(self.rate.burst, level + (now - since) * self.rate.per_s)
        allowed = level >= 1
        self._buckets[who] = (level - 1 if allowed else level, now)
        if len(self._buckets) > MOST_ACTORS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - level) / self.rate.per_s
