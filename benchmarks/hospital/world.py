"""A made-up world with the truth known: hospitals that count alike, people who are alike, and messages in any order."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from benchmarks.hospital.messages import Somebody, adt, header, message
from gateway.ledger.ledger import Ledger
from gateway.ledger.orders_tables import identities
from gateway.ledger.statements import rows
from gateway.orders.evidence import StudyHeader
from gateway.orders.match import Certainty
from gateway.orders.matchmaker import Matchmaker
from gateway.orders.office import Incoming, Office
from gateway.orders.person import PatientIdentity
from gateway.orders.settings import Orders as Settings

HOSPITALS = ("BVTW", "BVTINH", "BVHUYEN")
FAMILIES = ("NGUYỄN", "TRẦN", "LÊ", "PHẠM")
GIVEN = ("VĂN AN", "THỊ HOA", "THỊ HÒA", "VĂN BÌNH", "MINH ANH", "VĂN ÂN")
START = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
NOW = datetime(2027, 12, 30, tzinfo=UTC)
ASCII = str.maketrans("ĂÂĐÊÔƠƯỄẦÊẠÌÒ", "AADEOOUEAEAIO")


@dataclass(frozen=True)
class Person:
    """Who somebody really is; numbers by hospital."""

    who: int
    name: str
    born: str
    sex: str
    numbers: dict[str, str]
    citizen: str


@dataclass(frozen=True)
class World:
    """Studies with the person they really belong to, and every message about them."""

    headers: list[StudyHeader] = field(default_factory=list)
    truth: dict[str, int] = field(default_factory=dict)
    """Study to person."""
    owners: dict[tuple[str, str], int] = field(default_factory=dict)
    """Number with its issuer to person."""
    messages: list[bytes] = field(default_factory=list)


def people(chance: random.Random, count: int) -> list[Person]:
    found = []
    for who in range(count):
        # Few numbers, names and days: every hospital counts from one, and namesakes are common.
        numbers = {hospital: str(1 + (who * 7 + shift) % count) for shift, hospital in enumerate(HOSPITALS)}
        name = f"{chance.choice(FAMILIES)}^{chance.choice(GIVEN)}"
        born = f"19{chance.randint(40, 45)}0{chance.randint(1, 3)}0{chance.randint(1, 4)}"
        found.append(Person(who, name, born, chance.choice("MF"), numbers, f"0010{who:08d}"))
    return found


def somebody(person: Person, hospital: str, *, citizen: bool = True, number: str = "") -> Somebody:
    own = f"{number or person.numbers[hospital]}^^^{hospital}^MR"
    numbers = f"{own}~{person.citizen}^^^BCA^NI" if citizen else own
    return Somebody(numbers, person.name, person.born, person.sex)


def order(
    control_id: str, who: Somebody, hospital: str, placer: str, accession: str, planned: datetime, at: str
) -> bytes:
    sent = header("ORM^O01", control_id, at).replace("BVTW", hospital)
    when = f"{planned:%Y%m%d%H%M%S}+0000"
    return message(
        sent,
        who.segment(),
        f"ORC|NW|{placer}|||||^^^{when}||{at}",
        f"OBR|1|{placer}||CTP^CT perfusion^L||||||||||||||{accession}||||||CT|||^^^{when}",
    )


def image_name(chance: random.Random, name: str) -> str:
    return chance.choice((name, name.translate(ASCII), name.replace("^", " "), name.lower()))


def made(seed: int, studies: int) -> World:
    chance = random.Random(seed)
    world, known = World(), people(chance, max(8, studies // 3))
    for person in known:
        world.owners.update({(number, hospital): person.who for hospital, number in person.numbers.items()})
        world.owners[person.citizen, "VNM"] = person.who
    counted = dict.fromkeys(HOSPITALS, 0)  # every hospital's system counts from one
    for number in range(studies):
        person, hospital = chance.choice(known), chance.choice(HOSPITALS)
        at = START + timedelta(hours=3 * number)
        told = f"{at:%Y%m%d%H%M%S}+0000"
        counted[hospital] += 1
        placer, accession = f"P{counted[hospital]}", f"A{counted[hospital]}"
        unknown = chance.random() < 0.15
        temporary = f"T{number}" if unknown else ""
        who = somebody(person, hospital, citizen=not unknown and chance.random() < 0.6, number=temporary)
        if chance.random() < 0.9:  # some orders never come
            world.messages.append(order(f"o{number}", who, hospital, placer, accession, at, told))
        if unknown:
            world.owners[temporary, hospital] = person.who
            later = f"{at + timedelta(minutes=5):%Y%m%d%H%M%S}+0000"
            survivor = somebody(person, hospital)
            world.messages.append(adt("A40", f"m{number}", survivor, later, f"{temporary}^^^{hospital}^MR"))
        world.headers.append(_images(chance, person, who, hospital, accession, at, number))
        world.truth[world.headers[-1].study_uid] = person.who
    chance.shuffle(world.messages)
    return world


def _images(
    chance: random.Random,
    person: Person,
    who: Somebody,
    hospital: str,
    accession: str,
    at: datetime,
    number: int,
) -> StudyHeader:
    """What the scanner wrote: sometimes by hand, without issuer, accents or accession number, or with somebody else's."""
    study = StudyHeader(
        study_uid=f"1.2.{number}",
        accession_number=accession,
        numbers=(who.numbers.partition("^")[0],),
        issuer=hospital,
        name=image_name(chance, person.name),
        birth_date=person.born,
        sex=person.sex,
        study_at=at + timedelta(minutes=chance.randint(0, 50)),
        modality="CT",
    )
    typed = {"numbers": (str(chance.randint(1, 300)),)}
    """A wrong number; whoever types one types the rest of the form too."""
    blurs: tuple[dict[str, Any], ...] = (
        {"issuer": ""},
        {"accession_number": ""},
        {"accession_number": f"A{chance.randint(0, 300)}"},
        {"issuer": "", "accession_number": ""},
        {"birth_date": ""},
        {"name": ""},
        {"issuer": "", "name": "", "birth_date": ""},
        {"numbers": ()},
        {"numbers": (person.citizen,), "issuer": ""},
    )
    for blur in (typed,) if chance.random() < 0.1 else blurs:
        if blur is typed or chance.random() < 0.12:
            study = replace(study, **blur)
    return study


