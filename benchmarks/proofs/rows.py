"""Rows as whoever writes them would leave them in the ledger, each made around one string."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from gateway.feedback.classes import AlertClass
from gateway.feedback.judgement import Reason, Verdict
from gateway.ledger.records import utc_text
from gateway.ledger.sharing_answers import Direction
from gateway.ledger.thread import PostKind
from gateway.ledger.troubles import TroubleKind
from gateway.team.people import Person, Role
from tests.phone.staging import Team

Plain = dict[str, Any]

TAKEN = "taken"
"""The case that everything is said about."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Strings of one round, and the site that they are written into."""

    team: Team
    person: Person
    strings: Sequence[str]

    @property
    def now(self) -> str:
        """As the ledger writes it."""
        return utc_text(datetime.now(UTC))

    @property
    def case_id(self) -> str:
        """Of the case that everything is said about."""
        return self.team.ids[TAKEN]

    def other(self, place: int) -> str:
        """Another string of the batch, so that two columns of a row differ."""
        return self.strings[(place * 7 + 3) % len(self.strings)]


def _id(text: str) -> str:
    return str(uuid5(NAMESPACE_OID, text))


def _case(batch: Batch) -> Plain:
    return {"case_id": batch.case_id, "revision": 1}


def post(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    kinds = list(PostKind)
    made = {"kind": kinds[place % len(kinds)].value, "person_id": None, "at": batch.now}
    return {**_case(batch), **made, "name": batch.other(place), "text": text}


def person(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    roles = [list(Role)[place % len(Role)].value]
    made = {"id": _id(text), "language": "en", "active": True, "created_at": batch.now, "roles": roles}
    return {**made, "login": text.lower(), "name": batch.other(place), "phone": text}


def contact(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    kind = ("webhook", "email", "mqtt", "zalo", "apprise")[place % 5]
    made = {"id": _id(text), "person_id": batch.person.id, "place": place, "kind": kind, "active": True}
    return {**made, "address": text, "secret": "x" * 16}


def device(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {
        "id": _id(text),
        "person_id": batch.person.id,
        "p256dh": "x",
        "auth": "x",
        "created_at": batch.now,
    }
    return {**made, "endpoint": f"https://push.invalid/{place}", "label": text}


def passkey(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"public_key": b"", "sign_count": 0, "synced": True, "created_at": batch.now}
    return {
        **made,
        "id": _id(text),
        "credential_id": str(place),
        "person_id": batch.person.id,
        "label": text,
    }


def session(batch: Batch, text: str, _: int) -> Plain:
    """A row around a string."""
    later = utc_text(datetime.now(UTC) + timedelta(hours=8))
    made = {"digest": _id(text), "id": _id(f"s{text}"), "person_id": batch.person.id, "stage": "whole"}
    return {
        **made,
        "means": "hostile",
        "device": text,
        "opened_at": batch.now,
        "seen_at": batch.now,
        "ends_at": later,
    }


def swap(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    now = datetime.now(UTC)
    ends = utc_text(now + timedelta(hours=1 + place % 40))
    made = {"id": _id(text), "role": Role.STROKE_DOCTOR.value, "starts_at": utc_text(now), "ends_at": ends}
    return {**made, "absent": None, "instead": batch.person.id, "by": batch.other(place), "note": text}


def judgement(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    reason = list(Reason)[place % len(Reason)].value
    made = {
        "verdict": Verdict.REJECT.value,
        "reason": reason,
        "person_id": None,
        "confirms": False,
        "at": batch.now,
    }
    said = next(iter(AlertClass)).value
    return {
        **_case(batch),
        **made,
        "said": said,
        "name": batch.other(place),
        "text": text,
        "origin": _id(text),
    }


def access(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {
        "number": 1_000_000 + place,
        "at": batch.now,
        "kind": "person",
        "person_id": None,
        "digest": "0" * 64,
    }
    return {**made, "action": "opened", "case_id": batch.case_id, "name": batch.other(place), "detail": text}


def call(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"id": _id(text), "subject": f"case:{batch.case_id}:r1", "step": 1, "turn": 0, "notice": "alert"}
    state = {"place": 0, "kind": "webhook", "state": "failed", "attempts": 1, "updated_at": batch.now}
    times = {"queued_at": batch.now}
    return {**_case(batch), **made, **state, **times, "target": batch.other(place), "detail": text}


def delivery(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    kind = ("alert", "emr", "publish")[place % 3]
    made = {
        "id": f"{kind}:{batch.case_id}:r1:{place}",
        "kind": kind,
        "state": "failed",
        "attempts": 1,
        "queued_at": batch.now,
    }
    return {**_case(batch), **made, "updated_at": batch.now, "target": batch.other(place), "detail": text}


def destination(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    return {"name": text, "paused_at": batch.now, "paused_by": batch.other(place), "trouble": text}


def letter(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {
        "delivery_id": _id(text),
        "case_id": batch.case_id,
        "edition": 1,
        "cause": "result",
        "is_open": True,
    }
    return {**made, "destination": batch.other(place), "reason": text}


def trouble(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    kind = list(TroubleKind)[place % len(TroubleKind)].value
    closed = batch.now if place % 2 else None
    made = {"id": _id(text), "kind": kind, "opened_at": batch.now, "told_at": batch.now, "closed_at": closed}
    return {**made, "closing": text, "subject": batch.other(place), "detail": text}


def probe(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"key": str(place), "kind": "webhook", "next_at": batch.now, "listed_at": batch.now, "failures": 3}
    return {**made, "target": batch.other(place), "reason": text, "probed_at": batch.now}


def clock(batch: Batch, text: str, _: int) -> Plain:
    """A row around a string."""
    return {"reference": text, "offset_s": 9.0, "uncertainty_s": 1.0, "said": text, "looked_at": batch.now}


def scanner(batch: Batch, text: str, _: int) -> Plain:
    """A row around a string."""
    made = {"association_id": _id(text), "began_at": batch.now, "ended_at": batch.now, "images": 1}
    return {**made, "source": text}


def phantom(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"study_uid": f"9.{place}", "to_archive": False, "begun_at": batch.now, "ended_at": batch.now}
    return {**made, "calling_ae": "x", "outcome": "differs", "detail": text, "removed_at": batch.now}


def signoff(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"case_id": batch.case_id, "revision": 1, "identity": "stated", "signed_at": batch.now}
    return {**made, "physician": text, "role": batch.other(place), "remark": text}


def share(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"delivery_id": _id(text), "is_open": True, "with_images": True, "stage": "images"}
    times = {"asked_at": batch.now, "opened_at": batch.now, "updated_at": batch.now}
    return {**_case(batch), **made, **times, "partner": batch.other(place), "asked_by": text}


def answer(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"id": _id(text), "direction": list(Direction)[place % 2].value, "number": place, "word": "accept"}
    said = {"remark": text, "by": batch.other(place), "at": batch.now, "trouble": text}
    return {**_case(batch), **made, **said, "partner": batch.other(place)}


def message(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"id": place + 1, "control_id": _id(text), "digest": "0", "received_at": batch.now, "repeats": 1}
    state = {"type": text, "state": "refused", "condition": "AR", "place": batch.other(place)}
    raw = f"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|1|P|2.5\rNTE|1||{text}".encode("utf-8", "replace")
    return {**made, **state, "sender": text, "raw": raw, "reason": batch.other(place), "remarks": [text]}


def order(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    numbers = dict.fromkeys(("placer", "filler", "accession_number", "procedure_id", "step_id"), text)
    issuers = dict.fromkeys(("placer_issuer", "filler_issuer", "accession_issuer"), batch.other(place))
    made = {"key": f"order-{place}", "procedure": [text, batch.other(place), text], "modality": "CT"}
    state = {"station_ae": text, "priority": "stroke", "study_uid": "", "status": "scheduled"}
    said = {
        "referring_physician": text,
        "reason": text,
        "identity_key": f"person-{place}",
        "told_at": batch.now,
    }
    return {**numbers, **issuers, **made, **state, **said, "scheduled_at": batch.now}


def identity(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    made = {"key": f"person-{place}", "birth_date": text[:8], "sex": text[:1], "told_at": batch.now}
    return {**made, "name": text}


def match(batch: Batch, text: str, place: int) -> Plain:
    """A row around a string."""
    study = "2.2" if place == 0 else f"2.1{place:03d}"
    chosen = {"order_key": f"order-{place}", "speaks_for": [text], "speaks_against": [batch.other(place)]}
    header = {
        "name": text,
        "birth_date": text[:8],
        "numbers": [text],
        "issuer": text,
        "accession_number": text,
    }
    made = {
        "study_uid": study,
        "certainty": "uncertain",
        "priority": "stroke",
        "mark": "",
        "decided_at": batch.now,
    }
    said = {"reasons": [text, batch.other(place)], "candidates": [chosen], "header": header}
    return {**made, **said, "accession_number": text, "patient_number": text, "confirmed_by": text}
