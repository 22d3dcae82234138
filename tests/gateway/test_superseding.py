"""Late images: a result is replaced everywhere it went, and rings again only when the team must hear of it."""

import io
import json
from dataclasses import replace
from types import SimpleNamespace
from uuid import NAMESPACE_OID, uuid5

import pytest
from pydicom import dcmread
from pydicom.uid import KeyObjectSelectionDocumentStorage

from gateway.console.view import CaseView
from gateway.jobs import render
from gateway.jobs.orders import OBJECTS, RenderOrder
from gateway.ledger.records import DeliveryKind, DeliveryState
from gateway.steps.parcels import parcels_in
from tests.gateway.house import a_house
from tests.viewer_bridge.conftest import RunningOrthanc
from tests.viewer_bridge.drawn import refused
from triage.errors import TemporaryError
from triage.types import Side
from viewer_bridge.objects.origin import DOCUMENTS
from viewer_bridge.objects.uids import Role, result_uid


@pytest.fixture(scope="module")
def an_orthanc(tmp_path_factory):
    server = RunningOrthanc(tmp_path_factory.mktemp("orthanc"))
    client = server.client()
    yield client
    client.close()
    server.stop()


def draw_here(_arguments, order, *_):
    """What the child process does, without its start."""
    render.run(RenderOrder(**json.loads(order)))


@pytest.fixture
def house(tmp_path, an_orthanc, request, monkeypatch):
    monkeypatch.setattr("gateway.steps.drawing.run_to_end", draw_here)
    study = f"2.25.{uuid5(NAMESPACE_OID, request.node.name).int}"
    with a_house(tmp_path, an_orthanc, study) as house:
        yield house


@pytest.fixture
def nowhere(tmp_path):
    """A house whose archive is not asked."""
    with a_house(tmp_path, SimpleNamespace(), "2.25.7") as house:
        yield house


def stored(house, series_uid):
    """Every object of a series, as the archive gives it back."""
    orthanc = house.desk.orthanc
    found = orthanc._ask(orthanc._api.get, f"series/{orthanc._lookup(series_uid, 'Series')}").json()
    for name in found["Instances"]:
        yield dcmread(io.BytesIO(orthanc._ask(orthanc._api.get, f"instances/{name}/file").content))


def fields(message, segment, place):
    return [line.split("|")[place] for line in message.split("\r") if line.startswith(segment)]


def published(house, revision):
    """Series on disk that say something of the patient, by their role."""
    folder = house.desk.folder(house.case.id, revision) / OBJECTS
    drawn = {parcel.series_uid for parcel in parcels_in(folder, f"{house.study}.4", revision)}
    series = {role: result_uid(f"{house.study}.4", role, revision) for role in Role}
    return {role: uid for role, uid in series.items() if uid in drawn and role is not Role.SUPERSEDED}


