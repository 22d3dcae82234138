"""Whose study it is: proven, left to a person, or unknown; and never somebody else's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.hospital.world import judge, made
from gateway.orders.evidence import OTHER_NAME, OTHER_NUMBER, StudyHeader
from gateway.orders.match import Certainty
from gateway.orders.matching import (
    CANCELLED,
    NOT_COME,
    SEVERAL,
    UNPROVEN,
    KnownOrder,
    match_study,
    priority_of,
)
from gateway.orders.order import Order, OrderPriority, OrderStatus
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity

AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
WINDOW = timedelta(hours=12)
PERSON = PatientIdentity(
    (Identifier("12345", IdentifierKind.HOSPITAL, "BVTW"),), "NGUYỄN^VĂN A", "19500102", "M"
)
ORDER = Order("k1", placer="P1", accession_number="A1", scheduled_at=AT, modality="CT", patient=PERSON)
ORDER = replace(ORDER, key="00000000-0000-0000-0000-000000000001")
STUDY = StudyHeader("1.2.3", "A1", ("12345",), "BVTW", "NGUYEN^VAN A", "19500102", "M", AT, "CT")


def found(study=STUDY, *orders, people=None):
    known = [each if isinstance(each, KnownOrder) else KnownOrder(each, "i1") for each in orders or (ORDER,)]
    return match_study(study, known, people if people is not None else {"i1": PERSON}, WINDOW)


def test_accession_and_patient_agree():
    match = found()
    assert (match.certainty, match.order_key, match.identity_key) == (Certainty.CERTAIN, ORDER.key, "i1")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "TRẦN^THỊ B"}, OTHER_NAME),
        ({"name": "NGUYỄN^VĂN Á"}, OTHER_NAME),
        ({"numbers": ("999",)}, OTHER_NUMBER),
        ({"birth_date": "19500103"}, "the birth date differs"),
        ({"sex": "F"}, "the sex differs"),
        ({"numbers": (), "name": ""}, UNPROVEN),
        ({"issuer": "", "name": "", "birth_date": ""}, UNPROVEN),
    ],
)
def test_an_equal_accession_number_is_not_enough(change, reason):
    match = found(replace(STUDY, **change))
    assert match.certainty is Certainty.UNCERTAIN
    assert match.order_key is None
    assert reason in match.candidates[0].speaks_against


def test_two_hospitals_count_alike():
    other = replace(
        ORDER,
        key="00000000-0000-0000-0000-000000000002",
        patient=replace(PERSON, name="TRẦN^B", birth_date="19801231"),
    )
    assert found(STUDY, ORDER, KnownOrder(other, "i2")).order_key == ORDER.key
    nameless = replace(STUDY, issuer="", name="", birth_date="", sex="")
    assert found(nameless, ORDER, KnownOrder(other, "i2")).certainty is Certainty.UNCERTAIN


def test_without_accession_number_the_patient_and_the_time_decide():
    study = replace(STUDY, accession_number="")
    assert found(study).order_key == ORDER.key
    later = replace(
        ORDER,
        key="00000000-0000-0000-0000-000000000002",
        accession_number="A2",
        scheduled_at=AT + timedelta(hours=3),
    )
    several = found(study, ORDER, later)
    assert (several.certainty, several.reasons, several.identity_key) == (
        Certainty.UNCERTAIN,
        (SEVERAL,),
        "i1",
    )
    assert found(study, replace(ORDER, scheduled_at=AT - timedelta(days=2))).certainty is Certainty.NONE
    assert found(study, replace(ORDER, modality="MR")).certainty is Certainty.NONE
    assert found(study, replace(ORDER, scheduled_at=None)).certainty is Certainty.UNCERTAIN
    assert found(study, KnownOrder(ORDER, "i1", is_taken=True)).certainty is Certainty.UNCERTAIN


def test_another_accession_number_is_another_order_of_the_same_patient():
    match = found(replace(STUDY, accession_number="A9"))
    assert (match.certainty, match.reasons, match.identity_key) == (Certainty.NONE, (NOT_COME,), "i1")


def test_a_cancelled_order_wants_a_person():
    match = found(STUDY, replace(ORDER, status=OrderStatus.CANCELLED))
    assert (match.certainty, match.reasons) == (Certainty.UNCERTAIN, (CANCELLED,))


def test_our_own_worklist_names_the_study():
    study = replace(STUDY, study_uid="2.25.1", accession_number="")
    far = replace(ORDER, scheduled_at=AT - timedelta(days=9))
    assert found(study, far).order_key == ORDER.key


def test_haste_follows_any_order_that_may_be_meant():
    stroke = KnownOrder(replace(ORDER, priority=OrderPriority.STROKE), "i1")
    unsure = found(replace(STUDY, name="TRẦN^B"), stroke)
    assert unsure.certainty is Certainty.UNCERTAIN
    assert priority_of(unsure, [stroke]) is OrderPriority.STROKE


def test_shuffled_studies_are_never_given_to_somebody_else(tmp_path):
    judged = judge(made(seed=7, studies=60), tmp_path, seed=7)
    assert (judged.wrong, judged.mixed) == (0, 0)
    assert judged.certain > 15
    assert judged.uncertain > 3
