"""The worker's loop: a study finds its order, haste comes before the first result, corrections reach what was sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.hospital.messages import Somebody, adt, orm
from gateway.engine import Client
from gateway.intake import Intake
from gateway.lanes import Priority
from gateway.ledger.letter import Cause
from gateway.orders.match import Certainty
from gateway.orders.office import Incoming, Office
from gateway.orders.registrar import Registrar
from tests.api.staging import CANARY, CANARY_ID, Site, a_result, close_site, open_site

STUDY = "1.2.1"
HIS = {"name": "his", "kind": "oru", "host": "127.0.0.1", "port": 1}


class _Desk(SimpleNamespace):
    """What the registrar and the corrections use of a desk."""

    def spooled(self, path: str) -> Path:
        return Path(self.config.spool_dir) / path

    def now(self) -> datetime:
        return datetime.now(UTC)


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[tuple[Site, Any]]:
    """A study that has arrived, with its person, and a desk."""
    site = open_site(tmp_path, orders={"default_issuer": "BVTW"}, emr={"destinations": [HIS]})
    site.receive(STUDY)
    yield site, _Desk(config=site.config, ledger=site.ledger)
    close_site(site)


def tell(site: Site, *raws: bytes) -> None:
    answers = Office(site.ledger.engine, site.config.orders).take(
        [Incoming(raw, datetime.now(UTC)) for raw in raws]
    )
    assert all(b"MSA|AA" in answer for answer in answers), answers


def stamp(minutes: float) -> str:
    return f"{datetime.now(UTC) + timedelta(minutes=minutes):%Y%m%d%H%M%S}+0000"


def who(**changed: str) -> Somebody:
    return Somebody(
        **{"numbers": f"{CANARY_ID}^^^BVTW^MR", "name": CANARY, "born": "19500102", "sex": "M", **changed}
    )


def ordered(**changed: str) -> bytes:
    """An order that names the study."""
    return orm("1", who(), study_uid=STUDY, at=stamp(-30), planned=stamp(-10), **changed)


def test_an_order_is_found_before_and_after_the_study(staged: tuple[Site, Any]) -> None:
    site, desk = staged
    Registrar(desk).look(datetime.now(UTC))
    match = site.ledger.orders.matches.get(STUDY)
    assert match is not None
    assert match.certainty is Certainty.NONE
    tell(site, ordered())
    Registrar(desk).look(datetime.now(UTC))
    order, person = site.ledger.orders.order_of(STUDY), site.ledger.orders.identity_of(STUDY)
    assert order is not None
    assert person is not None
    assert (order.accession_number, person.name) == ("A1", CANARY)
    assert site.ledger.orders.matches.corrections_waiting() == []


def test_a_stroke_code_is_analysed_before_what_waits(
    staged: tuple[Site, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, desk = staged
    tell(site, ordered(priority="STROKE"))
    assert [
        order.placer for order in site.ledger.orders.expected_strokes(datetime.now(UTC) - timedelta(hours=1))
    ] == ["P1"]
    Registrar(desk).look(datetime.now(UTC))
    assert site.ledger.orders.expected_strokes(datetime.now(UTC) - timedelta(hours=1)) == []
    asked: dict[str, Priority] = {}

    def submit(_client: Client, name: str, _key: str, *_what: object, **how: Any) -> None:
        asked[name] = how["priority"]

    monkeypatch.setattr(Client, "submit", submit)
    case = site.ledger.cases.of_study(STUDY)
    assert case is not None
    site.ledger.cases.complete(case.id, 1, f"{STUDY}.1", "proof", datetime.now(UTC))
    Intake(site.ledger, site.client, site.config.intake, 60.0).look(datetime.now(UTC))
    assert asked["case"] is Priority.STROKE_CODE
    assert Priority.STROKE_CODE < Priority.URGENT < Priority.NORMAL


@pytest.mark.parametrize(
    "news",
    [
        adt("A08", "2", who(name="CANARY^TUẤN ANH"), at=stamp(-1)),
        adt(
            "A40",
            "2",
            who(numbers="55^^^BVTW^MR", name="CANARY^TUẤN ANH"),
            stamp(-1),
            f"{CANARY_ID}^^^BVTW^MR",
        ),
    ],
    ids=["A08", "A40"],
)
def test_a_correction_reaches_what_was_sent(staged: tuple[Site, Any], news: bytes) -> None:
    site, desk = staged
    site.conclude(STUDY, a_result(STUDY))
    tell(site, ordered())
    Registrar(desk).look(datetime.now(UTC))
    case = site.ledger.cases.of_study(STUDY)
    assert case is not None
    key = site.ledger.letters.queue(case.id, 1, "his", Cause.RESULT, "", datetime.now(UTC))
    assert key is not None
    site.ledger.deliveries.delivered(key, datetime.now(UTC), "AA")
    tell(site, news)
    Registrar(desk).look(datetime.now(UTC))
    person = site.ledger.orders.identity_of(STUDY)
    assert person is not None
    assert person.name == "CANARY^TUẤN ANH"
    causes = [each.cause for each in site.ledger.letters.of_case(case.id, "his")]
    assert causes == [Cause.RESULT, Cause.CORRECTED]
    Registrar(desk).look(datetime.now(UTC))
    assert len(site.ledger.letters.of_case(case.id, "his")) == 2