def test_a_change_of_class_rings_again_and_replaces_the_result_everywhere(house):
    house.conclude(house.whole)
    house.escalate(1, 0)
    assert all(house.deliver().values())
    house.acknowledge("on call")
    house.late_images()
    house.conclude(house.changed(side=Side.RIGHT, core_ml=400.0))
    house.escalate(2, 0)
    assert all(house.deliver().values())

    first, second = house.doctor.alerts
    assert (first["revision"], first["supersedes"], first["change"]) == (1, None, [])
    assert (second["revision"], second["supersedes"]) == (2, 1)
    assert second["change"][0] == "RIGHT, before LEFT"
    assert second["change"][1].startswith("core 400.0 ml, before ")
    assert second["lines"][0].startswith("corrects revision 1: RIGHT, before LEFT; core 400.0 ml, before")
    assert second["lines"][1] == f"before: {first['lines'][0]}"
    assert second["link"] == first["link"]
    assert not any(word in str(house.doctor.alerts) for word in ("NGUY", "BN-0001", "19520311"))
    run = f"alert:{house.case.id}:r1"
    assert house.engine.signals == [(run, "answered"), (run, "superseded")]
    assert house.case.times["acknowledged_at"] is None
    assert house.case.acknowledged_by is None

    orthanc, old, new = house.desk.orthanc, published(house, 1), published(house, 2)
    assert {*old.values(), *new.values()} < set(orthanc.series_of(house.study))
    assert {Role.PAGES, Role.SEGMENTATION, Role.REFERENCE, Role.MEASUREMENTS} <= old.keys() == new.keys()
    for role in new:
        ds = next(stored(house, new[role]))
        assert ds.SeriesDescription.startswith("REV 2: ")
        assert len(ds.SeriesDescription) <= 64
        related = [item.SeriesInstanceUID for item in ds.get("RelatedSeriesSequence", ())]
        assert related == ([] if ds.Modality in DOCUMENTS else [f"{house.study}.4", old[role]])
    (note,) = stored(house, result_uid(f"{house.study}.4", "superseded", 2))
    assert note.SOPClassUID == KeyObjectSelectionDocumentStorage
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    (evidence,) = note.CurrentRequestedProcedureEvidenceSequence
    rejected = {series.SeriesInstanceUID for series in evidence.ReferencedSeriesSequence}
    assert rejected == set(old.values()), "all of revision 1, nothing of revision 2, nothing of the scanner"
    assert "RelatedSeriesSequence" not in note

    before, after = house.emr.messages
    assert fields(after, "OBR", 3) == fields(before, "OBR", 3)
    assert (fields(before, "OBR", 25), fields(after, "OBR", 25)) == (["P"], ["C"])
    assert set(fields(after, "OBX", 11)) <= {"C", "X"}
    assert fields(after, "MSH", 9) != fields(before, "MSH", 9)
    assert f"it replaces revision 1 (message {fields(before, 'MSH', 9)[0]})" in after
    assert "Changed for the team: RIGHT, before LEFT" in after


def test_a_change_within_the_intervals_rings_nobody_and_still_replaces_the_result(house):
    house.conclude(house.whole)
    house.escalate(1, 0)
    house.deliver()
    house.acknowledge("on call")
    house.late_images()
    assert house.case.acknowledged_by == "on call", "the answer stands while the images come"
    house.conclude(house.changed(core_ml=house.whole.result.core_ml * 1.01))
    assert f"alert:{house.case.id}:r2" not in house.engine.runs
    house.escalate(1, 1)
    assert all(house.deliver("publish", "emr").values())
    assert house.doctor.requests == 1, "the phone rings once"
    assert house.head.requests == 0, "an answered alert is not escalated"
    case = house.case
    assert (case.revision, case.acknowledged_by) == (2, "on call")
    assert case.times["alert_sent_at"]
    assert len(list(stored(house, published(house, 2)[Role.PAGES]))) > 0
    assert len(list(stored(house, result_uid(f"{house.study}.4", "superseded", 2)))) == 1
    assert fields(house.emr.messages[1], "OBR", 25) == ["C"]
    assert "no change of class or beyond the interval" in house.emr.messages[1]


def test_an_alert_that_nobody_answered_goes_on_after_an_unchanged_revision(nowhere):
    """Revision 1 rang and was not answered; revision 2 says the same: somebody must still answer."""
    house = nowhere
    house.conclude(house.whole)
    house.escalate(1, 0)
    house.deliver("alert")
    house.late_images()
    newer = house.changed(core_ml=house.whole.result.core_ml * 1.01)
    house.conclude(newer)
    assert house.engine.signals == [], "the run of the first alert was not told to end"
    house.escalate(1, 1)
    house.deliver("alert")
    assert house.doctor.requests == 1
    (alert,) = house.head.alerts
    assert (alert["revision"], alert["supersedes"], alert["change"]) == (2, 1, [])
    assert alert["numbers"]["core_ml"] == newer.result.core_ml, (
        "whoever is told late is told the newest numbers"
    )
    assert any("no change of class" in line for line in alert["lines"])
    house.acknowledge("head of department")
    assert house.case.acknowledged_by == "head of department"
    assert house.engine.signals == [(f"alert:{house.case.id}:r1", "answered")], "the run that rang hears it"
    house.escalate(1, 1)
    house.wait(3600)
    assert house.look(1).settled
    assert all(
        d.state is not DeliveryState.FAILED for d in house.desk.ledger.deliveries.of_case(house.case.id)
    )


