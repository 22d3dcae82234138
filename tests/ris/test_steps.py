"""Procedure steps: the life of one, what is refused and how, and what follows for the order."""

import shutil
import subprocess
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, generate_uid
from sqlalchemy import create_engine, text

from dicom_scp.mpps import INCORRECT_ENTRY, MPPS, StepStatus
from gateway.ledger.performed import PerformedSteps
from gateway.orders.order import OrderStatus, made_uid
from gateway.ris import performed
from gateway.ris.performed import order_of
from tests.ris.conftest import a_house, an_order, associated, placed
from triage.errors import TemporaryError

STUDY, SERIES = "1.2.826.5", "1.2.826.5.1"
PEERS = Path(__file__).parents[2] / ".cache/npm-peers/dimse/node_modules/dcmjs-dimse"


def item(**values) -> Dataset:
    data = Dataset()
    for name, value in values.items():
        setattr(data, name, value)
    return data


def beginning(study: str = STUDY, **other) -> Dataset:
    """Attributes of an N-CREATE."""
    entry = item(
        StudyInstanceUID=study,
        ReferencedStudySequence=[],
        AccessionNumber="A1",
        RequestedProcedureID="RP1",
        ScheduledProcedureStepID="S1",
    )
    plain = {
        "ScheduledStepAttributesSequence": [entry],
        "PatientName": "A^B",
        "PatientID": "P1",
        "PerformedProcedureStepID": "PPS1",
        "PerformedStationAETitle": "CT01",
        "PerformedProcedureStepStartDate": "20260301",
        "PerformedProcedureStepStartTime": "080000",
        "PerformedProcedureStepStatus": "IN PROGRESS",
        "Modality": "CT",
        "PerformedSeriesSequence": [],
    }
    return item(**{name: value for name, value in (plain | other).items() if value is not None})


def series(count: int = 3, uid: str = SERIES, **other) -> Dataset:
    """One performed series with so many images."""
    images = [
        item(ReferencedSOPClassUID=CTImageStorage, ReferencedSOPInstanceUID=f"{uid}.{n + 1}")
        for n in range(count)
    ]
    plain = {"SeriesInstanceUID": uid, "ProtocolName": "CTP", "ReferencedImageSequence": images}
    return item(**{name: value for name, value in (plain | other).items() if value is not None})


def ending(status: str = "COMPLETED", **other) -> Dataset:
    """Attributes of the last N-SET."""
    plain = {
        "PerformedProcedureStepStatus": status,
        "PerformedProcedureStepEndDate": "20260301",
        "PerformedProcedureStepEndTime": "081000",
        "PerformedSeriesSequence": [series()],
    }
    return item(**{name: value for name, value in (plain | other).items() if value is not None})


def create(peer, data: Dataset, uid: str | None = None) -> Dataset:
    return peer.send_n_create(data, MPPS, uid)[0]


def change(peer, data: Dataset, uid: str) -> Dataset:
    return peer.send_n_set(data, MPPS, uid)[0]


@pytest.fixture
def peer(house):
    with associated(house.port, MPPS) as peer:
        yield peer


def begun(peer, **other) -> str:
    uid = generate_uid()
    assert create(peer, beginning(**other), uid).Status == 0
    return uid


