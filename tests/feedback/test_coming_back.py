"""Edited cores on their way back: storescu to our listener, STOW-RS through our origin, a real Orthanc behind both."""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from dbos import run_dbos_database_migrations
from pydicom.uid import generate_uid

from gateway import casefolder, findings
from gateway.access import Access
from gateway.api import feedback
from gateway.config import Intake as IntakeSettings
from gateway.engine import Client
from gateway.feedback import comparing, edit, taking
from gateway.feedback.judgement import WORKSTATION, EditState, Verdict
from gateway.identity.sessions import Sessions
from gateway.intake import Intake
from gateway.ledger.announcements import Announcement
from gateway.ledger.records import CaseState
from gateway.steps import forwarding
from gateway.team.people import Person, Role
from tests.api.staging import Site, browser_like, serving
from tests.feedback.drawing import a_core, described, drawn, our_series
from tests.gateway.house import Engine
from tests.services.conftest import RunningOrthanc, a_house
from tests.viewer_bridge.drawn import SERIES_UID, STUDY_UID
from viewer_bridge.archive.private_orthanc import DICOMWEB_PLUGIN, PROGRAM
from viewer_bridge.objects import codes

COOKIE = "stroke_gateway_session"


@dataclass
class Walk:
    """One analysed study between a real listener, a real archive and the interface; the engine is played by hand."""

    house: object
    desk: object
    engine: Engine
    intake: Intake
    site: Site
    url: str
    done: set

    @property
    def case(self):
        return self.desk.ledger.cases.of_study(STUDY_UID)

    def look(self):
        """One look of the worker at what has arrived, and what it orders."""
        self.intake.look(datetime.now(UTC))
        for key, (name, *arguments) in dict(self.engine.runs).items():
            if key in self.done:
                continue
            if name == "edit":
                taking.take_edit(self.desk, *arguments)
            elif name == "forward":
                while forwarding.forward_images(self.desk, arguments[0]) != forwarding.Forwarded.ALL:
                    pass
                forwarding.end_run(self.desk, *arguments)
            else:
                raise AssertionError(f"{name} was ordered")
            self.done.add(key)

    def store(self, folder, ds):
        path = folder / f"{ds.SOPInstanceUID}.dcm"
        ds.save_as(path, enforce_file_format=True)
        done = self.house.tool("storescu", "-R", [path])
        assert done.returncode == 0, done.stderr

    def found(self, series_uid):
        address = f"{self.url}/dicom-web/studies/{STUDY_UID}/series?SeriesInstanceUID={series_uid}"
        return httpx.get(address, headers=self.site.bearer, trust_env=False).json()

    def edits(self):
        return {
            each.sop_instance_uid: each.state
            for each in self.desk.ledger.judgements.edits.of_case(self.case.id)
        }


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    if not (PROGRAM.is_file() and DICOMWEB_PLUGIN.is_file()):
        pytest.skip("Orthanc or its DICOMweb plugin is not installed")
    running = RunningOrthanc(tmp_path_factory.mktemp("archive"))
    yield running
    running.stop()


def quickly(question, in_a_child=edit.read):
    """Read here what can be read, and in a child what cannot; `test_outline` has the child read the rest as well."""
    try:
        return comparing.finding(question, Path(question.path))
    except Exception:  # noqa: BLE001 - what a hostile object raises is the child's business
        return in_a_child(question)


@pytest.fixture(scope="module")
def walk(tmp_path_factory, archive, analysis, source):
    folder = tmp_path_factory.mktemp("walk")
    with a_house(folder, archive.settings.url, []) as house:
        desk = replace(house.desk, analysts=SimpleNamespace(let_pass=lambda *_: None))
        ledger, engine = house.desk.ledger, Engine()
        client = Client(house.desk.config.engine_url)
        run_dbos_database_migrations(system_database_url=house.desk.config.engine_url)
        site = Site(house.desk.config, ledger, client, Access.open(folder))
        intake = Intake(ledger, engine, IntakeSettings(quiet_s=3600), 60.0)
        _analysed(house, folder, analysis, source)
        intake.look(datetime.now(UTC))
        with pytest.MonkeyPatch.context() as patch, serving(site) as url:
            patch.setattr(edit, "read", quickly)
            patch.setattr(feedback, "ARCHIVED_WITHIN_S", 0.2)  # the worker is played by hand, later
            yield Walk(house, desk, engine, intake, site, url, set())
        client.close()


