"""The ledger on SQLite and on PostgreSQL: repeats change nothing, states move one way, commits are durable."""

from datetime import UTC, datetime, timedelta

import pytest
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from sqlalchemy import text

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind
from dicom_scp.headers import ImageHeader, read_header
from gateway.ledger.announcements import Announcement
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import CaseState, DeliveryKind, DeliveryState, case_id_of
from gateway.ledger.statements import rows
from triage.errors import ConfigError

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
STUDY = "1.2.840.1"
RESULT = {"status": "analysed", "reason": None, "core_ml": 12.0}


@pytest.fixture(params=["sqlite", "postgresql"])
def a_ledger(request, tmp_path):
    url = (
        f"sqlite:///{tmp_path / 'ledger.db'}"
        if request.param == "sqlite"
        else request.getfixturevalue("a_postgres_url")
    )
    ledger = Ledger.open(url)
    yield ledger
    ledger.engine.dispose()


@pytest.fixture
def a_header(tmp_path) -> ImageHeader:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, "1.2.840.1.1.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = STUDY, "1.2.840.1.1", "CT"
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.save_as(tmp_path / "slice.dcm", enforce_file_format=True)
    return read_header(tmp_path / "slice.dcm")


def an_arrival(header: ImageHeader, number: int = 1, association: str = "a-1") -> Arrival:
    return Arrival(
        header=header,
        path=f"objects/{number}.dcm",
        digest=f"{number:064x}",
        size_bytes=10,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        received_at=NOW + timedelta(seconds=number),
        calling_ae="CT01",
        called_ae="STROKEGW",
        association_id=association,
    )


def test_the_same_bytes_again_are_one_arrival_and_other_bytes_another(a_ledger, a_header):
    assert a_ledger.arrivals.record(an_arrival(a_header, 1))
    assert not a_ledger.arrivals.record(an_arrival(a_header, 1))
    assert a_ledger.arrivals.record(an_arrival(a_header, 2))
    assert [image.path for image in a_ledger.arrivals.images(STUDY)] == ["objects/1.dcm", "objects/2.dcm"]
    assert a_ledger.arrivals.series_paths(STUDY, "1.2.840.1.1") == ["objects/1.dcm"], (
        "the first of a SOP instance counts"
    )


def test_a_header_comes_back_as_it_was(a_ledger, a_header):
    a_ledger.arrivals.record(an_arrival(a_header))
    assert a_ledger.arrivals.images(STUDY)[0].header == a_header


def test_associations_end_once_and_a_restart_ends_the_rest(a_ledger):
    for number in ("a-1", "a-2"):
        a_ledger.arrivals.record_association(AssociationEvent(number, "CT01", AssociationKind.OPENED, NOW))
    a_ledger.arrivals.record_association(AssociationEvent("a-1", "CT01", AssociationKind.RELEASED, NOW))
    assert a_ledger.arrivals.open_associations(["a-1", "a-2"]) == 1
    assert a_ledger.arrivals.close_orphans(NOW) == 1
    assert a_ledger.arrivals.open_associations(["a-1", "a-2"]) == 0


def test_a_case_moves_one_way_and_a_repeat_moves_nothing(a_ledger):
    case = a_ledger.cases.open(STUDY, NOW)
    assert a_ledger.cases.open(STUDY, NOW + timedelta(hours=1)) == case
    assert a_ledger.cases.complete(case.id, 1, "1.2.840.1.1", "proof", NOW)
    assert not a_ledger.cases.complete(case.id, 1, "1.2.840.1.1", "proof", NOW)
    assert a_ledger.cases.conclude(case.id, 1, RESULT, NOW)
    assert not a_ledger.cases.conclude(case.id, 1, {**RESULT, "core_ml": 99.0}, NOW)
    after = a_ledger.cases.get(case.id)
    assert after.state is CaseState.ANALYSED
    assert after.result["core_ml"] == 12.0
    assert not a_ledger.cases.close_without_perfusion(case.id, 1, "late", NOW)


def test_the_first_time_something_happened_stands(a_ledger):
    case = a_ledger.cases.open(STUDY, NOW)
    assert a_ledger.cases.stamp(case.id, 1, "acknowledged_at", NOW, acknowledged_by="first")
    assert not a_ledger.cases.stamp(
        case.id, 1, "acknowledged_at", NOW + timedelta(1), acknowledged_by="second"
    )
    assert a_ledger.cases.get(case.id).acknowledged_by == "first"
    assert a_ledger.cases.get(case.id).times["acknowledged_at"] == "2026-03-01T03:00:00.000000Z"


