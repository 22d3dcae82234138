"""What the phantom is: its numbers as they were drawn, and how near an analysis must come. Loads no numerical library."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from triage.results import Side, Status

IMAGES = 72
"""Of one study."""

PERSON, PERSON_NUMBER = "PHANTOM^SILENCE WATCH", "STROKE-PHANTOM"
"""Whom the images name."""

SIDE, CORE_ML, HYPOPERFUSED_ML = Side.LEFT, 9.728, 25.344
"""As drawn; a test draws it again and counts."""

CORE_TOLERANCE_ML, HYPOPERFUSED_TOLERANCE_ML = 1.0, 1.0
"""Other noises of the same strength move the core by up to 0.13 ml in 23 of 24, by 0.54 ml in the other, the hypoperfused volume
by 0.03 ml; a wrong sign, unit or threshold by far more."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out beside what went in; `difference` is empty when they agree."""

    difference: str
    numbers: Mapping[str, float | str]


def compared(result: Mapping[str, Any]) -> Comparison:
    """Hold a result, as `TriageResult.to_json` writes it, against the truth.

    >>> compared({"status": "analysed", "side": "left", "core_ml": 9.7, "hypoperfused_ml": 25.3}).difference
    ''
    >>> compared({"status": "analysed", "side": "right", "core_ml": 9.7, "hypoperfused_ml": 25.3}).difference
    'the side is right instead of left'
    """
    numbers = {name: result[name] for name in ("side", "core_ml", "hypoperfused_ml") if name in result}
    if result["status"] != Status.ANALYSED.value:
        return Comparison(f"it was not analysed: {result.get('reason') or 'no reason was given'}", numbers)
    faults = [
        f"the {name} is {found:.1f} ml instead of {drawn:.1f} ml"
        for name, found, drawn, tolerance in (
            ("core", result["core_ml"], CORE_ML, CORE_TOLERANCE_ML),
            ("hypoperfused volume", result["hypoperfused_ml"], HYPOPERFUSED_ML, HYPOPERFUSED_TOLERANCE_ML),
        )
        if abs(found - drawn) > tolerance
    ]
    if result["side"] != SIDE.value:
        faults.insert(0, f"the side is {result['side']} instead of {SIDE.value}")
    return Comparison(" and ".join(faults), numbers)
