"""docs/people.md says what the program does."""

import re
from pathlib import Path

import pytest

from gateway.api.audit import MOST_EXPORTED
from gateway.api.lookup import row_of
from gateway.api.me import CALENDAR_AHEAD
from gateway.console.audit import VERIFIED_AT_ONCE
from gateway.console.words.roles import ROLES
from gateway.team.people import RIGHTS, Right, Role
from viewer_bridge.report.wording.language import Language

PAGE = (Path(__file__).parents[2] / "docs/people.md").read_text("utf-8")
COLUMNS = {
    "see cases": Right.READ,
    "names": Right.NAMES,
    "answer": Right.ANSWER,
    "judge": Right.JUDGE,
    "sign": Right.SIGN,
    "operate": Right.OPERATE,
    "rota": Right.ARRANGE,
    "people": Right.ADMINISTER,
    "audit": Right.AUDIT,
}


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_the_table_of_roles_is_that_of_the_program():
    header = next(line for line in PAGE.splitlines() if "| see cases |" in line)
    columns = [COLUMNS[title] for title in cells(header)[1:]]
    assert set(columns) == set(Right)
    for role in Role:
        line = next(
            line
            for line in PAGE.splitlines()
            if line.startswith(f"| {ROLES[Language.ENGLISH].title(role).one} |")
        )
        marks = cells(line)[1:]
        assert set(marks) <= {"yes", ""}
        granted = {right for right, mark in zip(columns, marks, strict=True) if mark}
        assert granted == RIGHTS[role], role


@pytest.mark.parametrize(("method", "path"), re.findall(r"`(GET|POST|PUT|DELETE) (/api/[^`?]+)`", PAGE))
def test_every_address_of_the_page_is_one(method, path):
    assert row_of(method, re.sub(r"\{\w+\}", "x", path)), "no row in the table of rights"


def test_its_figures_are_those_of_the_program():
    assert f"{VERIFIED_AT_ONCE:,} rows".replace(",", " ") in PAGE
    assert f"{MOST_EXPORTED:,} rows".replace(",", " ") in PAGE
    assert "ninety days" in PAGE
    assert CALENDAR_AHEAD.days == 90