def _analysed(house, folder, analysis, source):
    """The study as the worker leaves it: one image received, a result told."""
    ledger = house.desk.ledger
    image = our_series(analysis, source)[0]
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    image.SeriesInstanceUID = SERIES_UID
    path = folder / "source.dcm"
    image.save_as(path, enforce_file_format=True)
    assert house.tool("storescu", "-R", [path]).returncode == 0
    (arrived,) = ledger.arrivals.images(STUDY_UID)
    now = datetime.now(UTC)
    case = ledger.cases.open(STUDY_UID, now)
    ledger.cases.saw(case.id, arrived.arrival_id, now)
    ledger.cases.complete(case.id, 1, SERIES_UID, "whole", now)
    with casefolder.appearing(house.desk.folder(case.id, 1)) as scratch:
        findings.save(analysis, scratch)
    ledger.cases.conclude(case.id, 1, analysis.result.to_json(), now, now)
    ledger.announcements.record(Announcement(case.id, 1, None, True, (), analysis.result.to_json()), now)


def as_file(ds):
    raw = io.BytesIO()
    ds.save_as(raw, enforce_file_format=True)
    return raw.getvalue()


def multipart(*files, boundary="b-1"):
    """As dicomweb-client puts it together."""
    parts = b"".join(
        f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + file + b"\r\n" for file in files
    )
    kind = f'multipart/related; type="application/dicom"; boundary="{boundary}"'
    return b"\r\n" + parts + f"--{boundary}--".encode(), kind


def stow(walk, *datasets, study="", **headers):
    body, kind = multipart(*map(as_file, datasets))
    headers = {"Content-Type": kind, "Accept": "application/dicom+json", **(headers or walk.site.bearer)}
    return httpx.post(f"{walk.url}/dicom-web/studies{study}", content=body, headers=headers, trust_env=False)


@pytest.fixture(scope="module")
def images(analysis, source):
    return our_series(analysis, source)


def test_an_edited_core_by_c_store_is_a_judgement_of_the_workstation(walk, analysis, images, tmp_path):
    before = walk.case
    core = a_core(analysis, 2)
    ds = drawn(images, core)
    walk.store(tmp_path, ds)
    walk.look()
    (said,) = walk.desk.ledger.judgements.of_case(walk.case.id)
    assert (said.verdict, said.name, said.revision) == (Verdict.EDIT, WORKSTATION, 1)
    assert said.series_uid == ds.SeriesInstanceUID
    assert said.core_ml == pytest.approx(core.sum() * analysis.findings.geometry.voxel_ml)
    assert 0.0 < said.overlap < 1.0
    assert walk.edits()[ds.SOPInstanceUID] is EditState.COUNTED
    assert (walk.case.state, walk.case.revision) == (before.state, before.revision)
    assert walk.found(ds.SeriesInstanceUID), "the archive has it"
    taking.take_edit(walk.desk, walk.case.id, walk.desk.ledger.arrivals.images(STUDY_UID)[-1].arrival_id)
    assert len(walk.desk.ledger.judgements.of_case(walk.case.id)) == 1, "a repeat changes nothing"


