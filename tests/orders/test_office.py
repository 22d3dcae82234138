"""Messages are kept, applied once, answered with a reason, and can be replayed."""

import re

from benchmarks.hospital.messages import Somebody, adt, header, message, omi, orm
from gateway.ledger.ledger import Ledger
from gateway.ledger.orders_inbox import InboxState
from gateway.orders.office import Office
from gateway.orders.order import OrderPriority, OrderStatus, WorklistQuery
from gateway.orders.person import IdentifierKind
from tests.orders.conftest import NOW, Take

FULL = "12345^^^BVTW^MR~001085000123^^^BCA^NI~GD4010123456789^^^BHXH^HC"


def code(answer: str) -> str:
    found = re.search(r"MSA\|(\w\w)\|", answer)
    assert found
    return found[1]


def worklist(ledger: Ledger, **wanted: str) -> list[str]:
    return [order.accession_number for order in ledger.orders.worklist(WorklistQuery(**wanted))]


def test_an_order_is_kept_with_everything_it_says(take: Take, ledger: Ledger) -> None:
    assert [code(answer) for answer in take(orm(who=Somebody(FULL)))] == ["AA"]
    (order,) = ledger.orders.worklist(WorklistQuery(modality="CT", accession_number="A1"))
    assert (order.placer, order.placer_issuer, order.procedure.text) == ("P1", "BVTW", "CT perfusion head")
    assert order.scheduled_at is not None
    assert order.scheduled_at.isoformat() == "2026-11-22T03:30:00+00:00"
    kinds = [(number.value, number.kind, number.issuer) for number in order.patient.identifiers]
    assert kinds == [
        ("12345", IdentifierKind.HOSPITAL, "BVTW"),
        ("001085000123", IdentifierKind.CITIZEN, "VNM"),
        ("GD4010123456789", IdentifierKind.INSURANCE, "BHXH"),
    ]
    assert (order.patient.name, order.patient.birth_date, order.patient.sex) == (
        "NGUYỄN^VĂN A",
        "19500102",
        "M",
    )
    assert "NGUY" not in repr(order)
    assert "12345" not in repr(order)


def test_an_imaging_order_brings_its_study(take: Take, ledger: Ledger) -> None:
    take(omi("1", Somebody(), "A7", "1.2.3.4", "S"))
    (order,) = ledger.orders.of_study("1.2.3.4")
    assert (order.accession_number, order.station_ae, order.step_id) == ("A7", "CT1", "SPS9")
    assert order.priority is OrderPriority.URGENT


def test_a_repeat_is_answered_again_and_applied_once(take: Take, ledger: Ledger) -> None:
    first, second = take(orm()), take(orm())
    assert code(first[0]) == code(second[0]) == "AA"
    (kept,) = ledger.orders.inbox.latest(10)
    assert kept.repeats == 1
    assert len(ledger.orders.worklist(WorklistQuery())) == 1


def test_other_content_under_the_same_control_id_is_another_message(take: Take, ledger: Ledger) -> None:
    take(orm("7"), orm("7", placer="P2", accession="A2"))
    assert sorted(worklist(ledger)) == ["A1", "A2"]
    assert "control id" in ledger.orders.inbox.latest(1)[0].remarks[0]


def test_one_message_that_cannot_be_applied_holds_up_nobody(take: Take, ledger: Ledger) -> None:
    answers = take(
        orm("1"),
        orm("2", control="CA", placer="P404", accession="A404"),
        orm("3", placer="P3", accession="A3"),
    )
    assert [code(answer) for answer in answers] == ["AA", "AE", "AA"]
    assert "ERR||ORC^1^2|204^Unknown key identifier^HL70357|E" in answers[1]
    assert "MSA|AE|2|" in answers[1]
    (refused,) = ledger.orders.inbox.latest(10, InboxState.REFUSED)
    assert (refused.condition, refused.place) == ("204", "ORC^1^2")


def test_what_was_refused_is_applied_when_it_is_replayed(take: Take, ledger: Ledger, office: Office) -> None:
    take(orm("2", control="CA", at="20261122100500+0700"))
    take(orm("1"))
    (refused,) = ledger.orders.inbox.latest(10, InboxState.REFUSED)
    kept = ledger.orders.inbox.get(refused.id)
    assert kept is not None
    assert office.replay(kept.id, kept.raw, NOW).state is InboxState.APPLIED
    assert worklist(ledger) == []


