"""People, their channels and what they say: on SQLite and on PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.ledger.ledger import Ledger
from gateway.ledger.thread import Post, PostKind
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import RIGHTS, SITE, Person, Right, Role, actor_of_person
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
DOCTOR = Person("p1", "Le.Van", "BS Lê Văn Tuấn", frozenset({Role.STROKE_DOCTOR}), phone="+84900000001")
ENGINEER = Person("p2", "it", "An", frozenset({Role.IT}), Language.ENGLISH)


@pytest.fixture(params=["sqlite", "postgresql"])
def a_ledger(request, tmp_path):
    url = (
        f"sqlite:///{tmp_path / 'ledger.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("a_postgres_url")
    )
    ledger = Ledger.open(url)
    yield ledger
    ledger.engine.dispose()


def a_contact(number: int, kind: ChannelKind = ChannelKind.EMAIL, person_id: str = "p1") -> Contact:
    return Contact(f"c{number}", person_id, number, kind, f"{number}@example.org")


def test_people_are_found_by_login_role_and_provider(a_ledger):
    people = a_ledger.people
    for person in (DOCTOR, ENGINEER):
        people.add(person, NOW)
    assert people.by_login(" LE.VAN ").id == "p1"
    assert [person.id for person in people.with_role(Role.IT)] == ["p2"]
    assert people.named(["p1", "p2", "nobody"]).keys() == {"p1", "p2"}
    people.link_subject("https://id.example", "42", "p1")
    people.link_subject("https://id.example", "42", "p2")
    assert people.by_subject("https://id.example", "42").id == "p1", "the first word stands"
    assert people.by_subject("https://other.example", "42") is None


def test_a_login_belongs_to_one_person(a_ledger):
    a_ledger.people.add(DOCTOR, NOW)
    with pytest.raises(InputError, match="login"):
        a_ledger.people.add(replace(ENGINEER, login="le.van"), NOW)
    a_ledger.people.add(ENGINEER, NOW)
    with pytest.raises(InputError, match="login"):
        a_ledger.people.change(replace(ENGINEER, login="LE.VAN"))
    a_ledger.people.change(replace(ENGINEER, name="Ân", active=False))
    assert a_ledger.people.get("p2").name == "Ân"
    assert a_ledger.people.with_role(Role.IT) == [], "whoever is not active has no role"


def test_channels_keep_the_order_of_their_person(a_ledger):
    people = a_ledger.people
    people.set_contacts("p1", [a_contact(1), a_contact(2, ChannelKind.PUSH)])
    people.set_contacts("p1", [a_contact(2, ChannelKind.PUSH), a_contact(3)])
    found = people.contacts_of(["p1", "p2"])
    assert [(contact.id, contact.place) for contact in found["p1"]] == [("c2", 0), ("c3", 1)]
    assert found["p2"] == []
    people.set_contacts("p1", [a_contact(1)])
    assert [contact.id for contact in people.contacts_of(["p1"])["p1"]] == ["c1"], (
        "one that was left comes back"
    )


def test_nobody_changes_the_channel_of_another(a_ledger):
    a_ledger.people.set_contacts("p1", [a_contact(1)])
    a_ledger.people.set_contacts("p2", [replace(a_contact(1, person_id="p2"), address="thief@example.org")])
    assert a_ledger.people.contacts_of(["p1"])["p1"][0].address == "1@example.org"


def test_a_browser_belongs_to_whoever_subscribed_last(a_ledger):
    device = Device("d1", "p1", "https://push.example/1", "key", "auth", "Chrome on Android", "2026-03-01")
    a_ledger.people.add_device(device)
    a_ledger.people.add_device(replace(device, id="d2", person_id="p2"))
    assert a_ledger.people.devices_of(["p1", "p2"]).keys() == {"p2"}
    a_ledger.people.drop_device("d2")
    assert a_ledger.people.devices_of(["p2"]) == {}


def test_a_thread_is_read_in_its_order(a_ledger):
    for case, text in (("a", "1"), ("b", "2"), ("a", "3")):
        a_ledger.thread.add(Post(case, 1, PostKind.COMMENT, "p1", "Dr Lê", text, "2026-03-01"))
    assert [post.text for post in a_ledger.thread.of_case("a")] == ["1", "3"]
    before = a_ledger.thread.marks(["a", "b", "c"])
    assert before.keys() == {"a", "b"}
    a_ledger.thread.add(Post("b", 1, PostKind.TOOK, None, "x", "", "2026-03-01"))
    after = a_ledger.thread.marks(["a", "b"])
    assert (after["a"], after["b"] > before["b"]) == (before["a"], True)


def test_rights_are_the_least_that_each_role_needs():
    assert actor_of_person(DOCTOR).may(Right.ANSWER)
    assert not actor_of_person(replace(DOCTOR, active=False)).rights
    assert all(SITE.may(right) for right in Right)
    assert all(
        Right.NAMES not in RIGHTS[role] for role in (Role.IT, Role.ADMINISTRATOR, Role.SENDING_HOSPITAL)
    )
    assert {role for role in Role if Right.ADMINISTER in RIGHTS[role]} == {Role.ADMINISTRATOR}


def test_no_person_is_seen_in_a_representation():
    shown = repr((DOCTOR, a_contact(1), Device("d", "p", "e-secret", "k-secret", "a-secret", "l", "t")))
    shown += repr((actor_of_person(DOCTOR), Post("a", 1, PostKind.COMMENT, "p1", "Tuấn", "Tuấn says", "t")))
    assert not [word for word in ("Tuấn", "Le.Van", "+84", "@example", "secret") if word in shown]
