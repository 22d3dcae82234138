"""What is asked of every case of a month: tables of questions and of what their answers are called."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.feedback.classes import CLAIMS, AlertClass
from gateway.feedback.judgement import Reason, Verdict
from gateway.ledger.records import CaseState
from gateway.statistics import reasons
from gateway.statistics.channels import level_of
from gateway.statistics.intervals import INTERVALS
from gateway.statistics.records import CaseRecord
from triage.results import Agreement, Severity, Side

NO_ANSWER = "none"

CORE_EDGES_ML = (21.0, 31.0, 51.0, 70.0, 100.0)
"""Cores at which the answer of a trial turns: DAWN (Nogueira 2018), DEFUSE 3 (Albers 2018), ANGEL-ASPECT (Huo 2023)."""


def _states(record: CaseRecord) -> Iterator[str]:
    yield record.case.state.value


def _reasons(record: CaseRecord) -> Iterator[str]:
    if record.case.state is CaseState.NOT_ANALYSED:
        yield reasons.code_of(record.case.reason)


def _reliability(record: CaseRecord) -> Iterator[str]:
    if record.analysed:
        yield "reliable" if record.analysed.trusted else "severe"


def _severe_flags(record: CaseRecord) -> Iterator[str]:
    if record.analysed:
        yield from {flag.code for flag in record.analysed.quality if flag.severity is Severity.SEVERE}


def _sides(record: CaseRecord) -> Iterator[str]:
    if record.trusted:
        yield record.trusted.side.value


def core_class(core_ml: float | None) -> str:
    """The class of a core by the trials' limits.

    >>> core_class(0.0), core_class(20.9), core_class(21.0), core_class(120.0), core_class(None)
    ('none', 'below_21', '21_to_31', 'from_100', 'unknown')
    """
    if core_ml is None:
        return "unknown"
    if core_ml <= 0.0:
        return NO_ANSWER
    return _CORE_CODES[sum(core_ml >= edge for edge in CORE_EDGES_ML)]


_NUMBERS = tuple(f"{edge:.0f}" for edge in CORE_EDGES_ML)
_PAIRS = tuple(pairwise(_NUMBERS))
_CORE_CODES = (f"below_{_NUMBERS[0]}", *(f"{low}_to_{high}" for low, high in _PAIRS), f"from_{_NUMBERS[-1]}")
_CORE_TEXTS = (
    f"Core below {_NUMBERS[0]} mL",
    *(f"Core {low} to below {high} mL" for low, high in _PAIRS),
    f"Core {_NUMBERS[-1]} mL or more",
)


def _cores(record: CaseRecord) -> Iterator[str]:
    if record.trusted:
        yield core_class(record.trusted.core_ml)


def _criteria(record: CaseRecord) -> Iterator[str]:
    if record.trusted:
        yield from (name for name, criterion in record.trusted.criteria.items() if criterion.met)


WORST_FIRST = (Agreement.CONTRADICT, Agreement.DIFFER, Agreement.AGREE)


def _agreement(record: CaseRecord) -> Iterator[str]:
    """The least of all networks' agreements."""
    if record.trusted:
        said = {network.agreement for network in record.trusted.networks}
        yield next((each.value for each in WORST_FIRST if each in said), NO_ANSWER)


def _opinions(record: CaseRecord) -> Iterator[str]:
    if record.trusted:
        agree = [opinion.agrees for opinion in record.trusted.opinions]
        yield NO_ANSWER if not agree else "agree" if all(agree) else "differ"


def _alerts(record: CaseRecord) -> Iterator[str]:
    if not record.first("alert_sent_at"):
        yield NO_ANSWER
    else:
        yield "acknowledged" if record.first("acknowledged_at") else "unanswered"


def _revisions(record: CaseRecord) -> Iterator[str]:
    yield "revised" if record.case.revision > 1 else "once"


def _revision_alerts(record: CaseRecord) -> Iterator[str]:
    if record.case.revision > 1:
        rang = sum("alert_sent_at" in times for times in record.moments.values())
        yield "again" if rang > 1 else "silent"


def _answer_times(record: CaseRecord) -> Iterator[str]:
    if record.first("alert_sent_at") and record.first("acknowledged_at"):
        seconds = record.seconds(ANSWERING)
        yield "unknown" if seconds is None else ANSWER_CODES[sum(seconds > limit_s for limit_s in ANSWER_S)]


def _levels(record: CaseRecord) -> Iterator[str]:
    level = level_of(record.calls)
    yield NO_ANSWER if level == 0 else str(level) if level < MANY_LEVELS else f"{MANY_LEVELS}_or_more"


def _judged(record: CaseRecord) -> Iterator[str]:
    yield "judged" if record.judged else NO_ANSWER


def _verdicts(record: CaseRecord) -> Iterator[str]:
    if record.judged:
        yield record.judged.verdict.value


def _reasons_of(verdict: Verdict) -> Callable[[CaseRecord], Iterator[str]]:
    def found(record: CaseRecord) -> Iterator[str]:
        if record.judged and record.judged.verdict is verdict:
            yield record.judged.reason.value if record.judged.reason else DRAWN

    return found


def _judged_alerts(record: CaseRecord) -> Iterator[str]:
    if record.judged:
        yield record.judged.said.value if record.judged.said in CLAIMS else NO_ANSWER