def test_that_nobody_answered_is_seen_after_an_unchanged_revision(nowhere):
    for number in range(2):
        if number:
            nowhere.late_images()
        nowhere.conclude(nowhere.whole)
    nowhere.escalate(1, 2)
    silent = [d for d in nowhere.desk.ledger.deliveries.of_case(nowhere.case.id) if d.target == "team"]
    assert [d.state for d in silent] == [DeliveryState.FAILED]


def test_the_console_alone_is_a_level_whose_silence_is_seen(nowhere):
    """A site that configured nobody to call."""
    alerts = nowhere.desk.config.alerts.model_copy(update={"levels": ()})
    desk = replace(nowhere.desk, config=nowhere.desk.config.model_copy(update={"alerts": alerts}))
    nowhere = replace(nowhere, desk=desk)
    nowhere.conclude(nowhere.whole)
    case_id = nowhere.case.id
    watch = nowhere.look(1)
    assert watch.look_s - watch.began_s == 300
    nowhere.wait(301)
    assert nowhere.look(1).silent
    told = {
        d.target: d.state for d in desk.ledger.deliveries.of_case(case_id) if d.kind is DeliveryKind.ALERT
    }
    assert told == {"console": DeliveryState.DELIVERED, "team": DeliveryState.FAILED}


def test_an_alert_goes_on_while_late_images_come(nowhere):
    nowhere.doctor.down = True
    nowhere.conclude(nowhere.whole)
    nowhere.escalate(1, 0)
    assert not all(nowhere.deliver("alert").values())
    nowhere.late_images()
    nowhere.doctor.down = False
    assert all(nowhere.deliver("alert").values())
    nowhere.escalate(1, 1)
    nowhere.deliver("alert")
    assert [alert["revision"] for alert in (*nowhere.doctor.alerts, *nowhere.head.alerts)] == [1, 1]


def test_small_changes_do_not_add_up_unheard(nowhere):
    """Each revision is compared with what the team was told, not with the one before."""
    core_ml = nowhere.whole.result.core_ml
    high_ml = nowhere.whole.result.intervals["core_ml"].high
    nowhere.conclude(nowhere.whole)
    for part in (0.6, 1.2):
        nowhere.late_images()
        nowhere.conclude(nowhere.changed(core_ml=core_ml + part * (high_ml - core_ml)))
    told = nowhere.desk.ledger.announcements.of_case(nowhere.case.id)
    assert [(news.rings, news.former) for news in told] == [(True, None), (False, 1), (True, 1)]
    assert nowhere.engine.signals == [(f"alert:{nowhere.case.id}:r1", "superseded")]


@pytest.mark.parametrize("first", ["analysed", "not analysed"])
def test_analysed_and_not_analysed_are_never_the_same(nowhere, first):
    pair = [nowhere.whole, refused()]
    for found in pair if first == "analysed" else pair[::-1]:
        if nowhere.case.times["analysed_at"]:
            nowhere.late_images()
        nowhere.conclude(found)
    assert nowhere.desk.ledger.announcements.get(nowhere.case.id, 2).rings


def test_images_that_come_before_a_result_is_announced_change_nothing_about_its_alert(nowhere):
    """The case is re-opened between the analysis and the announcement, as when images come during the analysis."""
    revision = nowhere.analyse(nowhere.whole)
    nowhere.late_images()
    nowhere.announce(revision)
    nowhere.escalate(1, 0)
    states = nowhere.deliver()
    assert [alert["revision"] for alert in nowhere.doctor.alerts] == [1]
    assert all(":r1:" in key for key in states), "nothing of revision 2 is ordered before it is analysed"
    assert nowhere.case.times["alert_sent_at"], "it can be acknowledged"
    by_kind = {d.kind: d.state for d in nowhere.desk.ledger.deliveries.of_case(nowhere.case.id)}
    assert by_kind["publish"] is by_kind["emr"] is DeliveryState.SUPERSEDED


