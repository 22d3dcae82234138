"""A site with cases in every state: a real ledger, a real engine journal, a real server on a free port."""

import threading
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import uvicorn
from dbos import run_dbos_database_migrations
from PIL import Image
from pydicom import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from dicom_scp.arrival import Arrival
from dicom_scp.headers import read_header
from gateway.access import Access
from gateway.api.app import create_app
from gateway.api.server import Server, listening
from gateway.config import Config
from gateway.engine import Client
from gateway.jobs.render import draw_tiles
from gateway.lanes import Priority, Queue
from gateway.ledger.announcements import Announcement
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case, DeliveryKind, case_id_of
from triage.results import INFARCT_CORE, NO_TASKS
from triage.types import (
    Agreement,
    Analysis,
    Criterion,
    Estimator,
    Interval,
    ModelFinding,
    QualityFlag,
    SecondOpinion,
    Severity,
    Side,
    Status,
    Territory,
    TriageResult,
)

CANARY = "CANARY^TUẤN"
"""A patient's name that must be on the case page and nowhere else."""
CANARY_ID = "BN-CANARY-77"
ARCHIVE_PASSWORD = "a password of this test"
ARCHIVED_STUDY = "1.2.77"
"""What a real Orthanc of the tests asks for, and holds."""
PICTURES = ("summary", "cbf", "cbv", "mtt", "tmax")
EVIL = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"


@dataclass
class Site:
    """One site's state, and verbs that fill it as the worker would."""

    config: Config
    ledger: Ledger
    client: Client
    access: Access

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access.token}"}

    def receive(self, study_uid: str, count: int = 3, start: int = 1, ago_s: float = 60.0) -> Case:
        """Let images arrive; the first one is a real DICOM file with a person in it."""
        now = datetime.now(UTC)
        first = now - timedelta(seconds=ago_s)
        last = first + timedelta(seconds=min(ago_s, 41.3))
        source = self.config.spool_dir / f"{study_uid}.dcm"
        header = read_header(a_dicom_file(source, study_uid))
        for number in range(start, start + count):
            self.ledger.arrivals.record(
                Arrival(
                    header=header,
                    path=source.name,
                    digest=f"{number:064x}",
                    size_bytes=10,
                    transfer_syntax_uid=ExplicitVRLittleEndian,
                    received_at=last if number == start + count - 1 else first,
                    calling_ae="CT01",
                    called_ae="STROKEGW",
                    association_id="a-1",
                )
            )
        case = self.ledger.cases.open(study_uid, first)
        latest = self.ledger.arrivals.images(study_uid)[-1]
        self.ledger.cases.saw(case.id, latest.arrival_id, last)
        return self.get(study_uid)

    def get(self, study_uid: str) -> Case:
        case = self.ledger.cases.of_study(study_uid)
        assert case is not None
        return case

    def conclude(self, study_uid: str, result: TriageResult, *, complete_s=0.4, analysed_s=3.1) -> Case:
        """A finished analysis, so many seconds after the last image."""
        case = self.get(study_uid)
        last = datetime.fromisoformat(case.times["last_image_at"])
        cases = self.ledger.cases
        cases.complete(
            case.id,
            case.revision,
            f"{study_uid}.1",
            "16 slices x 60 frames, every one there",
            last + timedelta(seconds=complete_s),
        )
        begun, ended = (last + timedelta(seconds=s) for s in (complete_s + 0.05, analysed_s - 0.04))
        cases.stamp(case.id, case.revision, "compute_queued_at", begun)
        cases.stamp(case.id, case.revision, "compute_started_at", begun)
        cases.conclude(case.id, case.revision, result.to_json(), last + timedelta(seconds=analysed_s), ended)
        return self.get(study_uid)

    def alert(self, study_uid: str, after_s: float = 3.3) -> Case:
        """Tell the console and start the escalation."""
        case = self.get(study_uid)
        at = datetime.fromisoformat(case.times["last_image_at"]) + timedelta(seconds=after_s)
        news = Announcement(
            case.id, case.revision, former=None, rings=True, reasons=(), result=case.result or {}
        )
        self.ledger.announcements.record(news, at)
        key = self.ledger.deliveries.queue(case.id, case.revision, DeliveryKind.ALERT, "console", at)
        self.ledger.deliveries.delivered(key, at, "Stroke CT: target mismatch (DEFUSE 3), LEFT")
        name = f"alert:{case.id}:r{case.revision}"
        self.client.submit("alert", name, case.id, case.revision, queue=Queue.ALERT, priority=Priority.URGENT)
        self.ledger.cases.stamp(case.id, case.revision, "alert_sent_at", at)
        return self.get(study_uid)

    def publish(
        self,
        study_uid: str,
        after_s: float = 9.8,
        picture: Path | None = None,
        names: Sequence[str] = PICTURES,
    ) -> Case:
        """Pictures on disk, objects in the archive."""
        case = self.get(study_uid)
        at = datetime.fromisoformat(case.times["last_image_at"]) + timedelta(seconds=after_s)
        folder = self.config.cases_dir / case.id / f"r{case.revision}" / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if picture:
                (folder / f"{name}.png").write_bytes(picture.read_bytes())
            else:
                Image.new("RGB", (1600, 900), (20, 30, 40)).save(folder / f"{name}.png")
        key = self.ledger.deliveries.queue(case.id, case.revision, DeliveryKind.PUBLISH, "archive", at)
        self.ledger.deliveries.delivered(key, at, "14 objects")
        self.ledger.cases.stamp(case.id, case.revision, "published_at", at)
        return self.get(study_uid)


