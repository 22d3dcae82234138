"""Cases with known figures, in values and in a real ledger."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, update

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
from gateway.statistics.records import CaseRecord
from triage.results import QualityFlag, Severity, TriageResult

CANARY = "CANARY^TUẤN"
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
    first: datetime = MARCH,
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
    return CaseRecord.of(case, known, handed)


def a_delivery(study_uid: str, kind: DeliveryKind, target: str, state: DeliveryState) -> Delivery:
    at, case_id = utc_text(MARCH), case_id_of(study_uid)
    return Delivery(f"{kind}:{case_id}:{target}", case_id, 1, kind, target, state, 1, CANARY, at, at, at)


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
                row = {"case_id": case.id, "revision": revision, "name": name, "at": at}
                connection.execute(insert(moments).values(**row))
        for each in record.deliveries:
            row = {name: getattr(each, name) for name in Delivery.__slots__}
            connection.execute(insert(deliveries).values(**row))