def test_an_older_ledger_that_did_not_write_down_what_it_told_rings_once_more(nowhere):
    nowhere.analyse(nowhere.whole)
    nowhere.late_images()
    nowhere.conclude(nowhere.whole)
    nowhere.escalate(2, 0)
    nowhere.deliver("alert")
    assert [(alert["revision"], alert["supersedes"]) for alert in nowhere.doctor.alerts] == [(2, None)]


def test_a_run_that_is_gone_does_not_keep_the_next_alert_from_ringing(nowhere):
    nowhere.conclude(nowhere.whole)
    del nowhere.engine.runs[f"alert:{nowhere.case.id}:r1"]
    nowhere.late_images()
    nowhere.conclude(nowhere.changed(side=Side.RIGHT))
    assert f"alert:{nowhere.case.id}:r2" in nowhere.engine.runs
    assert nowhere.case.times["alert_sent_at"]


def test_everything_may_be_repeated(nowhere):
    nowhere.conclude(nowhere.whole)
    nowhere.late_images()
    nowhere.conclude(nowhere.changed(side=Side.RIGHT))
    nowhere.acknowledge("on call")
    runs, signals = dict(nowhere.engine.runs), list(nowhere.engine.signals)
    for revision in (1, 2, 1):
        nowhere.announce(revision)
    assert (nowhere.engine.runs, nowhere.engine.signals) == (runs, signals)
    assert nowhere.case.acknowledged_by == "on call", "a repeat does not take back an answer"
    nowhere.escalate(1, 1)
    nowhere.deliver("alert")
    assert nowhere.head.requests == 0


def test_publishing_that_is_cut_off_leaves_no_result_rejected_without_its_successor(house):
    house.conclude(house.whole)
    house.deliver("publish")
    house.late_images()
    house.conclude(house.changed(core_ml=400.0))
    archive, uploads = house.desk.orthanc, []

    class Cut:
        """Fails at the n-th upload."""

        def __init__(self, left):
            self.left = left

        def upload(self, dicom):
            if self.left == 0:
                raise TemporaryError("cut off")
            self.left -= 1
            uploads.append(dicom)
            return archive.upload(dicom)

        md5 = staticmethod(archive.md5)
        members = staticmethod(archive.members)

    note = result_uid(f"{house.study}.4", "superseded", 2, 1)
    total = len(list((house.desk.folder(house.case.id, 1) / "dicom").glob("*.dcm"))) + 1
    for cut in (0, 1, total // 2, total - 1):
        object.__setattr__(house.desk, "orthanc", Cut(cut))
        assert not all(house.deliver("publish").values())
        assert not archive.has_instance(note)
    object.__setattr__(house.desk, "orthanc", Cut(total))
    assert all(house.deliver("publish").values())
    assert archive.has_instance(note)
    assert len(set(uploads)) == total, "a repeat sends the same bytes"


def test_what_is_drawn_too_late_is_not_published(house, monkeypatch):
    """Late images come while the objects are drawn: whoever publishes after us could not reject them."""
    house.conclude(house.whole)
    drawn = "gateway.steps.publishing._render"

    def draw(desk, case):
        (desk.folder(case.id, case.revision) / "dicom").mkdir()
        house.late_images()

    monkeypatch.setattr(drawn, draw)
    assert not all(house.deliver("publish").values())
    assert all(house.deliver("publish").values())
    assert house.desk.orthanc.series_of(house.study) == []


def test_the_page_says_what_a_revision_changed(nowhere):
    def view(**plain):
        return CaseView({"revision": 2, "alert_revision": 1, **plain}, "")

    news = {"rings": False, "supersedes": 1, "change": []}
    assert view(announcement=news).revised == "no change of class or beyond the interval"
    assert view(announcement={**news, "rings": True, "change": ["a", "b"]}).revised == "a; b"
    assert view(announcement=None).revised == "late images re-opened the case"
    team = {"kind": "alert", "revision": 1, "state": "failed"}
    old = {"kind": "emr", "revision": 1, "state": "failed"}
    assert view(deliveries=[team, old]).failures == [team], "that nobody answered stays on the page"
