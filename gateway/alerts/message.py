"""A result in the words of an alert: computed from the numbers alone, without a person and without a UID."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from gateway.revision import UNCHANGED
from triage.errors import InputError
from triage.results import Agreement, Criterion, Estimator, Severity, Side, Status, TriageResult
from viewer_bridge.figures import disagreeing, floored, shown_flags, span, two_cores, volume

SECONDS_PER_MINUTE = 60

LONGEST_LINE = 300
"""Characters of one line; a phone shows less, a text message carries about this much."""

TEXTS = {
    "revised": "REVISED: {headline}",
    "corrects": "corrects revision {former}: {change}",
    "before": "before: {finding}",
    "unchanged": "revision {revision}: {unchanged}",
    "target_mismatch": "Stroke CT: target mismatch ({trials}), {side}",
    "no_target_mismatch": "Stroke CT: no target mismatch, {side}",
    "lesion": "Stroke CT: perfusion lesion, {side}",
    "no_lesion": "Stroke CT: no perfusion lesion found",
    "not_analysed": "Stroke CT: not analysed - look at the images",
    "no_volumes": "Stroke CT: time to peak only, no volumes - look at the images",
    "untrusted": "Stroke CT: numbers not reliable - look at the images",
    "reason": "not analysed: {reason} - look at the images",
    "do_not_trust": "do not trust the numbers: {reasons}",
    "volumes": "core {core}, hypoperfused {hypoperfused}, mismatch {mismatch}, {ratio}",
    "ratio": "ratio {ratio}",
    "no_ratio": "ratio not defined",
    "uncertain": "uncertain: {trial} changes if {changes_if}",
    "uncertain_somewhere": "uncertain: {trial} is close to its limits",
    "agree": "a network agrees: {cores}",
    "network_differs": "two methods differ: {cores}",
    "contradict": "two methods contradict: {cores}",
    "differ": "methods differ: {names}",
    "quality": "quality: {reasons}",
    "good_quality": "quality: no remarks",
    "not_known": "not known here: {missing}",
    "since_last_image": "{minutes} min after the last image",
    "disclaimer": "Research use, not for primary diagnosis.",
}
"""Every sentence an alert can contain."""

NETWORKS = {
    Agreement.AGREE: "agree",
    Agreement.DIFFER: "network_differs",
    Agreement.CONTRADICT: "contradict",
}
"""What is said of a network's core; one that gave none is told among the remarks on quality."""

SIDES = {Side.LEFT: "LEFT", Side.RIGHT: "RIGHT", Side.BILATERAL: "BOTH SIDES", Side.NONE: "no side"}
"""The patient's own side, in capitals: it is the word that must not be misread."""

TRIALS = {"defuse_3": "DEFUSE 3", "extend": "EXTEND"}
"""Trials whose imaging rule is a target mismatch; the others need age and NIHSS, or select large cores."""

NUMBERS = ("core_ml", "hypoperfused_ml", "mismatch_ml", "mismatch_ratio", "hypoperfusion_intensity_ratio")
"""Fields of the result that travel as numbers when they can be trusted."""


@dataclass(frozen=True, slots=True)
class Alert:
    """What the stroke team reads; `lines` are the body.

    Attributes
    ----------
    side, numbers
        None and empty unless the numbers can be trusted.
    supersedes
        The revision that the team was told before and this one takes the place of; None for the first alert of a case.
    change
        Why it rings again, in words; empty for the first alert, and where nothing changed for the team.
    last_image_at
        ISO 8601, or None when no image time is known.
    """

    case_id: str
    revision: int
    status: Status
    side: Side | None
    headline: str
    lines: tuple[str, ...]
    numbers: Mapping[str, float | None]
    last_image_at: str | None
    link: str
    supersedes: int | None = None
    change: tuple[str, ...] = ()
    disclaimer: str = TEXTS["disclaimer"]

    @property
    def body(self) -> str:
        """The lines, the link and the disclaimer, one under the other."""
        return "\n".join((*self.lines, self.link, self.disclaimer))

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        return {
            **asdict(self),
            "numbers": dict(self.numbers),
            "lines": list(self.lines),
            "change": list(self.change),
        }


def alert_for(
    result: TriageResult,
    *,
    case_id: str,
    revision: int,
    link: str,
    last_image_at: datetime | None,
    now: datetime,
    former: TriageResult | None = None,
    supersedes: int | None = None,
    change: Sequence[str] = (),
) -> Alert:
    """Put a result into words; both times carry a time zone.

    Parameters
    ----------
    former, supersedes, change
        What the team was told before, by which revision, and what has changed since for the team.

    Raises
    ------
    InputError
        The revision is not positive, or does not come after the one that it supersedes.
    """
    if revision < 1:
        raise InputError(f"revisions count from 1, got {revision}")
    if supersedes is not None and not 1 <= supersedes < revision:
        raise InputError(f"revision {revision} cannot supersede revision {supersedes}")
    headline = _headline(result)
    lines = (
        *_correction(former, supersedes, change),
        *_findings(result),
        *_sameness(revision, supersedes, change),
        *_age(last_image_at, now),
    )
    return Alert(
        case_id=case_id,
        revision=revision,
        status=result.status,
        side=result.side if result.trusted else None,
        headline=TEXTS["revised"].format(headline=headline) if revision > 1 else headline,
        lines=tuple(_one_line(line) for line in lines),
        numbers={name: _finite(getattr(result, name)) for name in NUMBERS} if result.trusted else {},
        last_image_at=last_image_at.isoformat() if last_image_at else None,
        link=link,
        supersedes=supersedes,
        change=tuple(_one_line(reason) for reason in change),
    )


