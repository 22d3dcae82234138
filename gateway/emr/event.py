"""A report as JSON for a webhook: computed, with nothing read or sent."""

import base64
import json
from typing import Any

from gateway.emr.mapping import SERVICE
from gateway.emr.observations import Observation, as_configured, observations
from gateway.emr.report import Report
from gateway.emr.settings import WebhookDestination

FORMAT = "stroke-gateway-result-1"


def event(report: Report, destination: WebhookDestination) -> dict[str, Any]:
    """Write the event: person and order, status, and every observation with its code and unit; none when it is withdrawn."""
    told_of = observations(report.result, report.link, destination.language)
    seen = [] if report.is_withdrawn else [*told_of]
    wanted = [one for one in (as_configured(each, destination) for each in seen) if one is not None]
    person, recipient = report.recipient.identity, report.recipient
    told: dict[str, Any] = {
        "format": FORMAT,
        "notice": report.notice,
        "control_id": report.control_id,
        "replaces": report.former_control_id or None,
        "case_id": report.case_id,
        "revision": report.revision,
        "edition": report.edition,
        "status": report.standing.fhir,
        "change": report.replacement or None,
        "study_uid": report.result.study_uid,
        "service": SERVICE._asdict(),
        "observed_at": report.observed_at.isoformat(),
        "sent_at": report.sent_at.isoformat(),
        "link": report.link,
        "patient": {
            "identifiers": [
                {"value": number.value, "kind": number.kind.value, "issuer": number.issuer}
                for number in recipient.numbers
            ],
            "name": person.name,
            "birth_date": person.birth_date,
            "sex": person.sex,
        },
        "order": {
            "placer": recipient.placer,
            "filler": recipient.filler,
            "filed_under": report.number[0],
            "accession_number": recipient.accession_number,
        },
        "observations": [_observation(one) for one in wanted],
    }
    if destination.include_pdf:
        told["report_pdf"] = base64.b64encode(report.pdf).decode("ascii") if report.pdf else None
    return told


def body(told: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent."""
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()


def _observation(seen: Observation) -> dict[str, Any]:
    unit = seen.entry.unit
    return {
        "key": seen.entry.key,
        **seen.name._asdict(),
        "value": seen.value or None,
        "coded": seen.code._asdict() if seen.code else None,
        "range": seen.ends,
        "unit": unit.fhir if unit else None,
    }
