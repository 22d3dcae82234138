"""The access log's page: narrowed down, proven, and a table that no spreadsheet runs."""

import csv
import html
import io
import re
import time

from sqlalchemy import update

from gateway.ledger.accesses import Action
from gateway.ledger.accesses_tables import accesses
from gateway.ledger.statements import run
from gateway.team.people import Role, actor_of_person
from tests.team.conftest import now


def comes_to(holds) -> bool:
    """Whether something becomes true within a few seconds."""
    deadline = time.monotonic() + 10
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


CASE = "11111111-2222-3333-4444-555555555555"


def test_it_is_narrowed_down_by_person_case_and_day(team):
    one, other = team.person("BS One", Role.IT), team.person("BS Other", Role.IT)
    note = team.site.ledger.accesses.note
    for who, what in ((one, "first"), (other, "second"), (one, "third")):
        note(actor_of_person(who), Action.OPENED, CASE if what == "third" else None, f"the {what}", now())
    with team.client(one) as client:
        mine = client.get("/audit", params={"person": one.id}).text
        assert "the first" in mine
        assert "the third" in mine
        assert "the second" not in mine
        of_case = client.get("/audit", params={"case": CASE}).text
        assert "the third" in of_case
        assert "the first" not in of_case
        assert "the first" not in client.get("/audit", params={"to": "2020-01-01"}).text
        assert "the first" in client.get("/audit", params={"from": "2020-01-01", "person": one.id}).text
        backwards = client.get("/audit", params={"from": "2020-01-02", "to": "2020-01-01"})
        assert backwards.status_code == 400


def test_older_rows_are_a_page_further(team):
    busy = team.person("BS Busy", Role.IT)
    for number in range(102):
        team.site.ledger.accesses.note(actor_of_person(busy), Action.OPENED, None, f"look {number:03}", now())
    with team.client() as client:
        page = client.get("/audit", params={"person": busy.id}).text
        assert "look 101" in page
        assert "look 001" not in page
        older = html.unescape(re.search(r'href="(/audit[^"]*before=[^"]*)"', page)[1])
        assert "look 001" in client.get(older).text


def test_whoever_changes_a_row_is_found_out(fresh_team):
    note, engine = fresh_team.site.ledger.accesses.note, fresh_team.site.ledger.engine
    for number in range(3):
        note(None, Action.OPENED, CASE, f"look {number}", now())
    with fresh_team.client() as client:
        assert "The log is whole" in client.get("/audit").text
        run(engine, update(accesses).where(accesses.c.number == 2).values(detail="nothing"))
        broken = client.get("/audit").text
        assert "The log was changed" in broken
        assert "Row 2 does not follow" in broken
        verdict = client.get("/api/v1/audit/verdict").json()
        assert (verdict["is_whole"], verdict["broken_at"]) == (False, 2)


def test_the_table_runs_nothing_in_a_spreadsheet_and_is_itself_noted(team):
    formula = team.person('=HYPERLINK("http://evil.example";"x")', Role.IT)
    team.site.ledger.accesses.note(actor_of_person(formula), Action.OPENED, None, "@SUM(A1)\t+1", now())
    with team.client(formula) as client:
        answer = client.get("/audit.csv", params={"person": formula.id})
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0]["name"].startswith("'=HYPERLINK")
    assert rows[0]["detail"].startswith("'@SUM")
    assert comes_to(lambda: team.log(formula)[0].startswith("exported: ")), "noted behind the answer"
