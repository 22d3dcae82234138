"""The figures of a month: records in, counts and times out; no clock, no database, nobody named.

A case belongs to the month of its first image. Its state and result are those of its present revision, so the figures of a
month may change while late images come; say when they were written.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

from gateway.ledger.records import Delivery, DeliveryKind, DeliveryState
from gateway.statistics.channels import CHANNELS, fates
from gateway.statistics.channels import FATES as CALL_FATES
from gateway.statistics.intervals import EVERY, Interval
from gateway.statistics.months import CalendarMonth
from gateway.statistics.questions import QUESTIONS, Question
from gateway.statistics.records import CaseRecord
from gateway.team.contacts import ChannelKind

LONG_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Cell:
    """One count; None where it is suppressed."""

    code: str
    text: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Group:
    """Counts that answer one question.

    Attributes
    ----------
    whole
        Number of those who were asked; None where it is suppressed.
    is_partition
        Whether everybody asked is in exactly one cell.
    part_of
        Group and cell whose members were asked; empty: all cases.
    """

    code: str
    text: str
    whole: int | None
    cells: tuple[Cell, ...]
    is_partition: bool = True
    part_of: tuple[str, str] | tuple[()] = ()

    def count(self, code: str) -> int | None:
        """The count of a cell; 0 where there is no such cell."""
        return next((cell.count for cell in self.cells if cell.code == code), 0)


@dataclass(frozen=True, slots=True)
class Share:
    """How many took no longer than a limit; None where it is suppressed, or nobody was asked."""

    limit_s: float
    count: int | None
    share: float | None


@dataclass(frozen=True, slots=True)
class Duration:
    """How long something took over a month; None where nothing is known or it is suppressed."""

    interval: Interval
    count: int | None
    median_s: float | None
    long_s: float | None
    """The time that 90 % did not exceed: one that did happen."""
    within: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """The figures of one month."""

    month: CalendarMonth
    groups: tuple[Group, ...]
    durations: tuple[Duration, ...]
    suppressed_below: int = 0

    def group(self, code: str) -> Group:
        """Return a group by its code."""
        return next(group for group in self.groups if group.code == code)

    def duration(self, code: str) -> Duration:
        """Return a duration by the code of its interval."""
        return next(duration for duration in self.durations if duration.interval.code == code)

    @property
    def cases(self) -> int | None:
        """Number of cases."""
        return self.group("cases").whole


UNDER_WAY = frozenset({DeliveryState.QUEUED, DeliveryState.RETRYING})
FATES = {
    "delivered": "Delivered",
    "failed": "Failed, wants a person",
    "under_way": "Under way",
    "dropped": "Replaced or given up",
}
DELIVERED = {
    DeliveryKind.ALERT: "Alerts beyond the console",
    DeliveryKind.EMR: "Results to medical records",
    DeliveryKind.PUBLISH: "Results to the archive",
}
CONSOLE = "console"
"""An alert's first receiver: it has every alert, so its deliveries say nothing."""


COUNTED = {"deliveries_": "deliveries", "calls_": "calls"}
"""What a group counts, by the begin of its code; all others count cases."""


def counted_as(code: str) -> str:
    """What a group counts.

    >>> counted_as("calls_push"), counted_as("cases")
    ('calls', 'cases')
    """
    return next((what for begin, what in COUNTED.items() if code.startswith(begin)), "cases")


def month_of(month: CalendarMonth, records: Sequence[CaseRecord]) -> Month:
    """Count the cases of a month."""
    groups: list[Group] = []
    for question in QUESTIONS:
        groups.append(_asked(question, records, groups))
    groups += [_delivered(kind, records) for kind in DELIVERED]
    groups += [_called(kind, records) for kind in CHANNELS]
    return Month(month, tuple(groups), tuple(duration_of(interval, records) for interval in EVERY))


def _asked(question: Question, records: Sequence[CaseRecord], earlier: Sequence[Group]) -> Group:
    counts = Counter(code for record in records for code in question.of(record))
    whole = len(records)
    if question.part_of:
        parent, cell = question.part_of
        whole = next(group for group in earlier if group.code == parent).count(cell) or 0
    cells = _cells(counts, question.answers)
    return Group(question.code, question.text, whole, cells, question.is_partition, question.part_of)


def _cells(counts: Mapping[str, int], answers: Mapping[str, str]) -> tuple[Cell, ...]:
    texts = {str(code): text for code, text in answers.items()}
    others = sorted(code for code in counts if code not in texts)
    texts |= {code: code.replace("_", " ").capitalize() for code in others}
    return tuple(Cell(code, text, counts.get(code, 0)) for code, text in texts.items())


def _delivered(kind: DeliveryKind, records: Sequence[CaseRecord]) -> Group:
    """Deliveries of a kind: they are counted, not the cases."""
    chosen = [
        each
        for record in records
        for each in record.deliveries
        if each.kind is kind and each.target != CONSOLE
    ]
    counts = Counter(_fate(delivery) for delivery in chosen)
    return Group(f"deliveries_{kind.value}", DELIVERED[kind], len(chosen), _cells(counts, FATES))


def _called(kind: ChannelKind, records: Sequence[CaseRecord]) -> Group:
    """Calls of people on a channel: they are counted, neither the cases nor the people."""
    mine = [call for record in records for call in record.calls if call.kind is kind]
    cells = _cells(fates(kind, mine), CALL_FATES)
    return Group(f"calls_{kind.value}", f"Calls by {CHANNELS[kind]}", len(mine), cells)


def _fate(delivery: Delivery) -> str:
    if delivery.state in {DeliveryState.DELIVERED, DeliveryState.FAILED}:
        return delivery.state.value
    return "under_way" if delivery.state in UNDER_WAY else "dropped"


def duration_of(interval: Interval, records: Sequence[CaseRecord]) -> Duration:
    """How long an interval took, over the cases in which it happened."""
    seconds = sorted(found for record in records if (found := record.seconds(interval)) is not None)
    within = tuple(_within(seconds, limit_s) for limit_s in interval.limits_s)
    if not seconds:
        return Duration(interval, 0, None, None, within)
    long_s = seconds[ceil(LONG_SHARE * len(seconds)) - 1]
    return Duration(interval, len(seconds), median(seconds), long_s, within)


def _within(seconds: Sequence[float], limit_s: float) -> Share:
    count = sum(each <= limit_s for each in seconds)
    return Share(limit_s, count, count / len(seconds) if seconds else None)