def draw_slices(site: Site, study_uid: str, analysis: Analysis) -> None:
    """Slices of the present revision, as the worker draws them."""
    case = site.get(study_uid)
    draw_tiles(analysis, site.config.cases_dir / case.id / f"r{case.revision}")


def a_dicom_file(path: Path, study_uid: str) -> Path:
    if path.exists():
        return path
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = CTImageStorage, f"{study_uid}.1.1", "CT"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, f"{study_uid}.1"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = CANARY, CANARY_ID, "19500102", "M"
    ds.Rows = ds.Columns = 4
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel = 15, 1, 1
    ds.PhotometricInterpretation, ds.PixelData = "MONOCHROME2", bytes(32)
    ds.ensure_file_meta()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def a_result(
    study_uid: str,
    *quality: QualityFlag,
    met: bool = True,
    core_ml: float = 18.4,
    certain: bool = True,
    opinions: tuple[SecondOpinion, ...] | None = None,
    networks: tuple[ModelFinding, ...] | None = None,
) -> TriageResult:
    text = "DEFUSE 3 imaging criteria met; clinical criteria are not known here (Albers 2018, NEJM 378:708)"
    if not met:
        text = "DEFUSE 3 imaging criteria not met: core 96 ml is not below 70 ml (Albers 2018, NEJM 378:708)"
    missing = ("age", "NIHSS", "time since last known well", "vessel occlusion")
    return TriageResult(
        Status.ANALYSED,
        None,
        study_uid,
        f"{study_uid}.1",
        side=Side.LEFT,
        core_ml=core_ml,
        hypoperfused_ml=112.7,
        mismatch_ml=112.7 - core_ml,
        mismatch_ratio=112.7 / core_ml if core_ml else None,
        hypoperfusion_intensity_ratio=0.38,
        cbv_index=0.81,
        volumes_ml={"tmax_gt_4": 171.0, "tmax_gt_6": 112.7, "tmax_gt_10": 42.9, "rcbf_lt_30": core_ml},
        criteria={
            "defuse_3": Criterion(met, missing, text, "core > 70 ml" if met else "core < 70 ml", certain)
        },
        models=(
            ModelFinding("deconvolution", "1.0.0", "3f" * 32, task="deconvolution"),
            *((a_network(core_ml * 1.1),) if networks is None else networks),
        ),
        tasks={**NO_TASKS, INFARCT_CORE: "ctp-core"},
        quality=quality,
        timing_s={"read": 0.31, "motion": 0.74, "deconvolution": 0.62, "total": 2.61},
        versions={"stroke-gateway": "0.1.0", "numpy": "2.4.6"},
        estimator=Estimator.DECONVOLUTION,
        intervals={
            "core_ml": Interval(core_ml * 0.7, core_ml * 1.3),
            "hypoperfused_ml": Interval(101.3, 124.9),
            "mismatch_ml": Interval((112.7 - core_ml) * 0.85, (112.7 - core_ml) * 1.1),
            "mismatch_ratio": Interval(112.7 / core_ml * 0.8, None),
            "tmax_gt_6": Interval(101.3, 124.9),
        },
        nominal_ml={"core_ml": core_ml * 0.8, "hypoperfused_ml": 127.1},
        territories_ml={Territory.MIDDLE: 104.2, Territory.ANTERIOR: 8.5, Territory.POSTERIOR: 0.0},
        reference="tissue of the other hemisphere with Tmax below 4 s",
        opinions=(AGREEING,) if opinions is None else opinions,
    )


