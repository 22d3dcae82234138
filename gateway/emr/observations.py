"""What a report says of a result, whatever the format: every row of the mapping with its value.

Every report of a study carries the same observations in the same order; what could not be obtained, or must not be
trusted, has no value. A revised report therefore replaces all of an earlier one, number by number.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from gateway.emr.mapping import MAPPING, SIDES, STUDY, Coding, Entry
from gateway.emr.settings import Destination
from triage.results import Criterion, Estimator, ModelFinding, Status, TriageResult
from viewer_bridge.figures import AGREEMENTS, named, network_said, shown_flags, without_model
from viewer_bridge.quantities import QUANTITIES, Quantity
from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.wording.phrases import translated

Translate = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Observation:
    """One row with its value: a plain text, a code, or the ends of an interval; none of them where it was not obtained."""

    entry: Entry
    value: str = ""
    code: Coding | None = None
    ends: tuple[str, str] | None = None

    @property
    def type(self) -> str:
        """Value type of HL7 v2."""
        return self.entry.form.value

    @property
    def name(self) -> Coding:
        """What the record calls it."""
        return self.entry.name

    @property
    def is_obtained(self) -> bool:
        """Whether it has a value."""
        return bool(self.value or self.code or self.ends)


def observations(
    result: TriageResult, link: str, language: Language = Language.ENGLISH
) -> Iterator[Observation]:
    """Every observation of a result but the report's file, in the mapping's order; `link` leads to the case's page."""

    def put(text: str) -> str:
        return translated(text, language)

    values: dict[str, Observation] = {}
    for key, text in {**_texts(result, put), STUDY: result.study_uid, "case-page": link}.items():
        values[key] = Observation(MAPPING[key], text)
    side = SIDES[result.side] if result.trusted else None
    values["lesion-side"] = Observation(MAPPING["lesion-side"], code=side)
    for quantity in QUANTITIES:
        values |= _measured(result, quantity)
    yield from (values[key] for key in MAPPING if key in values)


def as_configured(seen: Observation, destination: Destination) -> Observation | None:
    """An observation as a destination wants it: in its language, by its overrides; None where it wants none."""
    entry = seen.entry
    override = destination.overrides.get(entry.key)
    if override is None and destination.language is Language.ENGLISH:
        return seen
    if override and override.omit:
        return None
    text = (override and override.text) or entry.text_in(destination.language)
    code = (override and override.code) or entry.name.code
    scheme = (override and override.scheme) or entry.name.scheme
    return replace(seen, entry=replace(entry, name=Coding(code, text, scheme)))


def _measured(result: TriageResult, quantity: Quantity) -> Mapping[str, Observation]:
    found = {quantity.code: Observation(MAPPING[quantity.code], quantity.printed(result))}
    if quantity.interval:
        key = f"{quantity.code}-interval"
        found[key] = Observation(MAPPING[key], ends=quantity.ends(result))
    return found


def _texts(result: TriageResult, put: Translate) -> Mapping[str, str]:
    trusted = result.trusted
    return {
        "analysis-status": _status(result, put),
        "trial-criteria": _criteria(result, put) if trusted else "",
        "other-methods": _opinions(result, put) if trusted else "",
        "normal-reference": put(result.reference) if trusted else "",
        "quality": _quality(result, put),
        "software": _software(result),
    }


def _status(result: TriageResult, put: Translate) -> str:
    if result.status is Status.NOT_ANALYSED:
        return f"not analysed: {put(result.reason or '')} - look at the images"
    if result.estimator is Estimator.TIME_TO_PEAK:
        return "time to peak only, no arterial input: no volumes - look at the images"
    return "analysed" if result.trusted else "analysed; do not trust the numbers - look at the images"


def _criteria(result: TriageResult, put: Translate) -> str:
    return "\n".join(_judged(criterion, put) for criterion in result.criteria.values())


def _judged(criterion: Criterion, put: Translate) -> str:
    turns = f"; changes if {criterion.changes_if}" if criterion.changes_if else ""
    doubt = "" if criterion.certain else "; uncertain, inside the 90 % interval"
    return f"{put(criterion.text)}{turns}{doubt}"


def _opinions(result: TriageResult, put: Translate) -> str:
    verdicts = {True: "agrees", False: "differs"}
    others = [f"{verdicts[o.agrees]}: {o.name}: {put(o.text)}" for o in result.opinions]
    return "\n".join([*others, *map(_network, result.networks)])


def _network(model: ModelFinding) -> str:
    verdict = f"{AGREEMENTS[model.agreement]}: " if model.agreement else ""
    return f"{verdict}network {named(model)}: {network_said(model)}"


def _quality(result: TriageResult, put: Translate) -> str:
    return "\n".join(f"{flag.severity}: {put(flag.text)}" for flag in shown_flags(result)) or "no remarks"


def _software(result: TriageResult) -> str:
    programs = [f"{name} {version}" for name, version in sorted(result.versions.items())]
    models = [f"model {model.name} {model.version} sha256 {model.sha256}" for model in result.models]
    missing = [f"no model installed: {task}" for task in without_model(result.tasks)]
    return "\n".join(programs + models + missing)