def test_a_viewer_saves_through_our_origin_in_the_name_of_whoever_draws(walk, analysis, images):
    person = Person("p-77", "tran", "BS Trần", frozenset({Role.RADIOLOGIST}))
    walk.desk.ledger.people.add(person, datetime.now(UTC))
    word = Sessions(walk.desk.ledger, walk.site.access, walk.site.config.identity).begin(
        person, "password", "test", datetime.now(UTC)
    )
    ds = drawn(images, a_core(analysis))
    cookie = {"Cookie": f"{COOKIE}={word}"}
    assert stow(walk, ds, **cookie).status_code == 403, "from another site"
    answer = stow(walk, ds, **cookie, **{"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200, answer.text
    stored = answer.json()["00081199"]["Value"][0]
    assert stored["00081155"]["Value"] == [ds.SOPInstanceUID]
    walk.look()
    said = walk.desk.ledger.judgements.of_case(walk.case.id)[-1]
    assert (said.name, said.person_id, said.overlap) == ("BS Trần", "p-77", pytest.approx(1.0))
    assert walk.found(ds.SeriesInstanceUID)


def test_an_answer_waits_for_the_archive(walk, analysis, images, monkeypatch):
    monkeypatch.setattr(feedback, "ARCHIVED_WITHIN_S", 20.0)
    ds = drawn(images, a_core(analysis))
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(stow, walk, ds)
        while ds.SOPInstanceUID not in {
            i.header.sop_instance_uid for i in walk.desk.ledger.arrivals.images(STUDY_UID)
        }:
            time.sleep(0.02)
        time.sleep(0.3)
        assert not answer.done()
        walk.look()
        assert answer.result().status_code == 200
    assert walk.found(ds.SeriesInstanceUID)


def test_whoever_may_not_judge_saves_nothing(walk, analysis, images):
    doctor = Person("p-78", "le", "BS Lê", frozenset({Role.STROKE_DOCTOR}))
    walk.desk.ledger.people.add(doctor, datetime.now(UTC))
    word = Sessions(walk.desk.ledger, walk.site.access, walk.site.config.identity).begin(
        doctor, "password", "test", datetime.now(UTC)
    )
    ours = {"Cookie": f"{COOKIE}={word}", "Sec-Fetch-Site": "same-origin"}
    assert stow(walk, drawn(images, a_core(analysis)), **ours).status_code == 403
    assert stow(walk, drawn(images, a_core(analysis)), Authorization="").status_code == 401


def test_only_segmentations_of_known_studies_are_taken(walk, analysis, images):
    count = len(walk.desk.ledger.arrivals.images(STUDY_UID))
    fine = drawn(images, a_core(analysis))
    picture = images[0]
    elsewhere = drawn(images, a_core(analysis))
    elsewhere.StudyInstanceUID = "1.2.3.4"
    codes_of = []
    for refused in ([picture], [elsewhere], [fine, picture]):
        answer = stow(walk, *refused)
        assert answer.status_code == 409
        codes_of.append([each["00081197"]["Value"][0] for each in answer.json()["00081198"]["Value"]])
        assert "00081199" not in answer.json()
    assert codes_of == [[0x0122], [0x0124], [0x0110, 0x0122]]
    assert stow(walk, fine, study="/1.2.3").json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA900]
    assert stow(walk, fine, study=f"/{STUDY_UID}").status_code == 200
    assert len(walk.desk.ledger.arrivals.images(STUDY_UID)) == count + 1


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", 'multipart/related; type="application/dicom"; boundary=x', 400),
        (b"--x--", 'multipart/related; type="application/dicom"; boundary=x', 400),
        (b"nothing", "text/plain", 400),
        (b"--x\r\n\r\nnot dicom\r\n--x--", 'multipart/related; type="application/dicom"; boundary=x', 409),
    ],
)
def test_what_is_no_dicom_is_refused(walk, body, kind, status):
    headers = {**walk.site.bearer, "Content-Type": kind}
    answer = httpx.post(f"{walk.url}/dicom-web/studies", content=body, headers=headers, trust_env=False)
    assert answer.status_code == status


def test_a_body_too_large_is_not_read(walk):
    door = HTTPConnection(urlsplit(walk.url).netloc)
    door.putrequest("POST", "/dicom-web/studies")
    for name, value in {**walk.site.bearer, "Content-Length": str(65 * 1024**2)}.items():
        door.putheader(name, value)
    door.endheaders()
    assert door.getresponse().status == 413
    door.close()


def test_no_drawing_begins_an_analysis_or_opens_a_case_again(walk, analysis, images, tmp_path):
    """Not even one that pretends to belong to the perfusion series, or to a study that had none."""
    pretender = drawn(images, a_core(analysis))
    pretender.SeriesInstanceUID = SERIES_UID
    walk.store(tmp_path, pretender)
    walk.look()
    assert (walk.case.state, walk.case.revision) == (CaseState.ANALYSED, 1)
    other = drawn(images, a_core(analysis))
    other.StudyInstanceUID = "1.2.99"
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ledger, now = walk.desk.ledger, datetime.now(UTC)
    case = ledger.cases.open("1.2.99", now)
    ledger.cases.close_without_perfusion(case.id, 1, "no perfusion series", now)
    walk.store(tmp_path, other)
    walk.look()
    again = ledger.cases.of_study("1.2.99")
    assert (again.state, again.revision) == (CaseState.NO_PERFUSION, 1)
    assert [each.state for each in ledger.judgements.edits.of_case(case.id)] == [EditState.NO_RESULT]
    assert {run[0] for run in walk.engine.runs.values()} <= {"edit", "forward"}


def test_what_is_no_edited_core_is_shown_by_its_reason(walk, analysis, images, tmp_path):
    spoiled = drawn(images, a_core(analysis))
    spoiled.PixelData = b"\0\0"
    penumbra = drawn(images, a_core(analysis), described(1, "Penumbra", codes.ISCHEMIA))
    before = len(walk.desk.ledger.judgements.of_case(walk.case.id))
    for ds in (spoiled, penumbra):
        walk.store(tmp_path, ds)
    walk.look()
    found = walk.edits()
    assert found[spoiled.SOPInstanceUID] is EditState.UNREADABLE
    assert found[penumbra.SOPInstanceUID] is EditState.NOT_CORE
    assert len(walk.desk.ledger.judgements.of_case(walk.case.id)) == before
    with browser_like(walk.url, walk.site) as client:
        page = client.get(f"/cases/{walk.case.id}").text
    assert "was not counted: it cannot be read" in page
    assert "name it “core” and save it again" in page
