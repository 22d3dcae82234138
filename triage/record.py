"""What is written down on the way of an analysis."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from triage.types import QualityFlag


@dataclass(frozen=True, slots=True)
class Record:
    """What is written down on the way, also when the scan is refused."""

    clock: Callable[[], float]
    timing_s: dict[str, float] = field(default_factory=dict)
    quality: list[QualityFlag] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent in the block to the stage's time."""
        start = self.clock()
        try:
            yield
        finally:
            self.timing_s[name] = self.timing_s.get(name, 0.0) + self.clock() - start