def test_what_nobody_takes_is_rejected_with_its_place(take: Take) -> None:
    answers = take(
        message(header("SIU^S12", "1"), Somebody().segment()),
        message(header("ADT^A99", "2"), Somebody().segment()),
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
        message(header("ORM^O01", "5"), "ORC|NW|P1", "OBR|1|P1"),
        message(header("ORM^O01", "6"), Somebody().segment(), "ORC|XX|P1", "OBR|1|P1"),
    )
    assert [code(answer) for answer in answers] == ["AR", "AR", "AR", "AR", "AE", "AE"]
    conditions = [re.search(r"\|(\d{3})\^", answer)[1] for answer in answers]  # type: ignore[index]
    assert conditions == ["200", "201", "100", "100", "101", "103"]


def test_older_versions_find_the_condition_where_they_look(take: Take) -> None:
    old = orm(control="CA").replace(b"|2.5.1|", b"|2.3.1|")
    (answer,) = take(old)
    assert "MSA|AE|1|there is no such order here|||204" in answer
    assert "ERR|ORC^1^2^204&Unknown key identifier&HL70357" in answer


def test_a_cancelled_order_leaves_the_worklist_and_a_late_old_message_does_not_bring_it_back(
    take: Take, ledger: Ledger
) -> None:
    take(
        orm("1"),
        orm("2", control="CA", at="20261122101000+0700"),
        orm("3", control="XO", at="20261122100100+0700"),
    )
    (order,) = ledger.orders.of_accession("A1")
    assert order.status is OrderStatus.CANCELLED


def test_stroke_codes_are_known_by_code_word_and_accent(take: Take, ledger: Ledger) -> None:
    take(
        orm("1", accession="A1", placer="P1", procedure="CTP^CT tưới máu não - đột quỵ^L"),
        orm("2", accession="A2", placer="P2", priority="STROKE"),
        orm("3", accession="A3", placer="P3", priority="S"),
        orm("4", accession="A4", placer="P4", procedure="CTP^CT heatstroke^L"),
    )
    found = {
        order.accession_number: order.priority.value for order in ledger.orders.worklist(WorklistQuery())
    }
    assert found == {"A1": "stroke", "A2": "stroke", "A3": "urgent", "A4": "routine"}


def test_a_correction_reaches_the_patient_of_known_orders(take: Take, ledger: Ledger) -> None:
    take(orm("1"), adt("A08", "2", Somebody(name="NGUYỄN^VĂN ÁN", born="19500103"), at="20261122101500+0700"))
    (order,) = ledger.orders.of_accession("A1")
    assert (order.patient.name, order.patient.birth_date) == ("NGUYỄN^VĂN ÁN", "19500103")


def test_an_order_never_turns_a_patient_into_somebody_else(take: Take, ledger: Ledger) -> None:
    other = Somebody(name="TRẦN^THỊ B", born="19801231", sex="F")
    answers = take(orm("1"), orm("2", other, placer="P2", accession="A2"))
    assert [code(answer) for answer in answers] == ["AA", "AE"]
    assert "205^Duplicate key identifier" in answers[1]
    assert worklist(ledger) == ["A1"]


def test_an_order_number_stays_with_its_patient(take: Take) -> None:
    other = Somebody(numbers="999^^^BVTW^MR", name="TRẦN^THỊ B", born="19801231", sex="F")
    assert [code(answer) for answer in take(orm("1"), orm("2", other))] == ["AA", "AE"]


def test_merged_records_are_one_patient_whatever_comes_first(take: Take, ledger: Ledger) -> None:
    temporary = Somebody(numbers="T1^^^BVTW^MR", name="VÔ DANH", born="", sex="")
    take(
        adt("A40", "1", Somebody(), prior="T1^^^BVTW^MR"),
        orm("2", temporary, placer="P1", accession="A1"),
        orm("3", placer="P2", accession="A2"),
    )
    first, second = ledger.orders.of_accession("A1")[0], ledger.orders.of_accession("A2")[0]
    assert first.patient == second.patient
    assert {number.value for number in first.patient.identifiers} == {"12345", "T1"}
    assert sorted(o.accession_number for o in ledger.orders.of_numbers(["T1"])) == ["A1", "A2"]


def test_a_merge_of_two_known_records_follows_through(take: Take, ledger: Ledger) -> None:
    temporary = Somebody(numbers="T1^^^BVTW^MR", name="VÔ DANH", born="", sex="")
    take(
        orm("1", temporary),
        orm("2", placer="P2", accession="A2"),
        adt("A40", "3", Somebody(), at="20261122101500+0700", prior="T1^^^BVTW^MR"),
        adt("A40", "4", Somebody(numbers="T1^^^BVTW^MR"), at="20261122101600+0700", prior="12345^^^BVTW^MR"),
    )
    (order,) = ledger.orders.of_accession("A1")
    assert order.patient.name == "NGUYỄN^VĂN A"
