"""In which order images were acquired: evidence is weighed, and a contradiction is a refusal.

Clocks and temporal positions are witnesses of order. The first clock that tells the images of every slice apart gives the
times; every other witness is heard, and none may contradict. Numbers of images and acquisitions and times of
reconstruction prove no order, but a single clock that runs against them is not believed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from dicom_scp.clocks import SECONDS_PER_DAY, Clock
from dicom_scp.headers import ImageHeader
from dicom_scp.slices import Stack, stack
from triage.errors import InputError
from triage.types import Float64

FASTEST_FRAME_S = 0.05
"""Images of a slice are further apart: the fastest gantry takes 0.14 s for the half turn that an image needs."""

LONGEST_SERIES_S = 1800.0
"""A CT perfusion scan takes a minute or two; a longer span means that dates are wrong or two scans are mixed."""

SAME_SPAN_S, SAME_SPAN_RATIO = 2.0, 0.1
"""Two clocks agree if their spans do within the larger of these: times are rounded to seconds, and frames have a length."""

RESOLUTION_RATIO = 0.1
"""Content times are believed where their median step is the Temporal Resolution within this."""


class Verdict(Enum):
    """What a witness says of an order: every step forward, none backward, some backward, most backward."""

    CONFIRMS = "confirms"
    SILENT = "is silent about"
    CONTRADICTS = "contradicts"
    OPPOSES = "opposes"


@dataclass(frozen=True, slots=True)
class Witness:
    """One kind of evidence: a value for each image, NaN where there is none.

    Witnesses of one family come from one source and corroborate nothing for each other.
    """

    name: str
    family: str
    value: Float64
    is_clock: bool = True


def in_time(headers: Sequence[ImageHeader]) -> Stack:
    """Stack slices in the order of time.

    Raises
    ------
    InputError
        If the evidence is too little, or contradicts itself; the message names it.
    """
    clocks = [clock for clock in _clocks(headers) if not np.isnan(clock.value).all()]
    numbering = Witness(
        "temporal positions", "numbering", _column(headers, "temporal_position"), is_clock=False
    )
    base, ordered = _base(headers, clocks, numbering)
    strong = [witness for witness in (*clocks, numbering) if witness.family != "content"]
    verdicts = [(witness, _verdict(witness.value, ordered)) for witness in strong]
    for witness, verdict in verdicts:
        if verdict in {Verdict.CONTRADICTS, Verdict.OPPOSES}:
            raise InputError(f"the order of the images is in doubt: {witness.name} contradict {base.name}")
        _require_same_span(witness, base, ordered)
    families = {base.family} | {
        witness.family for witness, verdict in verdicts if verdict is Verdict.CONFIRMS
    }
    require_no_doubt(headers, clocks, base, ordered, alone=len(families) == 1)
    return ordered


def _clocks(headers: Sequence[ImageHeader]) -> list[Witness]:
    """All clocks, the one to be believed first."""
    plain = [h.clocks_s or (h.acquired_at_s, None, None, None, None) for h in headers]
    table = np.array([[np.nan if s is None else s for s in clocks] for clocks in plain], dtype=np.float64)
    families = {Clock.ACQUISITION_DATE_TIME: "acquisition", Clock.ACQUISITION: "acquisition"}
    order = (
        Clock.ACQUISITION_DATE_TIME,
        Clock.ACQUISITION,
        Clock.FRAME_REFERENCE,
        Clock.TRIGGER,
        Clock.CONTENT,
    )
    return [
        Witness(clock.words, families.get(clock, clock.name.lower()), over_midnight(table[:, clock]))
        for clock in order
    ]


def over_midnight(moments_s: Float64) -> Float64:
    """Moments of a scan over midnight whose date was removed or stayed the same, made continuous.

    >>> over_midnight(np.array([86_390.0, 5.0])).tolist()
    [86390.0, 86405.0]
    """
    known = moments_s[~np.isnan(moments_s)]
    if (
        not len(known)
        or np.ptp(known) < SECONDS_PER_DAY - LONGEST_SERIES_S
        or np.ptp(known) >= SECONDS_PER_DAY
    ):
        return moments_s
    early = moments_s < (known.min() + known.max()) / 2
    return np.where(early, moments_s + SECONDS_PER_DAY, moments_s)


def _column(headers: Sequence[ImageHeader], name: str) -> Float64:
    values = (getattr(header, name) for header in headers)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _base(
    headers: Sequence[ImageHeader], clocks: Sequence[Witness], numbering: Witness
) -> tuple[Witness, Stack]:
    """The first source of times that tells the images of every slice apart."""
    sources: list[tuple[Witness, Callable[[], Float64 | None]]] = [
        *((clock, lambda clock=clock: clock.value) for clock in clocks if clock.family != "content"),
        (numbering, lambda: _numbered_s(headers, numbering)),
        *(
            (clock, lambda clock=clock: _content_s(headers, clock))
            for clock in clocks
            if clock.family == "content"
        ),
    ]
    for witness, times in sources:
        times_s = times()
        if times_s is not None and not np.isnan(times_s).any():
            ordered = stack(headers, times_s)
            if _apart(ordered):
                return witness, ordered
    raise InputError(_why_not(clocks, numbering))


def _why_not(clocks: Sequence[Witness], numbering: Witness) -> str:
    start = "the images of a slice cannot be told apart in time: acquisition times are absent or repeat, and "
    if np.isnan(numbering.value).any():
        if any(clock.family == "content" and np.ptp(clock.value) > 0 for clock in clocks):
            return f"{start}content times may be those of reconstruction"
        return f"{start}there are no temporal positions with a temporal resolution"
    return f"{start}there are no temporal positions with a temporal resolution that can be true"


def _resolution_s(headers: Sequence[ImageHeader]) -> float | None:
    steps = {header.temporal_resolution_s for header in headers}
    return steps.pop() if len(steps) == 1 else None


def _numbered_s(headers: Sequence[ImageHeader], numbering: Witness) -> Float64 | None:
    """Temporal Position Identifier times Temporal Resolution (PS3.3 section C.7.6.2)."""
    step_s = _resolution_s(headers)
    return None if step_s is None else numbering.value * step_s


def _content_s(headers: Sequence[ImageHeader], clock: Witness) -> Float64 | None:
    """Content times, which may be those of reconstruction, where Temporal Resolution bears them out."""
    step_s = _resolution_s(headers)
    if step_s is None or np.isnan(clock.value).any():
        return None
    median_s = np.median(steps_within(clock.value, stack(headers, clock.value)))
    return clock.value if abs(median_s - step_s) <= RESOLUTION_RATIO * step_s else None


def steps_within(value: Float64, ordered: Stack) -> Float64:
    """Differences of a value from image to image of each slice, in the order of time; absent values are left out."""
    order = np.lexsort((ordered.rank, ordered.position))
    order = order[~np.isnan(value[order])]
    steps: Float64 = np.diff(value[order])[np.diff(ordered.position[order]) == 0]
    return steps


def _apart(ordered: Stack) -> bool:
    return bool((steps_within(ordered.instant_s, ordered) > FASTEST_FRAME_S).all())


def _verdict(value: Float64, ordered: Stack) -> Verdict:
    steps = steps_within(value, ordered)
    if 2 * len(steps) < len(value) - len(ordered.position_mm) or not len(steps):
        return Verdict.CONTRADICTS if (steps < 0).any() else Verdict.SILENT
    if (steps > 0).all():
        return Verdict.CONFIRMS
    backward = np.count_nonzero(steps < 0)
    if 2 * backward > len(steps):
        return Verdict.OPPOSES
    return Verdict.CONTRADICTS if backward else Verdict.SILENT


def _require_same_span(witness: Witness, base: Witness, ordered: Stack) -> None:
    """Two clocks of one scan cover the same time; one that stands still says nothing."""
    if not witness.is_clock or np.isnan(witness.value).any():
        return
    span_s, true_s = np.ptp(witness.value), np.ptp(ordered.instant_s)
    if span_s > SAME_SPAN_S and abs(span_s - true_s) > max(SAME_SPAN_S, SAME_SPAN_RATIO * true_s):
        raise InputError(
            f"{witness.name} span {span_s:.0f} s, but {base.name} {true_s:.0f} s: one of them is wrong"
        )


def require_no_doubt(
    headers: Sequence[ImageHeader], clocks: Sequence[Witness], base: Witness, ordered: Stack, *, alone: bool
) -> None:
    """Hear the weak witnesses: times of reconstruction, numbers of acquisitions and images.

    Reconstruction may run back a little, and numbers may be given in any order. So they only count where the order rests
    on one strong witness alone and no other weak one confirms it, or where they run backwards throughout.

    Raises
    ------
    InputError
        If the order is in doubt.
    """
    weak = [
        *(
            clock
            for clock in clocks
            if clock.family == "content" and not _is_copy(clock.value, ordered.instant_s)
        ),
        Witness("acquisition numbers", "acquisition numbers", _column(headers, "acquisition_number")),
        Witness("instance numbers", "instance numbers", _column(headers, "instance_number")),
    ]
    verdicts = {witness.name: _verdict(witness.value, ordered) for witness in weak}
    confirmed = Verdict.CONFIRMS in verdicts.values()
    for name, verdict in verdicts.items():
        if verdict is Verdict.OPPOSES or (verdict is Verdict.CONTRADICTS and alone and not confirmed):
            raise InputError(f"the order of the images is in doubt: {name} contradict {base.name}")


def _is_copy(value: Float64, other: Float64) -> bool:
    return bool(np.ptp(value - other) < FASTEST_FRAME_S)
