"""A result in the words of an alert: computed from the numbers alone, without a person and without a UID."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.alerts.lines import fitting, single, within
from gateway.alerts.notice import QUIET, Notice, NoticeKind, tag_of
from gateway.alerts.wording import Words
from triage.errors import InputError
from triage.results import Agreement, Criterion, Estimator, ModelFinding, Severity, Status, TriageResult
from viewer_bridge.figures import disagreeing, floored, shown_flags
from viewer_bridge.report.wording.language import Language

SECONDS_PER_MINUTE = 60

LIGHTS = {"good": "🟢", "warning": "🟡", "severe": "🔴", "none": "⚪"}
"""Before a line that is a light: read at a glance, and the words beside it say the same."""

AGREEMENTS = {Agreement.AGREE: "good", Agreement.DIFFER: "warning", Agreement.CONTRADICT: "severe"}
"""Light of a network's core; one that gave none has none."""

GRAVEST_FIRST = ("severe", "warning", "good", "none")

TRIALS = {"defuse_3": "DEFUSE 3", "extend": "EXTEND"}
"""Trials whose imaging rule is a target mismatch; the others need age and NIHSS, or select large cores."""

NUMBERS = ("core_ml", "hypoperfused_ml", "mismatch_ml", "mismatch_ratio", "hypoperfusion_intensity_ratio")
"""Fields of the result that travel as numbers when they can be trusted."""

TITLES = {
    NoticeKind.REVISED: "revised",
    NoticeKind.ESCALATED: "escalated",
    NoticeKind.HANDED: "handed",
    NoticeKind.REPEAT: "repeat",
}
"""What stands before a title, by kind."""


@dataclass(frozen=True, slots=True)
class Former:
    """What the team was told before: the revision, its result where it is known, and what changed since for the team."""

    revision: int
    result: TriageResult | None = None
    change: Sequence[str] = ()


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
    language: Language = Language.VIETNAMESE,
    expectation: str | None = None,
    kind: NoticeKind | None = None,
    origin: str | None = None,
) -> Notice:
    """Put a result into words; both times carry a time zone.

    Parameters
    ----------
    former, supersedes, change
        What the team was told before, by which revision, and what has changed since for the team, as
        `gateway.revision.changes` says it.
    expectation
        How often alerts of this class were right so far, as a sentence in `language`.
    kind
        Escalated or repeated; None for what the result itself makes of it.
    origin
        The hospital whose result it is; None for ours.

    Raises
    ------
    InputError
        The revision is not positive, or does not come after the one that it supersedes.
    """
    if revision < 1:
        raise InputError(f"revisions count from 1, got {revision}")
    if supersedes is not None and not 1 <= supersedes < revision:
        raise InputError(f"revision {revision} cannot supersede revision {supersedes}")
    words, kind = Words(language), kind or _kind(result, revision)
    before = Former(supersedes, former, change) if supersedes is not None else None
    lines = (
        *([words("origin", partner=origin)] if origin else []),
        *_correction(words, before),
        *_findings(words, result),
        *_sameness(words, revision, before),
        *([expectation] if expectation and result.trusted else []),
        *_age(words, last_image_at, now),
    )
    return Notice(
        kind=kind,
        language=language,
        headline=_headline(words, result, kind, revision, origin),
        lines=tuple(map(single, lines)),
        link=link,
        tag=tag_of(case_id),
        disclaimer=words("disclaimer"),
        urgent=kind not in QUIET,
        case_id=case_id,
        revision=revision,
        side=result.side if result.trusted else None,
        numbers={name: _finite(getattr(result, name)) for name in NUMBERS} if result.trusted else {},
        lights=lights_of(result),
        last_image_at=last_image_at.isoformat() if last_image_at else None,
        supersedes=supersedes,
        change=tuple(single(words.core(reason)) for reason in change),
        origin=origin,
    )


def lights_of(result: TriageResult) -> Mapping[str, str]:
    """The two lights: quality of the scan, and agreement of the methods."""
    severities = {flag.severity for flag in result.quality}
    quality = next((name.value for name in (Severity.SEVERE, Severity.WARNING) if name in severities), "good")
    found = [AGREEMENTS[model.agreement] for model in result.networks if model.agreement is not None]
    if disagreeing(result):
        found.append("warning")
    agreement = (
        next((light for light in GRAVEST_FIRST if light in found), "none") if result.trusted else "none"
    )
    return {"quality": "severe" if not result.trusted else quality, "agreement": agreement}


def _kind(result: TriageResult, revision: int) -> NoticeKind:
    if revision > 1:
        return NoticeKind.REVISED
    return NoticeKind.NOT_ANALYSED if result.status is Status.NOT_ANALYSED else NoticeKind.ALERT


def _headline(words: Words, result: TriageResult, kind: NoticeKind, revision: int, origin: str | None) -> str:
    """The longest form of the title that a lock screen shows whole; trials may be left out, then the other hospital."""
    titles = list(_titles(words, result))
    if origin:
        titles = [*(words("sent_by", partner=origin, title=title) for title in titles), *titles]
    before = TITLES.get(kind) or ("revised" if revision > 1 else None)
    return fitting(*(words(before, title=title) if before else title for title in titles))