def test_a_step_begins_goes_on_and_ends_for_good(house, peer):
    uid = begun(peer)
    assert house.ledger.performed.get(uid).step.status is StepStatus.IN_PROGRESS
    assert change(peer, item(PerformedSeriesSequence=[series(1)]), uid).Status == 0
    assert change(peer, ending(), uid).Status == 0
    known = house.ledger.performed.get(uid)
    (made,) = known.step.series
    assert (known.step.status, made.series_uid, len(made.images)) == (StepStatus.COMPLETED, SERIES, 3)
    assert (known.step.started, known.step.ended) == (("20260301", "080000"), ("20260301", "081000"))
    for data in (ending("DISCONTINUED"), item(PerformedSeriesSequence=[]), ending()):
        refused = change(peer, data, uid)
        assert (refused.Status, refused.ErrorID) == (0x0110, 0xA710)
        assert refused.ErrorComment == "Performed Procedure Step Object may no longer be updated"
    assert house.ledger.performed.get(uid) == known


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_step_is_known_by_its_uid_only(house, peer):
    uid = begun(peer)
    assert create(peer, beginning(), uid).Status == 0x0111
    assert change(peer, ending(), generate_uid()).Status == 0x0112
    assert create(peer, beginning(), "1..2").Status == 0x0117
    assert create(peer, beginning()).Status == 0
    assert house.ledger.performed.in_progress(datetime(2020, 1, 1, tzinfo=UTC))[0].step.uid.startswith(
        "2.25."
    )


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"PerformedProcedureStepStatus": "COMPLETED"}, 0x0106),
        ({"PerformedProcedureStepStatus": "BEGUN"}, 0x0106),
        ({"PerformedProcedureStepStatus": None}, 0x0120),
        ({"Modality": None}, 0x0120),
        ({"Modality": ""}, 0x0121),
        ({"PerformedStationAETitle": None}, 0x0120),
        ({"PerformedProcedureStepID": ""}, 0x0121),
        ({"PerformedProcedureStepStartTime": None}, 0x0120),
        ({"ScheduledStepAttributesSequence": None}, 0x0120),
        ({"ScheduledStepAttributesSequence": []}, 0x0121),
        ({"ScheduledStepAttributesSequence": [item(AccessionNumber="A1")]}, 0x0120),
        ({"ScheduledStepAttributesSequence": [item(StudyInstanceUID="")]}, 0x0121),
        ({"PerformedSeriesSequence": [item(ProtocolName="CTP")]}, 0x0120),
        ({"PerformedSeriesSequence": None, "PatientName": None, "PatientID": None}, 0),
    ],
)
def test_what_is_required_is_required(house, peer, other, status):
    uid = generate_uid()
    answer = create(peer, beginning(**other), uid)
    assert answer.Status == status
    assert (house.ledger.performed.get(uid) is not None) is (status == 0)
    assert ("ErrorComment" in answer) is (status != 0)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (ending(PerformedSeriesSequence=None), 0x0121),
        (ending(PerformedSeriesSequence=[]), 0x0121),
        (ending(PerformedProcedureStepEndTime=None), 0x0121),
        (ending(PerformedSeriesSequence=[series(ProtocolName=None)]), 0x0120),
        (ending(PerformedSeriesSequence=[series(SeriesInstanceUID="")]), 0x0121),
        (ending("DONE"), 0x0106),
        (ending("DISCONTINUED", PerformedSeriesSequence=None), 0),
        (ending(PatientName="C^D"), 0),
    ],
)
def test_an_end_has_what_an_end_needs(house, peer, data, status):
    uid = begun(peer)
    assert change(peer, deepcopy(data), uid).Status == status
    assert house.ledger.performed.get(uid).step.status.is_final is (status == 0)


def test_what_came_earlier_counts_at_the_end(house, peer):
    uid = begun(peer)
    assert change(peer, ending(PerformedProcedureStepStatus=None), uid).Status == 0
    assert change(peer, item(PerformedProcedureStepStatus="COMPLETED"), uid).Status == 0


def test_success_is_answered_for_what_is_durable_only(house, peer, monkeypatch):
    """Read by another process's eyes; and a ledger that cannot write is no success."""
    uid = begun(peer)
    with create_engine(str(house.ledger.engine.url)).connect() as other:
        assert (
            other.execute(text("SELECT count(*) FROM performed_steps WHERE uid = :u"), {"u": uid}).scalar()
            == 1
        )

    def full(*_args):
        raise TemporaryError("the disk is full")

    monkeypatch.setattr(PerformedSteps, "begin", full)
    monkeypatch.setattr(PerformedSteps, "change", full)
    assert create(peer, beginning(), generate_uid()).Status == 0x0213
    assert change(peer, ending(), uid).Status == 0x0213
    monkeypatch.undo()
    assert change(peer, ending(), uid).Status == 0


