"""The same on PostgreSQL: kept, applied, merged, matched, and bytes that its texts cannot hold."""

from datetime import timedelta

from benchmarks.hospital.messages import Somebody, adt, orm
from gateway.ledger.ledger import Ledger
from gateway.orders.evidence import StudyHeader
from gateway.orders.match import Certainty
from gateway.orders.matchmaker import Matchmaker
from gateway.orders.office import Incoming, Office
from gateway.orders.order import OrderStatus, WorklistQuery
from gateway.orders.settings import Orders as Settings
from tests.orders.conftest import NOW


def test_orders_on_postgresql(a_postgres_url: str) -> None:
    ledger, settings = Ledger.open(a_postgres_url), Settings()
    office, matchmaker = Office(ledger.engine, settings), Matchmaker(ledger, settings)
    late = "20261122101500+0700"
    raws = (
        orm("pg1", Somebody("PG1^^^BVTW^MR"), placer="PGP1", accession="PGA1"),
        orm("pg2", Somebody("PG2^^^BVTW^MR", name="A\0B"), placer="PGP2", accession="PGA2"),
        b"\0\0 not HL7 \0",
        orm("pg1", Somebody("PG1^^^BVTW^MR"), placer="PGP1", accession="PGA1"),
        adt("A40", "pg3", Somebody("PG3^^^BVTW^MR", "NGUYỄN^VĂN Á"), late, "PG1^^^BVTW^MR"),
    )
    answers = office.take([Incoming(raw, NOW) for raw in raws])
    assert [answer.partition(b"MSA|")[2][:2] for answer in answers] == [b"AA", b"AA", b"AR", b"AA", b"AA"]
    study = StudyHeader("1.2.pg", "PGA1", ("PG3",), "BVTW", "NGUYEN^VAN A", "19500102", "M", NOW, "CT")
    match = matchmaker.settle(study, NOW)
    assert match.certainty is Certainty.CERTAIN
    assert ledger.orders.set_status(match.order_key or "", OrderStatus.COMPLETED, NOW + timedelta(hours=1))
    matchmaker.follow_changes("pg", NOW)
    person = ledger.orders.identity_of("1.2.pg")
    assert person is not None
    assert {number.value for number in person.identifiers} == {"PG1", "PG3"}
    assert ledger.orders.worklist(WorklistQuery(accession_number="PGA1")) == []
    assert [kept.repeats for kept in ledger.orders.inbox.latest(5)][-1] == 1
    ledger.engine.dispose()
