"""A person's channels in order, the calendar file, and the rota in the ledger."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.ledger import Ledger
from gateway.ledger.records import utc_text
from gateway.team.calendar_file import LONGEST_LINE, Words, calendar
from gateway.team.contact_list import a_contact, added, lowered, raised, removed
from gateway.team.contacts import ChannelKind, Contact
from gateway.team.people import Person, Role
from gateway.team.rota import Rota, Shift, Swap, Turn
from triage.errors import InputError

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)

lists = st.integers(1, 8).map(lambda n: [Contact(str(i), "p", i, ChannelKind.EMAIL) for i in range(n)])


@given(lists, st.data())
@settings(deadline=None, max_examples=50)
def test_up_and_down_move_one_and_keep_all(contacts, data):
    which = data.draw(st.integers(0, len(contacts) - 1))
    chosen = contacts[which]
    up, down = raised(contacts, chosen.id), lowered(contacts, chosen.id)
    assert up.index(chosen) == max(which - 1, 0)
    assert down.index(chosen) == min(which + 1, len(contacts) - 1)
    rest = [contact for contact in contacts if contact is not chosen]
    for moved in (up, down):
        assert [contact for contact in moved if contact is not chosen] == rest
    assert removed(contacts, chosen.id) == rest


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("email", "no address"),
        ("email", "a@b"),
        ("zalo", "call me"),
        ("mqtt", "stroke/#"),
        ("webhook", "javascript:alert(1)"),
        ("apprise", "plain text"),
        ("apprise", "ntfy://" + "x" * 600),
        ("push", "something"),
    ],
)
def test_an_address_that_cannot_be_is_refused_and_not_repeated(kind, address):
    if kind == "push":
        assert a_contact("p", ChannelKind.PUSH, address).address == "", "a push has none"
        return
    with pytest.raises(InputError) as refused:
        a_contact("p", ChannelKind(kind), address)
    assert address not in str(refused.value)


def test_a_channel_stands_in_the_list_once_and_the_list_ends():
    contacts = added([], a_contact("p", ChannelKind.EMAIL, " a@hospital.example "))
    with pytest.raises(InputError, match="already"):
        added(contacts, a_contact("p", ChannelKind.EMAIL, "a@hospital.example"))
    many = [a_contact("p", ChannelKind.MQTT, f"t{n}") for n in range(12)]
    with pytest.raises(InputError, match="at most"):
        added(many, a_contact("p", ChannelKind.PUSH, ""))
    with pytest.raises(InputError, match="load the page again"):
        raised(contacts, "another's")


WORDS = Words("Lịch trực", dict.fromkeys(Role, "Ca trực; đêm"))


def unfolded(text: str) -> list[str]:
    return text.replace("\r\n ", "").split("\r\n")


@given(st.text(max_size=120))
@settings(deadline=None, max_examples=80)
def test_a_calendar_holds_its_lines_whatever_the_site_is_called(site):
    turn = Turn(Role.STROKE_DOCTOR, "p", NOW, NOW + timedelta(hours=12))
    text = calendar([turn], site, NOW, WORDS)
    assert text.endswith("END:VCALENDAR\r\n")
    assert all(len(line.encode()) <= LONGEST_LINE for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")
    lines = unfolded(text)
    assert (lines.count("BEGIN:VEVENT"), lines.count("END:VCALENDAR")) == (1, 1)
    assert "DTSTART:20261123T030000Z" in lines
    assert "DTEND:20261123T150000Z" in lines


def test_a_duty_keeps_its_identifier_when_its_end_is_moved():
    short, whole = (Turn(Role.IT, "p", NOW, NOW + timedelta(hours=hours)) for hours in (6, 12))
    uids = [
        next(line for line in calendar([turn], "x", NOW, WORDS).split("\r\n") if line.startswith("UID:"))
        for turn in (short, whole)
    ]
    assert uids[0] == uids[1]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_rota_is_what_was_written_in_the_order_in_which_it_was(kind, tmp_path, request):
    url = f"sqlite:///{tmp_path / 'l.db'}" if kind == "sqlite" else request.getfixturevalue("a_postgres_url")
    ledger = Ledger.open(url)
    shift = Shift("s1", Role.CATH_LAB, "p1", 6, "19:00", "07:00", date(2026, 1, 1), None)
    at = utc_text(NOW), utc_text(NOW + timedelta(hours=1))
    swaps = tuple(
        Swap(f"{n:02}", Role.CATH_LAB, *at, "p1", who, "BS Lê", "note")
        for n, who in ((9, "p2"), (3, None), (5, "p2"))
    )
    for _ in range(2):
        ledger.rota.add_shift(shift)
        for swap in swaps:
            ledger.rota.add_swap(swap)
    assert ledger.rota.written() == Rota((shift,), swaps)
    assert ledger.rota.read() == Rota(
        (), tuple(Swap(s.id, s.role, *at, "p1", None, s.by, s.note) for s in swaps)
    )
    for person_id in ("p1", "p2"):
        ledger.people.add(Person(person_id, person_id, person_id, frozenset({Role.CATH_LAB})), NOW)
    assert ledger.rota.read() == Rota((shift,), swaps)
    assert ledger.rota.drop_shift("s1")
    assert not ledger.rota.drop_shift("s1")
    assert ledger.rota.drop_swap("03")
    assert [swap.id for swap in ledger.rota.written().swaps] == ["09", "05"]
    ledger.engine.dispose()