def a_network(
    core_ml: float | None,
    agreement: Agreement | None = Agreement.AGREE,
    text: str = "volume and place agree",
) -> ModelFinding:
    return ModelFinding(
        "ctp-core",
        "0.1.0",
        "7c" * 32,
        core_ml,
        overlap=None if core_ml is None else 0.58,
        agreement=agreement,
        text=text,
        task=INFARCT_CORE,
        trained_on="simulated patients",
    )


CONTRADICTING = a_network(
    120.0, Agreement.CONTRADICT, "core limits of trials lie between the two: 21, 31, 50, 51, 70 ml"
)
LATE = a_network(None, None, "no answer within 1.5 s")
AGREEING = SecondOpinion(
    "Fixed threshold", 20.1, 117.0, agrees=True, text="core 20 ml, hypoperfused 117 ml: within the intervals"
)
DIFFERING = SecondOpinion(
    "Second-best artery",
    41.0,
    150.2,
    agrees=False,
    text="core 41 ml, hypoperfused 150 ml: outside the intervals",
)
NO_INPUT = QualityFlag("no_arterial_input", Severity.SEVERE, "no artery was found in the scan")


def a_time_to_peak_result(study_uid: str) -> TriageResult:
    """Analysed, and yet without a single volume."""
    return TriageResult(
        Status.ANALYSED,
        None,
        study_uid,
        f"{study_uid}.1",
        quality=(NO_INPUT,),
        timing_s={"total": 2.1},
        estimator=Estimator.TIME_TO_PEAK,
    )


MOTION = QualityFlag("motion", Severity.WARNING, "the head moved by 3.1 mm; frames were aligned")
TRUNCATED = QualityFlag(
    "truncated",
    Severity.SEVERE,
    "the scan ends before the contrast agent has washed out: volumes are too small",
)
NOISE = QualityFlag("noise", Severity.INFO, "noise of 6.2 HU in a frame of about 1 mm pixels")


def a_refusal(study_uid: str, reason: str) -> TriageResult:
    flag = QualityFlag("not_analysed", Severity.SEVERE, reason)
    return TriageResult(Status.NOT_ANALYSED, reason, study_uid, f"{study_uid}.1", quality=(flag,))


def open_site(folder: Path, **sections) -> Site:
    plain = {"site": {"data_dir": folder}, "dicom": {"free_bytes_floor": 0}}
    plain |= {"runs": {"urgent_wait_s": 3600}, **sections}  # no worker takes what is staged
    config = Config.model_validate(plain)
    client = Client(config.engine_url)
    run_dbos_database_migrations(system_database_url=config.engine_url)
    return Site(config, Ledger.open(config.ledger_url), client, Access.open(folder))


def stage_acknowledged(site: Site, picture: Path | None = None, count: int = 120) -> Case:
    """The case of a patient whom everybody has heard of."""
    site.receive("1.2.1", count, ago_s=5400)
    site.conclude("1.2.1", a_result("1.2.1", NOISE, met=False, core_ml=96.0))
    site.alert("1.2.1")
    site.publish("1.2.1", picture=picture)
    done = site.get("1.2.1")
    at = datetime.fromisoformat(done.times["alert_sent_at"]) + timedelta(seconds=74)
    site.ledger.cases.stamp(done.id, 1, "alert_delivered_at", at - timedelta(seconds=73.6))
    site.ledger.cases.stamp(done.id, 1, "alert_opened_at", at - timedelta(seconds=30))
    site.ledger.cases.stamp(done.id, 1, "acknowledged_at", at, acknowledged_by="Dr Lê, stroke team")
    site.ledger.cases.stamp(done.id, 1, "emr_accepted_at", at - timedelta(seconds=66))
    return site.get("1.2.1")


