"""The people of the stroke team, and how they are reached."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, delete, insert, select, update

from gateway.ledger.people_tables import contacts, devices, people, subjects
from gateway.ledger.records import utc_text
from gateway.ledger.statements import insert_once, insert_within, rows, run, translated
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import Person, Role
from triage.errors import InputError
from viewer_bridge.report.wording.language import Language


class People:
    """Everybody with an account; nobody is ever deleted, because what they did stays theirs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[Person]:
        """Everybody, by name."""
        return self._found(select(people).order_by(people.c.name, people.c.id))

    def get(self, person_id: str) -> Person | None:
        """Return the person of an id, or None."""
        return next(iter(self._found(select(people).where(people.c.id == person_id))), None)

    def named(self, person_ids: Iterable[str]) -> dict[str, Person]:
        """People by id; who is unknown is absent."""
        found = self._found(select(people).where(people.c.id.in_(set(person_ids))))
        return {person.id: person for person in found}

    def by_login(self, login: str) -> Person | None:
        """Return the person of a login, in whatever case it was typed, or None."""
        wanted = login.strip().lower()
        return next(iter(self._found(select(people).where(people.c.login == wanted))), None)

    def by_subject(self, issuer: str, subject: str) -> Person | None:
        """Return the person whom an OpenID provider calls so, or None."""
        known = select(subjects.c.person_id).where(subjects.c.issuer == issuer, subjects.c.subject == subject)
        return next(iter(self._found(select(people).where(people.c.id.in_(known)))), None)

    def with_role(self, role: Role) -> list[Person]:
        """Everybody active who has a role, by name."""
        return [person for person in self.all() if person.active and role in person.roles]

    def add(self, person: Person, now: datetime) -> None:
        """Write down somebody new.

        Raises
        ------
        InputError
            The login belongs to somebody else.
        """
        values = {**_plain(person), "created_at": utc_text(now)}
        if not insert_once(self._engine, people, values):
            raise InputError("somebody has this login already: choose another")

    def change(self, person: Person) -> None:
        """Write down what is now true of somebody.

        Raises
        ------
        InputError
            The login belongs to somebody else.
        """
        holder = self.by_login(person.login)
        if holder is not None and holder.id != person.id:
            raise InputError("somebody has this login already: choose another")
        run(self._engine, update(people).where(people.c.id == person.id).values(**_plain(person)))

    def link_subject(self, issuer: str, subject: str, person_id: str) -> None:
        """Note whom an OpenID provider means; the first word stands."""
        insert_once(self._engine, subjects, {"issuer": issuer, "subject": subject, "person_id": person_id})

    def contacts_of(self, person_ids: Iterable[str]) -> dict[str, list[Contact]]:
        """Active channels of each person, in the person's order."""
        wanted = list(person_ids)
        query = select(contacts).where(contacts.c.person_id.in_(wanted)).order_by(contacts.c.place)
        found: dict[str, list[Contact]] = {person_id: [] for person_id in wanted}
        for row in rows(self._engine, query.where(contacts.c.active)):
            found[row["person_id"]].append(Contact(**{**row, "kind": ChannelKind(row["kind"])}))
        return found

    def set_contacts(self, person_id: str, wanted: Sequence[Contact]) -> None:
        """Put these channels in place of those that the person had, in this order.

        Contacts that are no longer wanted stay as inactive rows, because calls name them.
        """
        with translated(), self._engine.begin() as connection:
            connection.execute(update(contacts).where(contacts.c.person_id == person_id).values(active=False))
            for place, contact in enumerate(wanted):
                values = {**asdict(contact), "person_id": person_id, "place": place, "active": True}
                if not insert_within(connection, contacts, values):
                    mine = (contacts.c.id == contact.id) & (contacts.c.person_id == person_id)
                    connection.execute(update(contacts).where(mine).values(**values))

    def devices_of(self, person_ids: Iterable[str]) -> dict[str, list[Device]]:
        """Browsers of each person that take pushes, the latest first."""
        query = select(devices).where(devices.c.person_id.in_(list(person_ids)))
        found: dict[str, list[Device]] = defaultdict(list)
        for row in rows(self._engine, query.order_by(devices.c.created_at.desc())):
            found[row["person_id"]].append(Device(**row))
        return dict(found)

    def add_device(self, device: Device) -> None:
        """Note a browser; one that was known by its endpoint belongs to this person from now on."""
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(devices).where(devices.c.endpoint == device.endpoint))
            connection.execute(insert(devices).values(**asdict(device)))

    def drop_device(self, device_id: str) -> None:
        """Forget a browser that takes no pushes any more."""
        run(self._engine, delete(devices).where(devices.c.id == device_id))

    def _found(self, query: Select[Any]) -> list[Person]:
        return [_person(row) for row in rows(self._engine, query)]


def _plain(person: Person) -> dict[str, Any]:
    return {
        "id": person.id,
        "login": person.login.strip().lower(),
        "name": person.name,
        "roles": sorted(person.roles),
        "language": person.language.value,
        "phone": person.phone,
        "active": person.active,
    }


def _person(row: RowMapping | Mapping[str, Any]) -> Person:
    return Person(
        id=row["id"],
        login=row["login"],
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"]),
        language=Language(row["language"]),
        phone=row["phone"],
        active=row["active"],
    )