def test_late_images_begin_a_new_revision_with_fresh_times(a_ledger):
    case = a_ledger.cases.open(STUDY, NOW)
    a_ledger.cases.complete(case.id, 1, "1.2.840.1.1", "proof", NOW)
    a_ledger.cases.conclude(case.id, 1, RESULT, NOW)
    assert a_ledger.cases.reopen(a_ledger.cases.get(case.id))
    again = a_ledger.cases.get(case.id)
    assert (again.state, again.revision) == (CaseState.RECEIVING, 2)
    assert again.times["analysed_at"] is None
    assert again.times["first_image_at"] == case.times["first_image_at"]
    assert not a_ledger.cases.stamp(case.id, 1, "published_at", NOW), "the old revision is over"


def test_an_answer_stands_until_a_revision_rings_and_a_late_answer_to_it_counts_for_nothing(a_ledger):
    def told(revision, former, rings):
        return Announcement(case.id, revision, former, rings, ("core 40 ml",), RESULT)

    def acknowledged_by():
        return a_ledger.cases.get(case.id).acknowledged_by

    said = a_ledger.announcements
    case = a_ledger.cases.open(STUDY, NOW)
    assert said.standing(case) == 1, "a ledger that knows nothing of announcements"
    said.record(told(1, None, True), NOW)
    assert said.stamp(case.id, 1, "acknowledged_at", NOW, acknowledged_by="first")
    assert not said.stamp(case.id, 1, "acknowledged_at", NOW, acknowledged_by="second")
    said.record(told(2, 1, False), NOW)
    assert (said.standing(case), acknowledged_by()) == (1, "first")
    said.record(told(3, 1, True), NOW)
    assert (said.standing(case), acknowledged_by()) == (3, None)
    assert not said.stamp(case.id, 1, "acknowledged_at", NOW, acknowledged_by="who saw revision 1")
    assert said.stamp(case.id, 3, "acknowledged_at", NOW, acknowledged_by="third")
    said.record(told(3, 1, True), NOW)
    assert acknowledged_by() == "third", "a repeat takes no answer back"
    assert said.of_case(case.id) == [told(1, None, True), told(2, 1, False), told(3, 1, True)]


def test_a_case_without_perfusion_opens_again_as_the_same_revision(a_ledger):
    case = a_ledger.cases.open(STUDY, NOW)
    a_ledger.cases.close_without_perfusion(case.id, 1, "no perfusion series", NOW)
    a_ledger.cases.reopen(a_ledger.cases.get(case.id))
    assert a_ledger.cases.get(case.id).revision == 1


def test_deliveries_count_attempts_and_keep_their_last_reason(a_ledger):
    case_id = case_id_of(STUDY)
    key = a_ledger.deliveries.queue(case_id, 1, DeliveryKind.EMR, "his", NOW)
    assert key == a_ledger.deliveries.queue(case_id, 1, DeliveryKind.EMR, "his", NOW)
    a_ledger.deliveries.retrying(key, NOW, "connection refused")
    a_ledger.deliveries.delivered(key, NOW, "AA")
    (delivery,) = a_ledger.deliveries.of_case(case_id)
    assert (delivery.state, delivery.attempts, delivery.detail) == (DeliveryState.DELIVERED, 2, "AA")
    assert a_ledger.deliveries.counts() == {("emr", "delivered"): 1}


def test_a_restart_finds_what_no_case_has_seen(a_ledger, a_header):
    a_ledger.arrivals.record(an_arrival(a_header))
    assert [study for study, _ in a_ledger.arrivals.unaccounted()] == [STUDY]
    case = a_ledger.cases.open(STUDY, NOW)
    latest = a_ledger.arrivals.images(STUDY)[-1].arrival_id
    a_ledger.cases.saw(case.id, latest, NOW)
    assert a_ledger.arrivals.unaccounted() == []


def test_forwarding_ends_in_a_named_state(a_ledger, a_header):
    a_ledger.arrivals.record(an_arrival(a_header, 1))
    a_ledger.arrivals.record(an_arrival(a_header, 2))
    first, second = a_ledger.holdings.to_forward(STUDY, 10)
    a_ledger.arrivals.mark_forwarded([first.arrival_id], NOW)
    a_ledger.arrivals.mark_refused(second.arrival_id, "the archive refused it")
    assert a_ledger.arrivals.studies_to_forward() == []
    assert a_ledger.arrivals.forward_counts(STUDY) == {"forwarded": 1, "refused": 1}


def test_sqlite_commits_are_synced_to_disk(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2, (
            "FULL: NORMAL loses commits at power loss"
        )
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    assert rows(ledger.engine, text("SELECT 1 AS one"))[0]["one"] == 1
    ledger.engine.dispose()


def test_a_database_that_cannot_be_opened_is_a_configuration_error():
    with pytest.raises(ConfigError, match=r"database\.url"):
        Ledger.open("postgresql://nobody@127.0.0.1:1/none")
