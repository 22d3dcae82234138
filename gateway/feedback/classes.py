"""What an alert said, as one of a few classes: alerts of a class are judged together."""

import math
from dataclasses import replace
from enum import StrEnum

from triage import criteria
from triage.results import Estimator, Status, TriageResult


class AlertClass(StrEnum):
    """What the headline of an alert claims; the words are kept in the ledger and must not change."""

    TARGET_MISMATCH = "target_mismatch"
    NO_TARGET_MISMATCH = "no_target_mismatch"
    """A lesion, and no trial's mismatch."""
    LESION = "lesion"
    """A lesion, where no trial's rule was applied."""
    NO_LESION = "no_lesion"
    NO_VOLUMES = "no_volumes"
    UNTRUSTED = "untrusted"
    NOT_ANALYSED = "not_analysed"


CLAIMS = (
    AlertClass.TARGET_MISMATCH,
    AlertClass.NO_TARGET_MISMATCH,
    AlertClass.LESION,
    AlertClass.NO_LESION,
)
"""Classes that say something of the patient, which may turn out true or not; the others only send people to the images."""

MISMATCH_TRIALS = ("defuse_3", "extend")
"""Trials whose imaging rule is a target mismatch."""


def class_of(result: TriageResult) -> AlertClass:
    """The class of the alert that a result makes.

    >>> class_of(TriageResult(Status.NOT_ANALYSED, "motion", "1", "2")).value
    'not_analysed'
    """
    if result.status is Status.NOT_ANALYSED:
        return AlertClass.NOT_ANALYSED
    if not result.trusted:
        only_time_to_peak = result.estimator is Estimator.TIME_TO_PEAK
        return AlertClass.NO_VOLUMES if only_time_to_peak else AlertClass.UNTRUSTED
    known = result.criteria
    if any(known[name].met for name in MISMATCH_TRIALS if name in known):
        return AlertClass.TARGET_MISMATCH
    if max(_finite(result.core_ml), _finite(result.hypoperfused_ml)) <= 0.0:
        return AlertClass.NO_LESION
    return AlertClass.NO_TARGET_MISMATCH if known else AlertClass.LESION


def with_core(result: TriageResult, core_ml: float) -> TriageResult:
    """The result with another core: the trials' rules are applied to it, everything else stays."""
    known = criteria.judged(core_ml, _finite(result.hypoperfused_ml), {}) if result.criteria else {}
    return replace(result, core_ml=core_ml, criteria=known)


def _finite(volume_ml: float | None) -> float:
    return volume_ml if volume_ml is not None and math.isfinite(volume_ml) else 0.0