def _titles(words: Words, result: TriageResult) -> Iterator[str]:
    if result.status is Status.NOT_ANALYSED:
        yield words("not_analysed")
    elif not result.trusted:
        yield words("no_volumes" if result.estimator is Estimator.TIME_TO_PEAK else "untrusted")
    else:
        yield from _class(words, result)


def _class(words: Words, result: TriageResult) -> Iterator[str]:
    side = words.side(result.side)
    met = [title for title, criterion in _mismatches(result) if criterion.met]
    if met:
        yield words("target_mismatch_of", trials=", ".join(met), side=side)
        yield words("target_mismatch", side=side)
    elif max(_finite(result.core_ml) or 0, _finite(result.hypoperfused_ml) or 0) > 0:
        yield words("no_target_mismatch" if result.criteria else "lesion", side=side)
    else:
        yield words("no_lesion")


def _mismatches(result: TriageResult) -> list[tuple[str, Criterion]]:
    return [(title, result.criteria[name]) for name, title in TRIALS.items() if name in result.criteria]


def _correction(words: Words, before: Former | None) -> Iterator[str]:
    """What changed, and the former finding, so that it stands beside the new one."""
    if before is None or before.result is None or not before.change:
        return
    change = within(words.joined(*map(words.core, before.change)))
    yield words("corrects", former=before.revision, change=change)
    yield words("before", finding=within(next(_findings(words, before.result))))


def _sameness(words: Words, revision: int, before: Former | None) -> Iterator[str]:
    """Somebody who is told late hears that the team was told the same before."""
    if before is not None and not before.change:
        yield words("unchanged", revision=revision)


def _findings(words: Words, result: TriageResult) -> Iterator[str]:
    """Body lines of a result; numbers appear only when they can be trusted."""
    if result.status is Status.NOT_ANALYSED:
        yield words("reason", reason=within(words.reason(result.reason or "")))
    elif not result.trusted:
        reasons = _reasons(words, result, Severity.SEVERE)
        yield _lit("severe", words("do_not_trust", reasons=within(reasons)))
        if result.estimator is Estimator.TIME_TO_PEAK:
            yield words("only_time_to_peak")
    else:
        yield _volumes(words, result)
        yield _quality(words, result)
        yield from _networks(words, result)
        yield from _differing(words, result)
        yield from _doubts(words, result)


def _volumes(words: Words, result: TriageResult) -> str:
    ratio = _finite(result.mismatch_ratio)
    return words(
        "volumes",
        core=_with_ends(words, result, "core_ml"),
        hypoperfused=_with_ends(words, result, "hypoperfused_ml"),
        mismatch=words.volume(result.mismatch_ml),
        ratio=words("no_ratio") if ratio is None else words("ratio", ratio=floored(ratio)),
    )


def _with_ends(words: Words, result: TriageResult, name: str) -> str:
    """A volume and, in brackets, the ends of its 90 % interval."""
    ends, shown = result.intervals.get(name), words.volume(getattr(result, name))
    return f"{shown} ({words.interval(ends)})" if ends else shown


def _quality(words: Words, result: TriageResult) -> str:
    if reasons := _reasons(words, result, Severity.WARNING):
        return _lit("warning", words("quality", reasons=within(reasons)))
    return _lit("good", words("good_quality"))


def _reasons(words: Words, result: TriageResult, severity: Severity) -> str:
    return words.joined(*(words.flag(flag) for flag in shown_flags(result) if flag.severity is severity))


def _networks(words: Words, result: TriageResult) -> Iterator[str]:
    """Both cores; a network that gave none is told among the remarks on quality."""
    for model in result.networks:
        if model.agreement is not None:
            cores = words(
                "two_cores",
                first=words.volume(result.core_ml),
                other=words.volume(model.core_ml),
                network=_network(words, model),
            )
            yield _lit(AGREEMENTS[model.agreement], words(model.agreement.value, cores=within(cores)))


def _network(words: Words, model: ModelFinding) -> str:
    key = "network_of" if model.trained_on else "network"
    return words(key, name=model.name, version=model.version, data=words.core(model.learned_from))


def _differing(words: Words, result: TriageResult) -> Iterator[str]:
    if names := ", ".join(words.core(opinion.name) for opinion in disagreeing(result)):
        yield _lit("warning", words("others_differ", names=within(names)))


def _doubts(words: Words, result: TriageResult) -> Iterator[str]:
    """Where a class would turn, and what only people can know."""
    rules = _mismatches(result)
    for trial, criterion in rules:
        if not criterion.certain:
            key = "uncertain" if criterion.changes_if else "uncertain_somewhere"
            yield words(key, trial=trial, changes_if=words.core(criterion.changes_if))
    missing = sorted({item for _, criterion in rules if criterion.met for item in criterion.missing})
    if missing:
        yield words("missing", items=", ".join(map(words.item, missing)))


def _lit(light: str, line: str) -> str:
    return f"{LIGHTS[light]} {line}"


def _age(words: Words, last_image_at: datetime | None, now: datetime) -> Iterator[str]:
    if last_image_at is not None:
        minutes = max(0, round((now - last_image_at).total_seconds() / SECONDS_PER_MINUTE))
        yield words("since_last_image", minutes=minutes)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
