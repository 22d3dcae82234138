"""What a destination would be sent, without sending it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.config import Config
from gateway.emr.bundle import bundle
from gateway.emr.event import event
from gateway.emr.mapping import PRELIMINARY
from gateway.emr.mdm import mdm_t02
from gateway.emr.oru import oru_r01
from gateway.emr.recipient import SAMPLE
from gateway.emr.report import Report, control_id_for
from gateway.emr.settings import (
    EmrDestination,
    FhirDestination,
    MdmDestination,
    OruDestination,
    WebhookDestination,
)
from gateway.release import versions
from triage.results import Criterion, Interval, QualityFlag, Severity, Side, Status, TriageResult

SAMPLE_CASE = "00000000-0000-5000-8000-000000000000"
SAMPLE_PDF = b"%PDF-1.7 sample"

LONGEST_LINE = 400
"""Characters of a line that are shown; a file in base 64 is cut, and its length told."""


def sample_report(config: Config) -> Report:
    """A made-up result of nobody, with everything in it that a result can have, an undefined ratio and a true 0."""
    moment = datetime(2026, 1, 1, 12, tzinfo=UTC)
    result = TriageResult(
        Status.ANALYSED,
        None,
        "1.2.826.0.1.3680043.0.1",
        "1.2.826.0.1.3680043.0.1.1",
        side=Side.LEFT,
        core_ml=0.0,
        hypoperfused_ml=48.2,
        mismatch_ml=48.2,
        mismatch_ratio=None,
        hypoperfusion_intensity_ratio=0.31,
        volumes_ml={"tmax_gt_6": 48.2},
        intervals={"hypoperfused_ml": Interval(41.0, 57.0)},
        criteria={"sample": Criterion(met=True, missing=("age",), text="Sample criterion met")},
        quality=(QualityFlag("sample", Severity.INFO, "made-up result"),),
        versions=versions(),
    )
    key = f"emr:{SAMPLE_CASE}:r1:sample"
    return Report(
        result=result,
        recipient=SAMPLE,
        case_id=SAMPLE_CASE,
        revision=1,
        control_id=control_id_for(key),
        standing=PRELIMINARY,
        sent_at=moment,
        observed_at=moment,
        computed_at=moment,
        link=f"{config.http.base_url}/cases/{SAMPLE_CASE}",
        pdf=SAMPLE_PDF,
        site=config.site.name,
    )


def anonymous(report: Report) -> Report:
    """The same report of nobody."""
    return replace(report, recipient=SAMPLE)


def _as_json(told: Mapping[str, Any]) -> str:
    return json.dumps(told, ensure_ascii=False, indent=1)


WRITERS: Mapping[type[Any], Callable[[Report, Any], str]] = {
    OruDestination: lambda report, where: oru_r01(report, where).replace("\r", "\n"),
    MdmDestination: lambda report, where: mdm_t02(report, where).replace("\r", "\n"),
    FhirDestination: lambda report, where: _as_json(bundle(report, where)),
    WebhookDestination: lambda report, where: _as_json(event(report, where)),
}


def shown(report: Report, destination: EmrDestination) -> str:
    """The message as text for a terminal: a line a segment, or indented JSON; long values are cut."""
    text = WRITERS[type(destination)](report, destination)
    return "\n".join(map(_cut, text.split("\n")))


def _cut(line: str) -> str:
    """A line without most of a file.

    >>> _cut("a" * 500)[-22:]
    'aa... (500 characters)'
    """
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}... ({len(line)} characters)"