def stage_everything(site: Site, picture: Path | None = None) -> dict[str, str]:
    """One case of every kind; returns their identifiers by what they show."""
    stage_acknowledged(site, picture)
    site.receive("1.2.2", 40, ago_s=2400)
    closed = "no perfusion series: no position was imaged repeatedly"
    site.ledger.cases.close_without_perfusion(case_id_of("1.2.2"), 1, closed, datetime.now(UTC))
    site.receive("1.2.3", 64, ago_s=1500)
    site.conclude(
        "1.2.3", a_refusal("1.2.3", "no arterial curve was found: the contrast agent did not arrive")
    )
    site.alert("1.2.3")
    site.receive("1.2.4", 120, ago_s=700)
    site.conclude("1.2.4", a_result("1.2.4", TRUNCATED, MOTION, core_ml=3.2))
    site.alert("1.2.4")
    site.receive("1.2.5", 120, ago_s=190)
    site.conclude("1.2.5", a_result("1.2.5", MOTION, NOISE, networks=(CONTRADICTING,)))
    site.alert("1.2.5")
    site.publish("1.2.5", picture=picture)
    fresh, now = site.get("1.2.5"), datetime.now(UTC)
    deliveries = site.ledger.deliveries
    sms = deliveries.queue(fresh.id, 1, DeliveryKind.ALERT, "sms-gateway-1f3c", now)
    deliveries.retrying(sms, now, "HTTP 503 from the channel")
    deliveries.retrying(sms, now, "HTTP 503 from the channel")
    his = deliveries.queue(fresh.id, 1, DeliveryKind.EMR, "his", now)
    deliveries.failed(his, now, "AR: unknown patient identifier; correct the order in the EMR and send again")
    site.receive("1.2.6", 41, ago_s=20)
    site.receive("1.2.7", 120, ago_s=3000)
    site.conclude("1.2.7", a_time_to_peak_result("1.2.7"))
    site.publish("1.2.7", picture=picture, names=("summary", "ttp"))
    site.receive("1.2.8", 120, ago_s=3300)
    unsure = a_result("1.2.8", core_ml=55.3, certain=False, opinions=(AGREEING, DIFFERING), networks=(LATE,))
    site.conclude("1.2.8", unsure)
    return {
        "done": case_id_of("1.2.1"),
        "no_perfusion": case_id_of("1.2.2"),
        "not_analysed": case_id_of("1.2.3"),
        "severe": case_id_of("1.2.4"),
        "fresh": case_id_of("1.2.5"),
        "receiving": case_id_of("1.2.6"),
        "no_input": case_id_of("1.2.7"),
        "unsure": case_id_of("1.2.8"),
    }


@contextmanager
def serving(site: Site, port: int = 0):
    """The site's API on a free port, or on that one; yields its address."""
    door = listening("127.0.0.1", port)
    app = create_app(site.config, site.ledger, site.client, site.access)
    settings = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=1
    )
    server = Server(settings, app.state.feed)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{door.getsockname()[1]}"
    deadline = time.monotonic() + 10
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(10)
        door.close()


@contextmanager
def browser_like(url: str, site: Site | None = None):
    """A client that asks for pages as a browser does; logged in when a site is given."""
    with httpx.Client(
        base_url=url,
        headers={"Accept": "text/html,*/*", "Accept-Language": "en"},
        trust_env=False,
        timeout=10,
    ) as client:
        if site is not None:
            answer = client.post("/login", data={"token": site.access.token, "next": "/"})
            assert answer.status_code == 303
        yield client


def close_site(site: Site) -> None:
    site.client.close()
    site.ledger.engine.dispose()
