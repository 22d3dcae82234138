"""Cases with known figures, in values and in a real ledger."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert, update

from gateway.feedback.classes import AlertClass
from gateway.feedback.judgement import Judgement, Reason, Verdict
from gateway.ledger.call import Call, case_subject
from gateway.ledger.calls_tables import CALL_TIMES, calls
from gateway.ledger.records import (
    Case,
    CaseState,
    Delivery,
    DeliveryKind,
    DeliveryState,
    case_id_of,
    utc_text,
)
from gateway.ledger.schema import TIMES, cases, deliveries, moments
from gateway.statistics.intervals import SCANNED
from gateway.statistics.records import CaseRecord
from gateway.team.contacts import ChannelKind
from triage.results import QualityFlag, Severity, TriageResult

CANARY = "CANARY^TUẤN"
CANARY_PERSON = "CANARY-PERSON"
MARCH = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
SEVERE = QualityFlag("truncated", Severity.SEVERE, "the scan ends early")
ANSWERED = {"first_image_at": 0.0, "last_image_at": 40.0, "alert_sent_at": 44.0, "acknowledged_at": 104.0}


def a_record(
    study_uid: str,
    result: TriageResult | None = None,
    state: CaseState = CaseState.ANALYSED,
    after_s: dict[int, dict[str, float]] | None = None,
    handed: tuple[Delivery, ...] = (),
    reason: str | None = None,
    *,
    first: datetime = MARCH,
    called: tuple[Call, ...] = (),
    judgements: tuple[Judgement, ...] = (),
) -> CaseRecord:
    """A case; `after_s` has the seconds of its times after the first image, by revision."""
    told = {1: ANSWERED} if after_s is None else after_s
    known = {
        revision: {name: utc_text(first + timedelta(seconds=s)) for name, s in times.items()}
        for revision, times in told.items()
    }
    times = dict.fromkeys(TIMES) | {"first_image_at": utc_text(first)}
    case = Case(
        case_id_of(study_uid), study_uid, state, max(told, default=1), reason, None, None, 0, 0,
        CANARY, result.to_json() if result else None, times,
    )  # fmt: skip
    told = {SCANNED: utc_text(first)}  # nobody tells of the scan but its first image
    return CaseRecord.of(case, known, handed, called, judgements, told)


def a_delivery(study_uid: str, kind: DeliveryKind, target: str, state: DeliveryState) -> Delivery:
    at, case_id = utc_text(MARCH), case_id_of(study_uid)
    return Delivery(f"{kind}:{case_id}:{target}", case_id, 1, kind, target, state, 1, CANARY, at, at, at)


def a_call(study_uid: str, kind: ChannelKind, step: int = 0, revision: int = 1, **after_s: float) -> Call:
    """A call of somebody; `after_s` has the seconds of its times after the first image."""
    case_id = case_id_of(study_uid)
    times = {name: utc_text(MARCH + timedelta(seconds=s)) for name, s in after_s.items()}
    return Call(
        str(uuid4()), case_subject(case_id, revision), case_id, revision, step, 0, "alert", CANARY_PERSON, "k", 0,
        kind, CANARY, times={**dict.fromkeys(CALL_TIMES), "queued_at": utc_text(MARCH), **times},
    )  # fmt: skip


def a_judgement(
    study_uid: str,
    verdict: Verdict,
    reason: Reason | None = None,
    said: AlertClass = AlertClass.TARGET_MISMATCH,
    holds: bool | None = True,
    **more,
) -> Judgement:
    return Judgement(
        case_id_of(study_uid),
        1,
        verdict,
        reason,
        CANARY,
        CANARY_PERSON,
        CANARY,
        said,
        holds,
        utc_text(MARCH),
        **more,
    )


def keep(ledger, record: CaseRecord) -> None:
    """Write a record into the tables as the services leave them."""
    case = record.case
    ledger.cases.open(case.study_uid, record.came_at)
    values = {name: getattr(case, name) for name in ("revision", "reason", "acknowledged_by", "result")}
    with ledger.engine.begin() as connection:
        mine = update(cases).where(cases.c.id == case.id)
        connection.execute(mine.values(state=case.state.value, **values))
        for revision, times in record.moments.items():
            for name, at in times.items():
                if name not in TIMES:
                    continue
                row = {"case_id": case.id, "revision": revision, "name": name, "at": at}
                connection.execute(insert(moments).values(**row))
        for each in record.deliveries:
            row = {name: getattr(each, name) for name in Delivery.__slots__}
            connection.execute(insert(deliveries).values(**row))
        for call in record.calls:
            row = {name: getattr(call, name) for name in Call.__slots__ if name != "times"}
            row |= {"kind": call.kind.value, "state": call.state.value, "updated_at": utc_text(MARCH)}
            connection.execute(insert(calls).values(**row, **call.times))
    for judgement in record.judgements:
        ledger.judgements.add(judgement)
