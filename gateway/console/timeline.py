"""Where the time of one case went, from its last image to the acknowledgement, as a bar and in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import log10

from gateway.console import wording
from gateway.console.wording import seconds_between
from gateway.ledger.cases import ALERT_TIMES

CHAIN = (
    ("Proven complete", "machine", ("complete_at",)),
    ("Computing begun", "machine", ("compute_started_at",)),
    ("Computed", "machine", ("compute_ended_at", "analysed_at")),
    ("Alert sent", "machine", ("alert_sent_at",)),
    ("Alert delivered", "machine", ("alert_delivered_at",)),
    ("Alert opened", "people", ("alert_opened_at",)),
    ("Acknowledged", "people", ("acknowledged_at",)),
)
"""What ends each segment, who is at work in it, and its time: the first of these names that is known."""

BESIDE = (("Result in the archive", "published_at"), ("EMR accepted", "emr_accepted_at"))
"""What happens beside the chain, since the alert."""

LEAST_WIDTH = 7.0
"""Percent of the bar: a number of one digit stays readable on a screen of 360 pixels."""

SOFTENED_S = 0.1
"""Segments grow with the logarithm of their time from here on, so that a fifth of a second and ten minutes fit."""

EDGE = 12.0
"""Percent of the bar within which a label is set flush with its end."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the bar; positions are percent of its length."""

    name: str
    who: str
    number: int = 0
    at: str | None = None
    took: str = wording.NOTHING
    total: str = wording.NOTHING
    left: float = 0.0
    width: float = 0.0

    @property
    def is_alert(self) -> bool:
        """Whether this ends with the alert."""
        return self.name == "Alert sent"

    @property
    def centre(self) -> float:
        """The middle of the piece."""
        return self.left + self.width / 2

    @property
    def anchor(self) -> str:
        """How the label is set, so that it stays inside."""
        if self.centre < EDGE:
            return "start"
        return "end" if self.centre > 100 - EDGE else "middle"

    @property
    def label_at(self) -> float:
        """Where the label is set."""
        return {"start": self.left, "end": self.left + self.width}.get(self.anchor, self.centre)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of a case, drawn."""

    times: Mapping[str, str | None]

    @property
    def origin(self) -> str | None:
        """The last image that the result waited for; images of other series may come long after the alert."""
        return self.times["last_perfusion_image_at"] or self.times["last_image_at"]

    @property
    def alerted(self) -> str | None:
        """When the alert was sent; None while there is none, or where that of an earlier revision stands."""
        return self._of_now("alert_sent_at")

    @property
    def segments(self) -> list[Segment]:
        """What has happened, in the order in which it did."""
        known = ((self._first(names), name, who) for name, who, names in CHAIN)
        happened = sorted(((at, name, who) for at, name, who in known if at), key=lambda end: end[0])
        moments = [self.origin or "", *(at for at, _, _ in happened)]
        took = [_passed(start, end) for start, end in pairwise(moments)]
        broad = widths(took)
        lefts = accumulate(broad, initial=0.0)
        return [
            Segment(name, who, number, at, short(seconds), short(_passed(moments[0], at)), left, width)
            for number, ((at, name, who), seconds, left, width) in enumerate(
                zip(happened, took, lefts, broad, strict=False), start=1
            )
        ]

    @property
    def rows(self) -> list[Segment]:
        """What has happened, and what is still to come."""
        happened = self.segments
        places = [name for name, _, _ in CHAIN]
        latest = max((places.index(segment.name) for segment in happened), default=-1)
        awaited = [(name, who) for name, who, names in CHAIN[latest + 1 :] if not self._is_past(names[0])]
        return [*happened, *(Segment(name, who) for name, who in awaited)]

    @property
    def beside(self) -> list[tuple[str, str | None, str]]:
        """Name, moment, and time since the alert, or since the result where no alert followed it."""
        start = self.alerted or self.times["analysed_at"]
        moments = [(name, self.times[end]) for name, end in BESIDE]
        return [(name, at, _text(seconds_between(start, at))) for name, at in moments]

    def _first(self, names: tuple[str, ...]) -> str | None:
        return next((at for name in names if (at := self._of_now(name))), None)

    def _of_now(self, name: str) -> str | None:
        return None if self._is_past(name) else self.times[name]

    def _is_past(self, name: str) -> bool:
        """Whether this is of an alert that rang before the images of this revision came."""
        at = self.times[name]
        return name in ALERT_TIMES and at is not None and at < (self.origin or "")


def widths(seconds: list[float]) -> list[float]:
    """Percent of the bar for segments of so many seconds: each gets the least, the logarithms share the rest.

    >>> [round(width) for width in widths([0.2, 2.7, 600.0])]
    [14, 27, 59]
    """
    weights = [log10(1 + value / SOFTENED_S) for value in seconds]
    rest = 100 - LEAST_WIDTH * len(seconds)
    whole = sum(weights)
    return [LEAST_WIDTH + rest * (weight / whole if whole else 1 / len(weights)) for weight in weights]


def short(seconds: float) -> str:
    """A duration; below a second as precise as the shortest stages.

    >>> short(0.034), short(0.21), short(44)
    ('0.03 s', '0.21 s', '44 s')
    """
    return f"{seconds:.2f} s" if seconds < 1 else wording.duration(seconds)


def _passed(start: str, end: str) -> float:
    """Seconds between two moments; two machines' clocks may differ by a little, and nothing takes less than no time."""
    return max(0.0, seconds_between(start, end) or 0.0)


def _text(seconds: float | None) -> str:
    return wording.NOTHING if seconds is None else wording.duration(seconds)
