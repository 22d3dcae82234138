"""Every place where somebody, or another machine, can write: filled with strings, past every check that a form would make.

The rows go into the tables of a real ledger, in one transaction a batch. What a form would refuse, shorten or clean is
written as it is: the pages must not rely on it.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom import config, dcmread
from sqlalchemy import Connection, Table, delete, insert, select, update

from benchmarks.proofs import rows
from benchmarks.proofs.rows import Batch, Plain
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
from gateway.ledger.schema import cases, deliveries
from gateway.team.people import Role
from tests.phone.staging import LE, TEAM, Team

Make = Callable[["Batch", str, int], Plain]

OTHERS = 30
"""Studies without perfusion, for the list: each with a reason and with whoever saw it."""
LISTED = 50
"""Orders and messages that a page shows."""


@dataclass(frozen=True, slots=True)
class Place:
    """Rows of a table: one a string, at most so many; those of the round before are taken out."""

    table: Table
    make: Make
    most: int | None = None
    mine: Callable[[Batch], Any] | None = None
    """Which rows are ours; None: all."""


def _seen(column: Any) -> Callable[[Batch], Any]:
    return lambda batch: column == batch.case_id


PLACES: Mapping[str, Place] = {
    "comments, reasons for declining and for no stroke, names of whoever says it": Place(thread_tables.posts, rows.post),
    "names, logins and telephones of people": Place(
        people_tables.people, rows.person, 300, lambda _: people_tables.people.c.id.not_in([person.id for person in TEAM])
    ),
    "addresses of channels": Place(people_tables.contacts, rows.contact, 300),
    "labels of devices that ring": Place(people_tables.devices, rows.device, 300),
    "labels of passkeys": Place(credentials_tables.passkeys, rows.passkey, 300),
    "devices of sessions": Place(
        sessions_tables.sessions, rows.session, 300, lambda _: sessions_tables.sessions.c.means == "hostile"
    ),
    "notes of the rota": Place(rota_tables.swaps, rows.swap, 60),
    "words of judgements": Place(judgements_tables.judgements, rows.judgement),
    "names and details of the access log": Place(
        accesses_tables.accesses, rows.access, None, lambda _: accesses_tables.accesses.c.number >= 1_000_000
    ),
    "targets and errors of calls": Place(calls_tables.calls, rows.call, 200, lambda _: calls_tables.calls.c.step == 1),
    "targets and errors of deliveries": Place(deliveries, rows.delivery, 200, _seen(deliveries.c.case_id)),
    "names and troubles of destinations": Place(letters_tables.destinations, rows.destination, 100),
    "reasons of letters": Place(letters_tables.letters, rows.letter, 100),
    "troubles": Place(troubles_tables.troubles, rows.trouble, 200),
    "targets and errors of probes": Place(sources_tables.probes, rows.probe, 200),
    "what clocks say": Place(sources_tables.clocks, rows.clock, 100),
    "calling titles": Place(sources_tables.visits, rows.scanner, 100),
    "phantoms": Place(sources_tables.phantoms, rows.phantom, 6),
    "sign-off: physician, role, remark": Place(signoffs_tables.signoffs, rows.signoff, 1),
    "hospitals that a case goes to": Place(sharing_tables.shares, rows.share, 100),
    "answers of other hospitals": Place(sharing_tables.share_answers, rows.answer, 200),
    "messages of orders": Place(orders_tables.inbox, rows.message, LISTED),
    "texts and numbers of orders": Place(orders_tables.orders, rows.order, LISTED),
    "names of patients in the records": Place(orders_tables.identities, rows.identity, LISTED),
    "names of patients in the images": Place(orders_tables.matches, rows.match, LISTED),
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
