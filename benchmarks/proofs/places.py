"""Every place where somebody, or another machine, can write: filled with strings, past every check that a form would make.

The rows go into the tables of a real ledger, in one transaction a batch. What a form would refuse, shorten or clean is
written as it is: the pages must not rely on it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from pydicom import config, dcmread
from sqlalchemy import Connection, Table, delete, insert, select, update

from gateway.feedback.classes import AlertClass
from gateway.feedback.judgement import Reason, Verdict
from gateway.ledger import (
    accesses_tables,
    calls_tables,
    credentials_tables,
    judgements_tables,
    letters_tables,
    orders_tables,
    people_tables,
    rota_tables,
    sessions_tables,
    sharing_tables,
    signoffs_tables,
    sources_tables,
    thread_tables,
    troubles_tables,
)
from gateway.ledger.records import utc_text
from gateway.ledger.schema import cases, deliveries
from gateway.ledger.sharing_answers import Direction
from gateway.ledger.thread import PostKind
from gateway.ledger.troubles import TroubleKind
from gateway.team.people import Person, Role
from tests.phone.staging import LE, TEAM, Team

Plain = dict[str, Any]
Make = Callable[["Batch", str, int], Plain]

TAKEN = "taken"
"""The case that everything is said about."""
OTHERS = 30
"""Studies without perfusion, for the list: each with a reason and with whoever saw it."""
LISTED = 50
"""Orders and messages that a page shows."""


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


@dataclass(frozen=True, slots=True)
class Place:
    """Rows of a table: one a string, at most so many; those of the round before are taken out."""

    table: Table
    make: Make
    most: int | None = None
    mine: Callable[[Batch], Any] | None = None
    """Which rows are ours; None: all."""


def _id(text: str) -> str:
    return str(uuid5(NAMESPACE_OID, text))


def _case(batch: Batch) -> Plain:
    return {"case_id": batch.case_id, "revision": 1}


def _post(batch: Batch, text: str, place: int) -> Plain:
    kinds = list(PostKind)
    made = {"kind": kinds[place % len(kinds)].value, "person_id": None, "at": batch.now}
    return {**_case(batch), **made, "name": batch.other(place), "text": text}


def _person(batch: Batch, text: str, place: int) -> Plain:
    roles = [list(Role)[place % len(Role)].value]
    made = {"id": _id(text), "language": "en", "active": True, "created_at": batch.now, "roles": roles}
    return {**made, "login": text.lower(), "name": batch.other(place), "phone": text}


def _contact(batch: Batch, text: str, place: int) -> Plain:
    kind = ("webhook", "email", "mqtt", "zalo", "apprise")[place % 5]
    made = {"id": _id(text), "person_id": batch.person.id, "place": place, "kind": kind, "active": True}
    return {**made, "address": text, "secret": "x" * 16}


def _device(batch: Batch, text: str, place: int) -> Plain:
    made = {
        "id": _id(text),
        "person_id": batch.person.id,
        "p256dh": "x",
        "auth": "x",
        "created_at": batch.now,
    }
    return {**made, "endpoint": f"https://push.invalid/{place}", "label": text}


def _passkey(batch: Batch, text: str, place: int) -> Plain:
    made = {"public_key": b"", "sign_count": 0, "synced": True, "created_at": batch.now}
    return {
        **made,
        "id": _id(text),
        "credential_id": str(place),
        "person_id": batch.person.id,
        "label": text,
    }


def _session(batch: Batch, text: str, _: int) -> Plain:
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


def _swap(batch: Batch, text: str, place: int) -> Plain:
    now = datetime.now(UTC)
    ends = utc_text(now + timedelta(hours=1 + place % 40))
    made = {"id": _id(text), "role": Role.STROKE_DOCTOR.value, "starts_at": utc_text(now), "ends_at": ends}
    return {**made, "absent": None, "instead": batch.person.id, "by": batch.other(place), "note": text}


def _judgement(batch: Batch, text: str, place: int) -> Plain:
    reason = list(Reason)[place % len(Reason)].value
    made = {
        "verdict": Verdict.REJECT.value,
        "reason": reason,
        "person_id": None,
        "confirms": False,
        "at": batch.now,
    }
    said = list(AlertClass)[0].value
    return {
        **_case(batch),
        **made,
        "said": said,
        "name": batch.other(place),
        "text": text,
        "origin": _id(text),
    }


def _access(batch: Batch, text: str, place: int) -> Plain:
    made = {
        "number": 1_000_000 + place,
        "at": batch.now,
        "kind": "person",
        "person_id": None,
        "digest": "0" * 64,
    }
    return {**made, "action": "opened", "case_id": batch.case_id, "name": batch.other(place), "detail": text}


def _call(batch: Batch, text: str, place: int) -> Plain:
    made = {"id": _id(text), "subject": f"case:{batch.case_id}:r1", "step": 1, "turn": 0, "notice": "alert"}
    state = {"place": 0, "kind": "webhook", "state": "failed", "attempts": 1, "updated_at": batch.now}
    times = {"queued_at": batch.now}
    return {**_case(batch), **made, **state, **times, "target": batch.other(place), "detail": text}


def _delivery(batch: Batch, text: str, place: int) -> Plain:
    kind = ("alert", "emr", "publish")[place % 3]
    made = {
        "id": f"{kind}:{batch.case_id}:r1:{place}",
        "kind": kind,
        "state": "failed",
        "attempts": 1,
        "queued_at": batch.now,
    }
    return {**_case(batch), **made, "updated_at": batch.now, "target": batch.other(place), "detail": text}


def _destination(batch: Batch, text: str, place: int) -> Plain:
    return {"name": text, "paused_at": batch.now, "paused_by": batch.other(place), "trouble": text}


def _letter(batch: Batch, text: str, place: int) -> Plain:
    made = {
        "delivery_id": _id(text),
        "case_id": batch.case_id,
        "edition": 1,
        "cause": "result",
        "is_open": True,
    }
    return {**made, "destination": batch.other(place), "reason": text}


def _trouble(batch: Batch, text: str, place: int) -> Plain:
    kind = list(TroubleKind)[place % len(TroubleKind)].value
    closed = batch.now if place % 2 else None
    made = {"id": _id(text), "kind": kind, "opened_at": batch.now, "told_at": batch.now, "closed_at": closed}
    return {**made, "closing": text, "subject": batch.other(place), "detail": text}


def _probe(batch: Batch, text: str, place: int) -> Plain:
    made = {"key": str(place), "kind": "webhook", "next_at": batch.now, "listed_at": batch.now, "failures": 3}
    return {**made, "target": batch.other(place), "reason": text, "probed_at": batch.now}


def _clock(batch: Batch, text: str, _: int) -> Plain:
    return {"reference": text, "offset_s": 9.0, "uncertainty_s": 1.0, "said": text, "looked_at": batch.now}


def _scanner(batch: Batch, text: str, place: int) -> Plain:
    made = {"association_id": _id(text), "began_at": batch.now, "ended_at": batch.now, "images": 1}
    return {**made, "source": text}


def _phantom(batch: Batch, text: str, place: int) -> Plain:
    made = {"study_uid": f"9.{place}", "to_archive": False, "begun_at": batch.now, "ended_at": batch.now}
    return {**made, "calling_ae": "x", "outcome": "differs", "detail": text, "removed_at": batch.now}


def _signoff(batch: Batch, text: str, place: int) -> Plain:
    made = {"case_id": batch.case_id, "revision": 1, "identity": "stated", "signed_at": batch.now}
    return {**made, "physician": text, "role": batch.other(place), "remark": text}


def _share(batch: Batch, text: str, place: int) -> Plain:
    made = {"delivery_id": _id(text), "is_open": True, "with_images": True, "stage": "images"}
    times = {"asked_at": batch.now, "opened_at": batch.now, "updated_at": batch.now}
    return {**_case(batch), **made, **times, "partner": batch.other(place), "asked_by": text}


def _answer(batch: Batch, text: str, place: int) -> Plain:
    made = {"id": _id(text), "direction": list(Direction)[place % 2].value, "number": place, "word": "accept"}
    said = {"remark": text, "by": batch.other(place), "at": batch.now, "trouble": text}
    return {**_case(batch), **made, **said, "partner": batch.other(place)}


def _message(batch: Batch, text: str, place: int) -> Plain:
    made = {"id": place + 1, "control_id": _id(text), "digest": "0", "received_at": batch.now, "repeats": 1}
    state = {"type": text, "state": "refused", "condition": "AR", "place": batch.other(place)}
    raw = f"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|1|P|2.5\rNTE|1||{text}".encode("utf-8", "replace")
    return {**made, **state, "sender": text, "raw": raw, "reason": batch.other(place), "remarks": [text]}


def _order(batch: Batch, text: str, place: int) -> Plain:
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


def _identity(batch: Batch, text: str, place: int) -> Plain:
    made = {"key": f"person-{place}", "birth_date": text[:8], "sex": text[:1], "told_at": batch.now}
    return {**made, "name": text}


def _match(batch: Batch, text: str, place: int) -> Plain:
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


def _seen(column: Any) -> Callable[[Batch], Any]:
    return lambda batch: column == batch.case_id


PLACES: Mapping[str, Place] = {
    "comments, reasons for declining and for no stroke, names of whoever says it": Place(thread_tables.posts, _post),
    "names, logins and telephones of people": Place(
        people_tables.people, _person, 200, lambda _: people_tables.people.c.id.not_in([person.id for person in TEAM])
    ),
    "addresses of channels": Place(people_tables.contacts, _contact),
    "labels of devices that ring": Place(people_tables.devices, _device),
    "labels of passkeys": Place(credentials_tables.passkeys, _passkey),
    "devices of sessions": Place(
        sessions_tables.sessions, _session, 200, lambda _: sessions_tables.sessions.c.means == "hostile"
    ),
    "notes of the rota": Place(rota_tables.swaps, _swap, 60),
    "words of judgements": Place(judgements_tables.judgements, _judgement),
    "names and details of the access log": Place(
        accesses_tables.accesses, _access, None, lambda _: accesses_tables.accesses.c.number >= 1_000_000
    ),
    "targets and errors of calls": Place(calls_tables.calls, _call, 200, lambda _: calls_tables.calls.c.step == 1),
    "targets and errors of deliveries": Place(deliveries, _delivery, 200, _seen(deliveries.c.case_id)),
    "names and troubles of destinations": Place(letters_tables.destinations, _destination, 100),
    "reasons of letters": Place(letters_tables.letters, _letter, 100),
    "troubles": Place(troubles_tables.troubles, _trouble, 200),
    "targets and errors of probes": Place(sources_tables.probes, _probe, 200),
    "what clocks say": Place(sources_tables.clocks, _clock, 100),
    "calling titles": Place(sources_tables.visits, _scanner, 100),
    "phantoms": Place(sources_tables.phantoms, _phantom, 6),
    "sign-off: physician, role, remark": Place(signoffs_tables.signoffs, _signoff, 1),
    "hospitals that a case goes to": Place(sharing_tables.shares, _share, 100),
    "answers of other hospitals": Place(sharing_tables.share_answers, _answer, 200),
    "messages of orders": Place(orders_tables.inbox, _message, LISTED),
    "texts and numbers of orders": Place(orders_tables.orders, _order, LISTED),
    "names of patients in the records": Place(orders_tables.identities, _identity, LISTED),
    "names of patients in the images": Place(orders_tables.matches, _match, LISTED),
}  # fmt: skip


def write(batch: Batch) -> dict[str, set[str]]:
    """Fill every place; returns the strings of each."""
    with batch.team.site.ledger.engine.begin() as connection:
        found = {name: _fill(connection, place, batch) for name, place in PLACES.items()}
        found["reasons of the list, names of whoever saw a case"] = _fill_list(connection, batch)
    found["names of patients in the files"] = _fill_files(batch)
    return found


def _fill(connection: Connection, place: Place, batch: Batch) -> set[str]:
    chosen = batch.strings[: place.most] if place.most == 1 else _some(batch.strings, place.most)
    gone = delete(place.table)
    connection.execute(gone.where(place.mine(batch)) if place.mine else gone)
    connection.execute(insert(place.table), [place.make(batch, text, n) for n, text in enumerate(chosen)])
    return set(chosen)


def _some(texts: Sequence[str], most: int | None) -> Sequence[str]:
    """All, or as many as a page shows, from all over the batch."""
    return texts if most is None or len(texts) <= most else random.Random(0).sample(list(texts), most)


def _fill_list(connection: Connection, batch: Batch) -> set[str]:
    known = list(connection.scalars(select(cases.c.id).where(cases.c.state == "no_perfusion")))
    chosen = _some(batch.strings, len(known))
    for case_id, text in zip(known, chosen, strict=False):
        said = {"reason": text, "proof": text, "acknowledged_by": text, "acknowledged_at": batch.now}
        connection.execute(update(cases).where(cases.c.id == case_id).values(**said))
    mine = cases.c.id == batch.case_id
    connection.execute(
        update(cases).where(mine).values(acknowledged_by=batch.strings[-1], proof=batch.strings[-2])
    )
    return set(chosen)


def _fill_files(batch: Batch) -> set[str]:
    """Patients of the cases' own files; characters that end a value are left out, because no file can hold them."""
    chosen = [text for text in batch.strings if not set(text) & set("\\\r\n\f\x00\x1b=^") and len(text) < 60]
    config.settings.writing_validation_mode = config.IGNORE
    files = sorted(Path(batch.team.site.config.spool_dir).glob("*.dcm"))
    used = list(_some(chosen, len(files)))
    for path, text in zip(files, used, strict=False):
        dataset = dcmread(path)
        dataset.PatientName = dataset.PatientID = text
        dataset.SeriesDescription = dataset.StudyDescription = text
        dataset.save_as(path, enforce_file_format=True)
    return set(used)


def prepared(team: Team) -> Team:
    """More studies, for the list."""
    for number in range(OTHERS):
        study = f"3.{number}"
        case = team.site.receive(study, 1, ago_s=4000 + number)
        team.site.ledger.cases.close_without_perfusion(case.id, 1, "no perfusion series", datetime.now(UTC))
    person = replace(LE, roles=frozenset(Role))
    team.site.ledger.people.change(person)
    return team
