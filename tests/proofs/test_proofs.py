"""What must never happen, in short; ``python -m benchmarks.proofs`` looks at all of it."""

import base64
from email.message import EmailMessage

import pytest

from benchmarks.proofs import accessible, hostile
from benchmarks.proofs.outside import Outside
from benchmarks.proofs.strings import BEGINNINGS, marks, strings
from benchmarks.proofs.table import Row, drawn, none_of

PAGES = (
    "/", "/cases/{taken}", "/phone/cases/{taken}", "/people", "/people/{me}", "/rota/stroke_doctor", "/me", "/audit", "/sources",
    "/orders", "/orders/{message}", "/destinations",
)  # fmt: skip
NAME = "KANARIENVOGEL^QUỲNH"


def unmet(rows):
    return [row for row in rows if not row.met]


def test_strings_are_many_different_and_the_same_every_time():
    made = strings(2000)
    assert made == strings(2000)
    assert len({text[:-8] for text in made}) > 1900
    assert all(made[place].startswith(text) for place, text in enumerate(BEGINNINGS))
    assert all(len(marks(text)) == 1 for text in made)
    assert max(map(len, made)) > 10_000


def test_no_string_runs_on_any_page_nor_in_a_spreadsheet(chromium):
    rows = hostile.prove(chromium, 400, 400, PAGES)
    assert not unmet(rows), drawn(rows)
    assert sum(row.what.startswith("  control") for row in rows) == 1, "and what does not escape is noticed"


@pytest.mark.parametrize(
    ("cell", "runs"),
    [
        ("=1+1", True),
        (" @SUM(A1)", True),
        ("\t=1", True),
        ("'=1+1", False),
        ("-2.5", False),
        ("Bệnh viện", False),
    ],
)
def test_what_a_spreadsheet_would_run(cell, runs):
    assert hostile.would_run(cell) is runs


@pytest.mark.skipif(not accessible.AXE.exists(), reason="axe-core is not installed: make npm-peers")
def test_main_pages_shut_nobody_out(chromium):
    rows = accessible.prove(chromium, short=True)
    assert not unmet(rows), drawn(rows)


def _mail(text):
    mail = EmailMessage()
    mail["Subject"] = "Alert"
    mail.set_content(text, cte="quoted-printable")
    mail.add_attachment(text.encode(), maintype="application", subtype="octet-stream")
    return mail.as_bytes()


@pytest.mark.parametrize(
    "wrapped",
    [
        NAME,
        base64.b64encode(f"....{NAME}".encode()),
        "name=KANARIENVOGEL%5EQU%E1%BB%B2NH",
        '{"name": "KANARIENVOGEL^QU\\u1ef2NH"}',
        _mail(f"{'long ' * 30}{NAME}"),
    ],
)
def test_a_name_is_found_in_whatever_it_is_wrapped(wrapped):
    outside = Outside()
    outside.add("somewhere", wrapped)
    assert outside.holding(["QUỲNH"])
    assert not outside.holding(["somebody else"])


def test_the_table_tells_what_was_not_met():
    table = drawn([none_of("scripts", ["one"]), none_of("others", []), Row("more", "", "3")])
    assert table.count("NOT MET") == 1
    assert "\n    one" in table