def _confirmed(claim: AlertClass) -> Callable[[CaseRecord], Iterator[str]]:
    def found(record: CaseRecord) -> Iterator[str]:
        if record.judged and record.judged.said is claim:
            yield "confirmed" if record.judged.confirms else "rejected"

    return found


ANSWERING = next(each for each in INTERVALS if each.code == "alert_to_acknowledged")
ANSWER_S = (60.0, 300.0)
ANSWER_CODES = ("within_1_min", "within_5_min", "later")
MANY_LEVELS = 3
DRAWN = "drawn"
"""An edited core that came as a segmentation says by itself what is wrong."""

CLASSES: Mapping[AlertClass, str] = {
    AlertClass.TARGET_MISMATCH: "Target mismatch",
    AlertClass.NO_TARGET_MISMATCH: "Lesion, no target mismatch",
    AlertClass.LESION: "Lesion, no rule applied",
    AlertClass.NO_LESION: "No lesion",
}
REASONS: Mapping[str, str] = {
    **{reason.value: reason.value.replace("_", " ").capitalize() for reason in Reason},
    DRAWN: "Drawn at a workstation",
}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of every case: which cells it belongs to, and what the cells are called."""

    code: str
    text: str
    of: Callable[[CaseRecord], Iterable[str]]
    answers: Mapping[str, str] = field(default_factory=dict)
    """Cells that are always shown; others follow by their code."""
    is_partition: bool = True
    part_of: tuple[str, str] | tuple[()] = ()


_ANALYSED, _RELIABLE = ("cases", "analysed"), ("reliability", "reliable")
_JUDGED = ("judged", "judged")

QUESTIONS = (
    Question("cases", "Cases by state", _states,
             {"analysed": "Analysed", "not_analysed": "Not analysed", "no_perfusion": "No perfusion scan",
              "receiving": "Receiving", "analysing": "Being analysed", "received": "From another hospital, analysed there"}),
    Question("not_analysed", "Not analysed, by reason", _reasons, reasons.TEXTS, part_of=("cases", "not_analysed")),
    Question("reliability", "Analysed, by quality", _reliability,
             {"reliable": "Numbers reliable", "severe": "Severe quality problem: no numbers shown"}, part_of=_ANALYSED),
    Question("severe_quality", "Severe quality problems", _severe_flags, is_partition=False,
             part_of=("reliability", "severe")),
    Question("side", "Side of the lesion", _sides,
             {Side.LEFT: "Left", Side.RIGHT: "Right", Side.BILATERAL: "Both", Side.NONE: "No lesion found"},
             part_of=_RELIABLE),
    Question("core_volume", "Core volume", _cores,
             {NO_ANSWER: "No core", **dict(zip(_CORE_CODES, _CORE_TEXTS, strict=True))}, part_of=_RELIABLE),
    Question("criteria_met", "Imaging criteria met", _criteria, is_partition=False, part_of=_RELIABLE),
    Question("network_agreement", "Network and first method", _agreement,
             {Agreement.AGREE: "Agree", Agreement.DIFFER: "Differ", Agreement.CONTRADICT: "Contradict",
              NO_ANSWER: "Not compared"}, part_of=_RELIABLE),
    Question("method_agreement", "Other methods and first method", _opinions,
             {"agree": "All agree", "differ": "One differs", NO_ANSWER: "Not compared"}, part_of=_RELIABLE),
    Question("alerts", "Alerts", _alerts,
             {"acknowledged": "Acknowledged", "unanswered": "Not acknowledged", NO_ANSWER: "No alert"}),
    Question("revisions", "Revisions by late images", _revisions, {"once": "Not revised", "revised": "Revised"}),
    Question("revision_alerts", "Revised, by alert", _revision_alerts,
             {"again": "Alerted again", "silent": "Changed nothing for the team"}, part_of=("revisions", "revised")),
    Question("answer_times", "Answered alerts, by time to the answer", _answer_times,
             dict(zip(ANSWER_CODES, ("Within 1 min", "Later, within 5 min", "Later"), strict=True)),
             part_of=("alerts", "acknowledged")),
    Question("levels", "Cases by the last level that was called", _levels,
             {NO_ANSWER: "Nobody by name", "1": "First level", "2": "Second level",
              f"{MANY_LEVELS}_or_more": "Third level or later"}),
    Question("judged", "Cases that a radiologist judged", _judged, {"judged": "Judged", NO_ANSWER: "Not judged"}),
    Question("verdicts", "Judgements", _verdicts, {"agree": "Agrees", "edit": "Edited", "reject": "Rejected"},
             part_of=_JUDGED),
    Question("edited", "Edited, by reason", _reasons_of(Verdict.EDIT), REASONS, part_of=("verdicts", "edit")),
    Question("rejected", "Rejected, by reason", _reasons_of(Verdict.REJECT), REASONS, part_of=("verdicts", "reject")),
    Question("judged_alerts", "Judged alerts, by what they said", _judged_alerts,
             {**{claim.value: text for claim, text in CLASSES.items()}, NO_ANSWER: "Nothing that could be confirmed"}, part_of=_JUDGED),
    *(Question(f"confirmed_{claim.value}", f"Judged alerts: {CLASSES[claim].lower()}", _confirmed(claim),
               {"confirmed": "Confirmed", "rejected": "Not confirmed"}, part_of=("judged_alerts", claim.value))
      for claim in CLAIMS),
)  # fmt: skip
"""A question comes after the one whose cell it divides."""
