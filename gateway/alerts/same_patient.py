"""Who has another study of the same patient: whoever treats somebody hears of further images first."""

from datetime import datetime, timedelta

from gateway.desk import Desk
from gateway.ledger.records import Case
from gateway.orders.headers import header_of_study
from triage.errors import GatewayError


def holder_of_patient(desk: Desk, case: Case, now: datetime) -> str | None:
    """Return the person who last took another study of this case's patient; None where there is none, or in doubt."""
    since = now - timedelta(hours=desk.config.alerts.same_patient_hours)
    takers = desk.ledger.thread.takers_since(since)
    others = desk.ledger.cases.of_ids([case_id for case_id in takers if case_id != case.id])
    for case_id in sorted(others, key=lambda each: takers[each].id, reverse=True):
        person = desk.ledger.people.get(takers[case_id].person_id or "")
        if person and person.active and _same(desk, case.study_uid, others[case_id].study_uid):
            return person.id
    return None


def _same(desk: Desk, study_uid: str, other_uid: str) -> bool:
    """Whether records or images say that two studies are of one patient.

    A number alone proves nothing: hospitals count alike. So issuer and birth date must be equal too.
    """
    matches = desk.ledger.orders.matches.of_studies([study_uid, other_uid])
    known = {match.identity_key for match in matches.values() if match.identity_key}
    if len(matches) > 1 and all(match.identity_key for match in matches.values()):
        return len(known) == 1
    try:
        mine, theirs = header_of_study(desk, study_uid), header_of_study(desk, other_uid)
    except GatewayError:
        return False
    person, other = ((header.numbers[:1], header.issuer, header.birth_date) for header in (mine, theirs))
    return person == other and all((mine.numbers[:1], mine.birth_date))
