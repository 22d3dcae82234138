"""Small counts may tell who: below a limit they are left out, and so is what would give them away again.

1. A count from 1 up to below the limit is not written. Nor is one of an overlapping group of which so few are missing to
   the whole: all but two is as telling as two.
2. Where all cells add up to the whole and one alone is left out, the next smallest is left out with it.
3. Where a cell is left out, so are the whole and every count of the group that divides it.
4. Numbers of times are rounded down to a multiple of the limit; a share is left out where it stands for so few, or for all
   but so few; without enough times there is no median.

Zero is written. This is no proof of anonymity: figures of several months, or of several exports with different limits, can
be compared with one another.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.statistics.figures import Cell, Duration, Group, Month, Share


def suppressed(month: Month, below: int) -> Month:
    """The month without its counts from 1 to `below` - 1; as it is where `below` is 0 or 1.

    Examples
    --------
    >>> from gateway.statistics.figures import month_of
    >>> from gateway.statistics.months import CalendarMonth
    >>> suppressed(month_of(CalendarMonth(2026, 3), []), 5).cases
    0
    """
    if below <= 1:
        return month
    groups: list[Group] = []
    for group in month.groups:
        groups.append(_hidden_group(group, below, groups))
    durations = tuple(_hidden_duration(duration, below) for duration in month.durations)
    return replace(month, groups=tuple(groups), durations=durations, suppressed_below=below)


def _few(count: int, below: int) -> bool:
    return 0 < count < below


def _hidden_group(group: Group, below: int, earlier: Sequence[Group]) -> Group:
    whole = group.whole or 0
    if _few(whole, below) or _parent_hidden(group, earlier):
        cells = tuple(replace(cell, count=None) if cell.count else cell for cell in group.cells)
        return replace(group, whole=None if whole else 0, cells=cells)
    chosen = {cell.code for cell in group.cells if _tells(cell, group, below)}
    if group.is_partition and len(chosen) == 1:
        others = [cell for cell in group.cells if cell.count and cell.code not in chosen]
        chosen |= {cell.code for cell in sorted(others, key=lambda cell: cell.count or 0)[:1]}
    cells = tuple(replace(cell, count=None) if cell.code in chosen else cell for cell in group.cells)
    return replace(group, cells=cells)


def _parent_hidden(group: Group, earlier: Sequence[Group]) -> bool:
    if not group.part_of:
        return False
    parent, cell = group.part_of
    return next(known for known in earlier if known.code == parent).count(cell) is None


def _tells(cell: Cell, group: Group, below: int) -> bool:
    count = cell.count or 0
    overlapping = not group.is_partition
    return _few(count, below) or (overlapping and _few((group.whole or 0) - count, below))


def _hidden_duration(duration: Duration, below: int) -> Duration:
    count = duration.count or 0
    if count < below:
        nothing = tuple(Share(share.limit_s, None, None) for share in duration.within)
        return Duration(duration.interval, None if count else 0, None, None, nothing)
    within = tuple(_hidden_share(share, count, below) for share in duration.within)
    return replace(duration, count=count - count % below, within=within)


def _hidden_share(share: Share, of: int, below: int) -> Share:
    count = share.count or 0
    if _few(count, below) or _few(of - count, below):
        return Share(share.limit_s, None, None)
    return replace(share, count=count - count % below)
