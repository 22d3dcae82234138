"""When a study is ready to be analysed: what is known of it in, a verdict with its reason out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dicom_scp.accounts import DISCONTINUED, NO_ACCOUNT, PerformedCount
from dicom_scp.recognition import Completeness, SeriesKind, SeriesLook
from gateway.config import Intake as IntakeSettings

PAUSES_GROW_BY = 1.5
"""A sender that opens an association for every frame pauses for the time between frames, which shuttles vary by half."""

CONNECTED_FACTOR = 3.0
"""A sender that is connected may be sending what is here already, which leaves no trace: 700 images at 20 a second."""


NOT_COME = "{} images the scanner counted did not come"
"""The remark on a scan that was analysed without them."""


class Readiness(StrEnum):
    """What to do with a study now."""

    WAIT = "wait"
    ANALYSE = "analyse"
    NO_PERFUSION = "no_perfusion"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision about a study, with the sentence that justifies it."""

    readiness: Readiness
    text: str
    series_uid: str | None = None
    remarks: tuple[str, ...] = ()
    """What is said against the scan, for its result."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known about a study beside its images."""

    quiet_s: float
    """Seconds since its last image."""
    associations: int
    """How many associations brought the perfusion series."""
    open_associations: int
    """How many of those are still open."""
    longest_pause_s: float = 0.0
    """The longest time so far between two images of the perfusion series."""
    broke_off: bool = False
    """Whether the association that brought the perfusion series' last image was aborted."""
    sender_connected: bool = False
    """Whether an association is open of a title that sent images of the perfusion series."""
    broken_off: frozenset[str] = frozenset()
    """Series of which an association was aborted that brought images of it."""
    performed: PerformedCount = NO_ACCOUNT
    """What the scanner's account of its steps says of the perfusion series."""
    discontinued: frozenset[str] = frozenset()
    """Series of steps that were given up at the scanner."""


def perfusion_of(looks: Sequence[SeriesLook]) -> SeriesLook | None:
    """The study's perfusion series: of several, the one with most images."""
    found = [look for look in looks if look.kind is SeriesKind.PERFUSION]
    return max(found, key=lambda look: look.images, default=None)


def beginning_of(looks: Sequence[SeriesLook], broken_off: Collection[str]) -> SeriesLook | None:
    """The series that began like a perfusion series and did not go on, so that it must not pass as another kind of scan.

    Either the scanner announced more time points than came, or some slices were imaged more often than others when the
    sender broke off. Without a sign of that kind, phases of an angiography or of the heart are what they seem.
    """
    found = [
        look
        for look in looks
        if look.kind is SeriesKind.STATIC
        and look.completeness is Completeness.INCOMPLETE
        and (look.frames < (look.expected_frames or 0) or (look.frames > 1 and look.series_uid in broken_off))
    ]
    return max(found, key=lambda look: look.images, default=None)


def judge_without(looks: Sequence[SeriesLook], known: Circumstances, settings: IntakeSettings) -> Verdict:
    """Decide about a study in which no perfusion series was recognised."""
    if known.quiet_s < settings.quiet_s:
        return Verdict(Readiness.WAIT, "no perfusion series yet")
    ending = "; the sender broke off" if known.broken_off else ""
    remarks = (DISCONTINUED,) if known.performed.discontinued or known.discontinued else ()
    ending += "".join(f"; {remark}" for remark in remarks)
    if look := beginning_of(looks, known.broken_off | known.discontinued):
        text = (
            f"{look.proof}; nothing came for {settings.quiet_s:.0f} s{ending}: the study did not come whole"
        )
        return Verdict(Readiness.ANALYSE, text, look.series_uid, remarks)
    return Verdict(Readiness.NO_PERFUSION, f"no perfusion series: no position was imaged repeatedly{ending}")


def judge(look: SeriesLook, known: Circumstances, settings: IntakeSettings) -> Verdict:
    """Decide whether a study with this perfusion series is ready; the quiet timer is the last resort.

    The scanner's account of its steps names every image: once it is final and all are here, nothing is waited for. While
    some are not, the end of the association is no end. An account that is wrong, or never comes, changes nothing.
    """
    performed = known.performed
    proof = "; ".join(filter(None, (look.proof, performed.text)))
    remarks = tuple(filter(None, (performed.ending,)))
    if look.completeness is Completeness.PROVEN or performed.is_met:
        return Verdict(Readiness.ANALYSE, proof, look.series_uid, remarks)
    has_ended = look.completeness is Completeness.RECTANGULAR and _has_ended(known, settings)
    if has_ended and not performed.missing:
        return Verdict(
            Readiness.ANALYSE, f"{proof}; the sender closed its association", look.series_uid, remarks
        )
    if known.quiet_s >= (patience_s := _patience_s(known, settings)):
        text = f"{proof}; taken as complete after {patience_s:.0f} s without a further image"
        lacking = (NOT_COME.format(performed.missing),) if performed.missing else ()
        return Verdict(Readiness.ANALYSE, text, look.series_uid, (*lacking, *remarks))
    return Verdict(Readiness.WAIT, proof, look.series_uid)


def _has_ended(known: Circumstances, settings: IntakeSettings) -> bool:
    """Whether the sender is through: a connection that broke is no end, whatever the grid looks like."""
    if known.open_associations or known.broke_off:
        return False
    return known.associations == 1 or known.quiet_s >= _grace_s(known, settings)


def _patience_s(known: Circumstances, settings: IntakeSettings) -> float:
    """How long nothing new must come before a series is taken as it is."""
    return settings.quiet_s * (CONNECTED_FACTOR if known.sender_connected else 1.0)


def _grace_s(known: Circumstances, settings: IntakeSettings) -> float:
    """How long several associations must stay closed: a pause like those before it, as while acquiring, is no end."""
    return max(settings.association_grace_s, PAUSES_GROW_BY * known.longest_pause_s)