def test_nobody_reports_steps_without_leave(house):
    with pytest.raises(AssertionError), associated(house.port, MPPS, title="NOBODY"):
        pass


@pytest.mark.parametrize(
    ("last", "state"),
    [
        (ending(), OrderStatus.COMPLETED),
        (ending("DISCONTINUED"), OrderStatus.DISCONTINUED),
        (
            ending(
                "DISCONTINUED",
                PerformedProcedureStepDiscontinuationReasonCodeSequence=[
                    item(CodeValue=INCORRECT_ENTRY, CodingSchemeDesignator="DCM", CodeMeaning="wrong entry")
                ],
            ),
            OrderStatus.SCHEDULED,
        ),
    ],
)
def test_an_order_goes_with_its_step(tmp_path, last, state):
    """Whoever selected the wrong entry leaves it on the worklist."""
    with a_house(tmp_path) as house, associated(house.port, MPPS) as peer:
        order, other = an_order(1), an_order(2)
        placed(house.ledger, order)
        placed(house.ledger, other)
        uid = begun(peer, study=made_uid(order.key))
        assert house.ledger.performed.get(uid).order_keys == (order.key,)
        assert house.ledger.orders.get(order.key).status is OrderStatus.IN_PROGRESS
        assert change(peer, deepcopy(last), uid).Status == 0
        assert house.ledger.orders.get(order.key).status is state
        assert house.ledger.orders.get(other.key).status is OrderStatus.SCHEDULED


def test_an_accession_number_that_two_orders_have_decides_nothing(tmp_path):
    with a_house(tmp_path) as house, associated(house.port, MPPS) as peer:
        for number in (1, 2):
            placed(house.ledger, replace(an_order(number), accession_number="A1", step_id=""))
        uid = begun(peer)
        known = house.ledger.performed.get(uid)
        assert known.order_keys == (None,)
        assert order_of(house.ledger, known.step.scheduled[0]) is None


def test_a_kill_between_step_and_order_is_made_good_at_the_next_start(tmp_path, monkeypatch):
    with a_house(tmp_path) as house, associated(house.port, MPPS) as peer:
        order = an_order(1)
        placed(house.ledger, order)
        with monkeypatch.context() as patch:
            patch.setattr(performed, "carry_over", lambda *_: None)
            uid = begun(peer, study=made_uid(order.key))
            change(peer, ending(), uid)
        assert house.ledger.orders.get(order.key).status is OrderStatus.SCHEDULED
        performed.catch_up(house.ledger, datetime.now(UTC))
        assert house.ledger.orders.get(order.key).status is OrderStatus.COMPLETED


def test_steps_in_progress_are_known_until_they_end_or_are_old(tmp_path):
    with a_house(tmp_path) as house, associated(house.port, MPPS) as peer:
        uid, before = begun(peer), datetime.now(UTC)
        assert [
            each.step.uid for each in house.ledger.performed.in_progress(datetime(2020, 1, 1, tzinfo=UTC))
        ] == [uid]
        assert house.ledger.performed.in_progress(before) == []
        change(peer, ending(), uid)
        assert house.ledger.performed.in_progress(datetime(2020, 1, 1, tzinfo=UTC)) == []


def test_dcmjs_reports_a_step(house):
    if not (PEERS.is_dir() and shutil.which("node")):
        pytest.skip("npm's dcmjs-dimse is not installed: make npm-peers")
    uid = generate_uid()
    arguments = [str(house.port), uid, STUDY, SERIES, "1500"]
    script = Path(__file__).with_name("mpps.cjs")
    done = subprocess.run(
        ["node", str(script), str(PEERS), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    told = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("status ")]
    assert told == ["0", "0", str(0x0110)], done.stderr
    assert len(house.ledger.performed.get(uid).step.series[0].images) == 1500