def _correction(former: TriageResult | None, supersedes: int | None, change: Sequence[str]) -> list[str]:
    """What changed, and the former finding, so that it stands beside the new one."""
    if former is None or not change:
        return []
    corrects = TEXTS["corrects"].format(former=supersedes, change=_short("; ".join(change)))
    return [corrects, TEXTS["before"].format(finding=_short(_findings(former)[0]))]


def _sameness(revision: int, supersedes: int | None, change: Sequence[str]) -> list[str]:
    """Somebody who is told late hears that the team was told the same before."""
    if supersedes is None or change:
        return []
    return [TEXTS["unchanged"].format(revision=revision, unchanged=UNCHANGED)]


def _headline(result: TriageResult) -> str:
    if result.status is Status.NOT_ANALYSED:
        return TEXTS["not_analysed"]
    if not result.trusted:
        only_time_to_peak = result.estimator is Estimator.TIME_TO_PEAK
        return TEXTS["no_volumes" if only_time_to_peak else "untrusted"]
    trials = [title for title, criterion in _mismatches(result) if criterion.met]
    if trials:
        return _one_line(TEXTS["target_mismatch"].format(trials=", ".join(trials), side=SIDES[result.side]))
    lesion = max(_finite(result.core_ml) or 0, _finite(result.hypoperfused_ml) or 0) > 0
    judged = "no_target_mismatch" if result.criteria else "lesion"
    return TEXTS[judged if lesion else "no_lesion"].format(side=SIDES[result.side])


def _mismatches(result: TriageResult) -> list[tuple[str, Criterion]]:
    return [(title, result.criteria[name]) for name, title in TRIALS.items() if name in result.criteria]


def _findings(result: TriageResult) -> list[str]:
    """Body lines of a result; numbers appear only when they can be trusted."""
    if result.status is Status.NOT_ANALYSED:
        return [TEXTS["reason"].format(reason=_short(result.reason or ""))]
    if not result.trusted:
        return [TEXTS["do_not_trust"].format(reasons=_short(_reasons(result, Severity.SEVERE)))]
    missing = sorted(
        {item for _, criterion in _mismatches(result) if criterion.met for item in criterion.missing}
    )
    return [
        TEXTS["volumes"].format(
            core=_with_ends(result, "core_ml"),
            hypoperfused=_with_ends(result, "hypoperfused_ml"),
            mismatch=volume(result.mismatch_ml),
            ratio=_ratio(result.mismatch_ratio),
        ),
        *_networks(result),
        *(_uncertain(title, criterion) for title, criterion in _mismatches(result) if not criterion.certain),
        *_difference(result),
        *([TEXTS["not_known"].format(missing=", ".join(missing))] if missing else []),
        _quality(_reasons(result, Severity.WARNING)),
    ]


def _uncertain(trial: str, criterion: Criterion) -> str:
    known = "uncertain" if criterion.changes_if else "uncertain_somewhere"
    return TEXTS[known].format(trial=trial, changes_if=criterion.changes_if)


def _networks(result: TriageResult) -> Iterator[str]:
    for model in result.networks:
        if model.agreement is not None:
            yield TEXTS[NETWORKS[model.agreement]].format(cores=_short(two_cores(result, model)))


def _difference(result: TriageResult) -> list[str]:
    names = ", ".join(opinion.name for opinion in disagreeing(result))
    return [TEXTS["differ"].format(names=_short(names))] if names else []


def _reasons(result: TriageResult, severity: Severity) -> str:
    return "; ".join(flag.text.rstrip(".") for flag in shown_flags(result) if flag.severity is severity)


def _quality(reasons: str) -> str:
    return TEXTS["quality"].format(reasons=reasons) if reasons else TEXTS["good_quality"]


def _age(last_image_at: datetime | None, now: datetime) -> list[str]:
    if last_image_at is None:
        return []
    minutes = max(0, round((now - last_image_at).total_seconds() / SECONDS_PER_MINUTE))
    return [TEXTS["since_last_image"].format(minutes=minutes)]


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _with_ends(result: TriageResult, name: str) -> str:
    """A volume and, in brackets, the ends of its 90 % interval."""
    ends = result.intervals.get(name)
    return f"{volume(getattr(result, name))}{f' ({span(ends)})' if ends else ''}"


def _ratio(ratio: float | None) -> str:
    number = _finite(ratio)
    return TEXTS["no_ratio"] if number is None else TEXTS["ratio"].format(ratio=floored(number))


def _short(text: str) -> str:
    """Leave room for the words around a reason, which must not be cut off."""
    return _one_line(text, LONGEST_LINE - 50)


def _one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """One line without control characters, cut with an ellipsis.

    >>> _one_line("motion" + chr(10) + " 12 mm", 9)
    'motion 1…'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