@dataclass(frozen=True)
class Judged:
    """How many studies were given to whom."""

    studies: int
    certain: int
    """With an order."""
    patient_only: int
    uncertain: int
    wrong: int
    """Given to an order or a patient that is somebody else's, at any moment."""
    mixed: int
    """Records that have numbers of several people."""


def judge(world: World, folder: Path, seed: int) -> Judged:
    """Messages and studies in any order through office and matchmaker; the verdict is looked at all the way."""
    settings = Settings()
    ledger = Ledger.open(f"sqlite:///{folder / 'world.db'}")
    office, matchmaker = Office(ledger.engine, settings), Matchmaker(ledger, settings)
    chance = random.Random(seed + 1)
    events: list[bytes | StudyHeader] = [*world.messages, *world.headers]
    chance.shuffle(events)
    wrong: set[str] = set()
    for number, event in enumerate(events):
        if isinstance(event, bytes):
            office.take([Incoming(event, NOW)])
        else:
            matchmaker.settle(event, NOW)
        if number % max(50, len(events) // 10) == 0:
            matchmaker.follow_changes("judge", NOW)
            wrong |= _wrong(world, ledger)
    matchmaker.follow_changes("judge", NOW)
    wrong |= _wrong(world, ledger)
    found = ledger.orders.matches.of_studies(list(world.truth))
    mixed = sum(len(_owners(world, person)) > 1 for person in _everybody(ledger))
    ledger.engine.dispose()
    return Judged(
        studies=len(found),
        certain=sum(match.order_key is not None for match in found.values()),
        patient_only=sum(
            match.order_key is None and match.identity_key is not None for match in found.values()
        ),
        uncertain=sum(match.certainty is Certainty.UNCERTAIN for match in found.values()),
        wrong=len(wrong),
        mixed=mixed,
    )


def _wrong(world: World, ledger: Ledger) -> set[str]:
    """Studies that belong to an order or a patient of somebody else."""
    found = ledger.orders.matches.of_studies(list(world.truth))
    people = ledger.orders.identities({match.identity_key for match in found.values() if match.identity_key})
    orders = ledger.orders.of_keys({match.order_key for match in found.values() if match.order_key})
    wrong = set()
    for study_uid, match in found.items():
        told = [people[match.identity_key]] if match.identity_key else []
        told += [orders[match.order_key].patient] if match.order_key else []
        if any(_owners(world, person) != {world.truth[study_uid]} for person in told):
            wrong.add(study_uid)
    return wrong


def _owners(world: World, person: PatientIdentity) -> set[int]:
    return {world.owners[each.value, each.issuer] for each in person.identifiers}


def _everybody(ledger: Ledger) -> list[PatientIdentity]:
    keys = {row["key"] for row in rows(ledger.engine, select(identities.c.key))}
    return list(ledger.orders.identities(keys).values())
