"""Single items of the measurement report: numbers with their intervals, verdicts, remarks.

References
----------
PS3.16 TID 300 and 310 (measurement, its uncertainty), TID 4019 (algorithm identification). PS3.3 C.18.1: a number that
does not exist has no measured value and a qualifier that says why.
"""

from collections.abc import Iterator
from decimal import Decimal

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    ContentItem,
    ContentSequence,
    Measurement,
    NumContentItem,
    RelationshipTypeValues,
    TextContentItem,
)
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.valuerep import DS

from triage.results import Criterion, QualityFlag, SecondOpinion, Status, TriageResult
from viewer_bridge.objects import codes
from viewer_bridge.quantities import RATIO, Quantity

UNITS = {code.value: code for code in (codes.MILLILITRE, codes.RATIO, codes.SECOND, codes.PERCENT)}

COVERAGE_PERCENT = 90.0
"""Of the intervals of `TriageResult`."""

CONTAINS, PROPERTY = RelationshipTypeValues.CONTAINS, RelationshipTypeValues.HAS_PROPERTIES


def number(result: TriageResult, quantity: Quantity, name: Code | None = None) -> Measurement:
    """Return one number to the digit that every report prints, with threshold and interval.

    Parameters
    ----------
    name
        Standard concept that says it where the number stands; our own code when not given.
    """
    figure = quantity.printed(result)
    unit = UNITS[quantity.unit]
    built = Measurement(
        name=name or codes.local(quantity.code, quantity.text),
        value=float(figure or 0),
        unit=unit,
        qualifier=None if figure else _why_none(result, quantity),
    )
    (item,) = built
    _write(item, figure)
    properties = ContentSequence([*_threshold(quantity), *_interval(result, quantity, unit)])
    if properties:
        item.ContentSequence = properties
    return built


def volume(name: Code, ml: float | None) -> Measurement:
    """Return a volume that no table knows, to the digit that volumes are printed with; None is one that failed."""
    why = codes.MEASUREMENT_FAILURE if ml is None else None
    built = Measurement(name=name, value=ml or 0.0, unit=codes.MILLILITRE, qualifier=why)
    _write(built[0], f"{ml or 0.0:.1f}")
    return built


def share(name: Code, value: float) -> Measurement:
    """Return a number between nothing and one, with two decimals."""
    built = Measurement(name=name, value=value, unit=codes.RATIO)
    _write(built[0], f"{value:.2f}")
    return built


def _write(item: NumContentItem, figure: str) -> None:
    """Write a figure as it is printed; the binary number beside it would be another one."""
    (value,) = item.MeasuredValueSequence
    value.NumericValue = DS(figure or "0")
    del value.FloatingPointValue


def drop_placeholders(content: Dataset) -> None:
    """Take the value from every number below `content` that has a reason for not existing.

    highdicom cannot build a number without a value, so this comes when the document stands.
    """
    for item in content.get("ContentSequence", ()):
        if "NumericValueQualifierCodeSequence" in item:
            item.MeasuredValueSequence = []
        drop_placeholders(item)


def _why_none(result: TriageResult, quantity: Quantity) -> Code:
    """PS3.16 CID 42."""
    if result.status is Status.NOT_ANALYSED:
        return codes.NOT_ATTEMPTED
    undefined = result.trusted and quantity.unit == RATIO  # nothing to divide by
    return codes.DIVIDE_BY_ZERO if undefined else codes.INDETERMINATE


def _threshold(quantity: Quantity) -> Iterator[ContentItem]:
    if quantity.cut:
        limit, unit = quantity.cut
        yield _property(codes.THRESHOLD, f"{limit:g}", UNITS[unit])


def _interval(result: TriageResult, quantity: Quantity, unit: Code) -> Iterator[ContentItem]:
    """How far the truth may lie above and below; value and distance add up to the printed end."""
    ends = quantity.ends(result)
    if ends is None:
        return
    figure, (low, high) = Decimal(quantity.printed(result)), ends
    if high:
        yield _property(codes.UPPER_UNCERTAINTY, str(Decimal(high) - figure), unit)
    yield _property(codes.LOWER_UNCERTAINTY, str(figure - Decimal(low)), unit)
    yield _property(codes.COVERAGE, f"{COVERAGE_PERCENT:g}", codes.PERCENT)


def _property(name: Code, figure: str, unit: Code) -> NumContentItem:
    item = NumContentItem(name, float(figure), unit, relationship_type=PROPERTY)
    _write(item, figure)
    return item


def coded(name: Code, value: Code, *properties: ContentItem) -> CodeContentItem:
    """Return a coded statement with what is to be said about it."""
    item = CodeContentItem(name, value, CONTAINS)
    if properties:
        item.ContentSequence = ContentSequence(properties)
    return item


def remark(name: Code, words: str, relation: RelationshipTypeValues = CONTAINS) -> TextContentItem:
    """Return a statement in words."""
    return TextContentItem(name, words, relation)


def verdict(name: str, criterion: Criterion) -> CodeContentItem:
    """Return a trial's rule: met or not, how certainly, in words, where it turns, and what is not known here."""
    trial = codes.local(f"criterion-{name}", f"Imaging criteria: {name.replace('_', ' ').upper()}")
    said = [remark(codes.COMMENT, criterion.text, PROPERTY)]
    if criterion.changes_if:
        said.append(remark(codes.CHANGES_IF, criterion.changes_if, PROPERTY))
    said += [remark(codes.MISSING, missing, PROPERTY) for missing in criterion.missing]
    return coded(trial, codes.VERDICTS[criterion.met, criterion.certain], *said)


def quality_finding(flag: QualityFlag) -> CodeContentItem:
    """Return one thing that a reader should know about the scan, with its severity."""
    what = codes.local(flag.code, flag.code.replace("_", " ").capitalize())
    severity = CodeContentItem(codes.SEVERITY, codes.SEVERITIES[flag.severity], PROPERTY)
    return coded(codes.QUALITY_FINDING, what, severity, remark(codes.COMMENT, flag.text, PROPERTY))


def agreement(opinion: SecondOpinion) -> CodeContentItem:
    """Return whether another method agrees, and its sentence."""
    return coded(codes.AGREEMENT, codes.AGREES[opinion.agrees], remark(codes.COMMENT, opinion.text, PROPERTY))


def algorithm(name: str, version: str, *parameters: str) -> AlgorithmIdentification:
    """Return who computed (TID 4019)."""
    return AlgorithmIdentification(name, version, parameters, family=codes.ARTIFICIAL_INTELLIGENCE)
