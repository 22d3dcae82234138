"""The access log: what is in it, and that nothing can be changed in it unseen."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import delete, insert, select, update

from gateway.ledger import accesses as module
from gateway.ledger.accesses import Action, digest_of
from gateway.ledger.accesses_tables import accesses, head
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import case_id_of
from gateway.ledger.statements import rows, run
from gateway.team.people import SITE, Role, actor_of_person
from tests.identity.conftest import OWN, now

CASE = case_id_of("1.2.3")


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    for number in range(7):
        opened.accesses.note(SITE, Action.OPENED, CASE if number % 2 else None, f"line {number}", now())
    yield opened
    opened.engine.dispose()


def test_a_log_that_nobody_touched_is_whole(ledger, monkeypatch):
    monkeypatch.setattr(module, "READ_AT_ONCE", 3)
    verdict = ledger.accesses.verify()
    assert verdict.is_whole
    assert (verdict.rows, verdict.digest) == ledger.accesses.head()
    assert Ledger.open(str(ledger.engine.url)).accesses.verify(ledger.accesses.head()).is_whole


def row_of(ledger, number):
    return dict(rows(ledger.engine, select(accesses).where(accesses.c.number == number))[0])


def rewritten(ledger) -> None:
    """The whole chain anew, as whoever owns the database can do."""
    previous = "0" * 64
    for number in range(1, 8):
        row = row_of(ledger, number) | {"name": "nobody"}
        row["digest"] = previous = digest_of(previous, row)
        run(ledger.engine, update(accesses).where(accesses.c.number == number).values(**row))
    run(ledger.engine, update(head).values(digest=previous))


TAMPERING = {
    "a word changed": (
        lambda led: run(led.engine, update(accesses).where(accesses.c.number == 4).values(name="x")),
        4,
    ),
    "a case changed": (
        lambda led: run(led.engine, update(accesses).where(accesses.c.number == 4).values(case_id="x")),
        4,
    ),
    "a row taken out": (lambda led: run(led.engine, delete(accesses).where(accesses.c.number == 3)), 3),
    "the last cut off": (lambda led: run(led.engine, delete(accesses).where(accesses.c.number == 7)), 7),
    "the first cut off": (lambda led: run(led.engine, delete(accesses).where(accesses.c.number == 1)), 1),
    "one put in": (
        lambda led: run(led.engine, insert(accesses).values({**row_of(led, 7), "number": 8})),
        None,
    ),
    "the head set back": (lambda led: run(led.engine, update(head).values(number=6)), 7),
}


@pytest.mark.parametrize("what", TAMPERING)
def test_whoever_touches_it_is_seen(ledger, what):
    act, broken_at = TAMPERING[what]
    act(ledger)
    if broken_at is None:  # a row beyond the head is none of the log's, and is in the way of the next
        with pytest.raises(Exception, match="refused"):
            ledger.accesses.note(SITE, Action.OPENED, None, "", now())
        return
    verdict = ledger.accesses.verify()
    assert verdict.broken_at == broken_at
    assert not verdict.is_whole


def test_a_chain_that_was_computed_anew_is_seen_by_whoever_kept_a_digest(ledger):
    kept = ledger.accesses.head()
    rewritten(ledger)
    assert ledger.accesses.verify().is_whole, "by itself it holds"
    assert ledger.accesses.verify(kept).broken_at == 7
    assert ledger.accesses.verify((9, "0" * 64)).broken_at == 8, "rows that somebody knows of are missing"


def test_many_writers_make_one_chain(ledger):
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: ledger.accesses.note(SITE, Action.OPENED, None, f"{n}", now()), range(30)))
    assert ledger.accesses.verify().rows == 37


def test_the_same_on_postgresql(a_postgres_url):
    ledger, other = Ledger.open(a_postgres_url), Ledger.open(a_postgres_url)
    with ThreadPoolExecutor(6) as pool:
        note = (ledger.accesses.note, other.accesses.note)
        list(pool.map(lambda n: note[n % 2](SITE, Action.OPENED, CASE, f"{n}", now()), range(40)))
    assert ledger.accesses.verify().rows == 40
    run(ledger.engine, update(accesses).where(accesses.c.number == 30).values(detail="x"))
    assert ledger.accesses.verify().broken_at == 30
    for opened in (ledger, other):
        opened.engine.dispose()


def test_rows_are_found_by_case_person_and_day(ledger):
    found = ledger.accesses
    assert [entry.number for entry in found.latest(case_id=CASE)] == [6, 4, 2]
    assert [entry.number for entry in found.latest(before=4, limit=2)] == [3, 2]
    assert found.latest(person_id="somebody") == []
    middle = row_of(ledger, 4)["at"]
    assert [entry.number for entry in found.latest(first=middle)] == [7, 6, 5, 4]
    assert [entry.number for entry in found.latest(end=middle)] == [3, 2, 1]


def test_nothing_of_a_row_breaks_a_line(ledger):
    ledger.accesses.note(SITE, "some\nthing", None, "a\nb\x1b[31m" + "x" * 500, now())
    entry = ledger.accesses.latest(limit=1)[0]
    assert entry.detail.startswith("a b [31mx")
    assert len(entry.detail) <= module.LONGEST_DETAIL
    assert ledger.accesses.verify().is_whole


def waited(house, person_id, count):
    """Rows of a person, youngest first; a row is written after its answer."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        found = house.site.ledger.accesses.latest(person_id=person_id)
        if len(found) >= count:
            break
        time.sleep(0.02)
    return found


def test_who_opens_answers_and_is_refused_is_written_down_once(house):
    person = house.person(Role.CATH_LAB)
    with house.browser() as browser:
        house.log_in(browser, person)
        for _ in range(3):
            assert browser.get(f"/cases/{CASE}").status_code == 200
            browser.get(f"/parts/cases/{CASE}")
        assert browser.post("/jobs/replay", headers=OWN).status_code == 403
        browser.post("/logout", headers=OWN)
    found = [(entry.action, entry.case_id, entry.name) for entry in waited(house, person.id, 4)]
    assert sorted(found, key=str) == sorted(
        [
            (Action.LOGGED_IN, None, person.name),
            (Action.OPENED, CASE, person.name),
            (Action.REFUSED, None, person.name),
            (Action.LOGGED_OUT, None, person.name),
        ],
        key=str,
    )
    assert house.site.ledger.accesses.verify().is_whole


def test_a_machine_is_noted_as_the_site(house):
    with house.browser() as browser:
        browser.post(f"/api/v1/cases/{CASE}/revoke", headers=house.site.bearer)
    time.sleep(0.2)
    entry = next(entry for entry in house.site.ledger.accesses.latest() if entry.action == Action.REVOKED)
    assert (entry.kind, entry.case_id, entry.person_id) == ("site", CASE, None)


def test_a_person_shows_in_no_repr(house):
    house.site.ledger.accesses.note(
        actor_of_person(house.person(login="canary")), Action.OPENED, None, "canary", now()
    )
    assert "canary" not in repr(house.site.ledger.accesses.latest(limit=1)).lower()
