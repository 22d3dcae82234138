"""The made-up patient: what is drawn, what comes out, and who is taken for one."""

from datetime import UTC, datetime

import numpy as np
import pytest

from dicom_scp.headers import read_header
from dicom_scp.recognition import Completeness, SeriesKind, look_at
from gateway.analysis import load_models
from gateway.config import Intake as IntakeSettings
from gateway.intake import Intake
from gateway.ledger.records import CaseState, case_id_of
from gateway.ledger.sources_phantoms import RECOVERED, ROOT
from gateway.silence import phantom, truth
from gateway.silence.encoding import images_of
from gateway.silence.order import PhantomOrder
from gateway.silence.outcomes import FAILURES, Outcome, no_gap, trouble_of
from gateway.silence.stages import Progress, Stage
from tests.silence.conftest import an_image
from triage.analysis import Method, analyse
from triage.types import CtpSeries, Geometry

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
STUDY = f"{ROOT}123456789012"
AE = "STROKEPHANTOM"


@pytest.fixture(scope="module")
def models():
    return load_models(1)


def found_in(scan, models, *, flipped=False):
    grid = phantom.USUAL
    edge = -(grid.size - 1) / 2 * grid.pixel_mm
    geometry = Geometry.axial(
        (grid.slices, grid.size, grid.size), (grid.slice_mm, grid.pixel_mm, grid.pixel_mm), (edge, edge, 0.0)
    )
    hu = scan.hu[..., ::-1] if flipped else scan.hu
    times = np.repeat(scan.time_s[:, None], grid.slices, axis=1)
    series = CtpSeries(np.ascontiguousarray(hu, np.float32), times, geometry)
    method = Method(deconvolve=models.deconvolver, core_model=models.core)
    return analyse(series, clock=lambda: 0.0, method=method).result.to_json()


def test_its_numbers_are_those_that_were_drawn(models):
    assert phantom.true_ml(phantom.CORE_MM) == pytest.approx(truth.CORE_ML)
    assert phantom.true_ml(phantom.AT_RISK_MM) == pytest.approx(truth.HYPOPERFUSED_ML)
    for seed, core_within_ml in ((phantom.SEED, 0.1), (1, 0.6)):
        found = found_in(phantom.draw(seed=seed), models)
        assert truth.compared(found).difference == ""
        assert found["core_ml"] == pytest.approx(truth.CORE_ML, abs=core_within_ml)
        assert found["hypoperfused_ml"] == pytest.approx(truth.HYPOPERFUSED_ML, abs=0.1)


def test_a_mistake_in_the_analysis_would_show(models):
    flipped = found_in(phantom.draw(), models, flipped=True)
    assert truth.compared(flipped).difference == "the side is right instead of left"
    found = found_in(phantom.draw(), models)
    larger = {**found, "hypoperfused_ml": found["hypoperfused_ml"] + 1.5}
    assert "hypoperfused volume is" in truth.compared(larger).difference
    assert "not analysed: no" in truth.compared({"status": "not_analysed", "reason": "no brain"}).difference


def test_it_is_the_same_every_time_and_fits_in_a_small_study():
    first, second = phantom.draw(), phantom.draw()
    assert np.array_equal(first.hu, second.hu)
    images = list(images_of(first, STUDY, datetime(2026, 11, 2, 10)))  # noqa: DTZ001 - as scanners write it
    assert len(images) == truth.IMAGES
    assert sum(len(image.dataset) for image in images) < 2_000_000
    assert max(len(image.uid) for image in images) <= 64


def test_it_is_proven_complete_by_its_own_counts(tmp_path):
    from pydicom import dcmread  # noqa: PLC0415

    headers = []
    for image in images_of(phantom.draw(), STUDY, datetime(2026, 11, 2, 10)):  # noqa: DTZ001 - as above
        path = tmp_path / "one.dcm"
        path.write_bytes(b"\0" * 128 + b"DICM" + META + image.dataset)
        headers.append(read_header(path))
    last = dcmread(path, force=True)
    assert last.PatientName == truth.PERSON
    assert last.QualityControlImage == "YES"
    look = look_at(headers)
    assert (look.kind, look.completeness) == (SeriesKind.PERFUSION, Completeness.PROVEN)
    assert look_at(headers[:-1]).completeness is Completeness.INCOMPLETE


def _meta():
    syntax = b"1.2.840.10008.1.2.1\0"
    element = b"\x02\x00\x10\x00UI" + len(syntax).to_bytes(2, "little") + syntax
    return b"\x02\x00\x00\x00UL\x04\x00" + len(element).to_bytes(4, "little") + element


META = _meta()


@pytest.mark.parametrize(
    ("study", "ae", "noted", "other", "is_made_up"),
    [
        (STUDY, AE, True, None, True),
        (STUDY, RECOVERED, True, None, True),
        (STUDY, AE, False, None, False),
        ("1.2.840.99", AE, True, None, False),
        (STUDY, "CT01", True, None, False),
        (STUDY, AE, True, "CT01", False),
    ],
    ids=[
        "ours",
        "after a power cut",
        "not noted",
        "not under our root",
        "borrowed study",
        "one foreign image",
    ],
)
def test_nobody_hides_a_patient_by_a_name(ledger, study, ae, noted, other, is_made_up):
    if noted:
        ledger.phantoms.begin(study, AE, NOW, to_archive=True)
    ledger.arrivals.record(an_image(1, study=study, ae=ae))
    if other:
        ledger.arrivals.record(an_image(2, study=study, ae=other))
    ledger.cases.open(study, NOW)
    assert ledger.phantoms.owns(study) is is_made_up
    if study.startswith(ROOT):
        assert bool(ledger.cases.latest()) is not is_made_up
        assert bool(ledger.cases.counts()) is not is_made_up


class _Engine:
    def __init__(self):
        self.runs = {}

    def submit(self, _name, key, *_arguments, queue, priority):
        self.runs[key] = (queue.value, int(priority))


class _Ahead:
    def __init__(self):
        self.prepared, self.stopped = [], []

    def prepare(self, case_id, _revision, _paths):
        self.prepared.append(case_id)

    def keep(self, _revisions):
        pass

    def stop(self, case_id, _revision):
        self.stopped.append(case_id)


@pytest.fixture
def at_work(ledger):
    """A phantom whose images are all here."""
    engine, ahead = _Engine(), _Ahead()
    intake = Intake(ledger, engine, IntakeSettings(), 300.0, ahead)
    ledger.phantoms.begin(STUDY, AE, NOW, to_archive=False)
    header = {"position_mm": (0.0, 0.0, 0.0), "orientation": (1.0, 0, 0, 0, 1.0, 0)}
    for number in range(truth.IMAGES):
        frame, place = divmod(number, 2)
        ledger.arrivals.record(
            an_image(
                number,
                study=STUDY,
                ae=AE,
                **header | {"position_mm": (0.0, 0.0, 8.0 * place), "temporal_position": frame + 1},
                temporal_positions=36,
                images_in_acquisition=72,
                instance_number=number + 1,
            )
        )
    return ledger, engine, ahead, intake


def test_it_waits_behind_every_patient_and_is_not_prepared(at_work):
    ledger, engine, ahead, intake = at_work
    intake.look(NOW)
    case = ledger.cases.of_study(STUDY)
    assert case.state is CaseState.ANALYSING
    assert engine.runs == {f"case:{case.id}:r1": ("analysis", 10)}, (
        "last in its lane, and nothing for the archive"
    )
    assert ahead.prepared == []


def test_it_gives_way_as_soon_as_a_patient_is_seen(at_work):
    ledger, _, ahead, intake = at_work
    intake.look(NOW)
    assert not ledger.phantoms.is_cancelled(STUDY)
    ledger.arrivals.record(an_image(1, study="1.2.840.5", ae="CT01"))
    intake.look(NOW)
    assert ledger.phantoms.is_cancelled(STUDY)
    assert ahead.stopped == [case_id_of(STUDY)]
    assert [case.study_uid for case in ledger.cases.latest()] == ["1.2.840.5"]


def test_a_second_phantom_is_no_patient(at_work):
    ledger, _, _, intake = at_work
    ledger.phantoms.begin(f"{STUDY}3", AE, NOW, to_archive=False)
    ledger.arrivals.record(an_image(1, study=f"{STUDY}3", ae=AE))
    intake.look(NOW)
    assert not ledger.phantoms.is_cancelled(STUDY)


def test_whoever_looks_after_bytes_lets_it_be(at_work):
    """Else what is removed from the archive would count as lost, and be sent there again."""
    ledger, _, _, intake = at_work
    intake.look(NOW)
    ids = [item.arrival_id for item in ledger.holdings.to_forward(STUDY, 99)]
    assert len(ids) == truth.IMAGES
    ledger.holdings.forwarded(dict.fromkeys(ids, "orthanc"), NOW)
    assert ledger.holdings.never_seen(99) == ledger.holdings.after(0, 99) == []


def test_every_row_goes_and_its_note_stays(at_work):
    ledger, _, _, intake = at_work
    intake.look(NOW)
    walk = ledger.phantoms.get(STUDY)
    ledger.phantoms.wipe(walk, NOW)
    assert ledger.cases.of_study(STUDY) is None
    assert ledger.phantoms.received(STUDY) == 0
    assert ledger.phantoms.owns(STUDY), "what a power cut brings back is still ours"
    intake.look(NOW)
    ledger.arrivals.record(an_image(1, study=STUDY, ae=RECOVERED))
    assert [each.study_uid for each in ledger.phantoms.come_back()] == [STUDY]


@pytest.mark.parametrize(
    ("progress", "stage"),
    [
        (Progress(False, 3, None, False, 3), Stage.SENDING),
        (Progress(True, 71, None, False, 71), Stage.RECEIVING),
        (Progress(True, 72, None, False, 72), Stage.INTAKE),
        (Progress(True, 72, CaseState.RECEIVING, False, 72), Stage.PROOF),
        (Progress(True, 72, CaseState.ANALYSING, False, 72), Stage.QUEUE),
        (Progress(True, 72, CaseState.ANALYSING, True, 72), Stage.COMPUTING),
        (Progress(True, 72, CaseState.ANALYSED, True, 5), Stage.ARCHIVE),
        (Progress(True, 72, CaseState.ANALYSED, True, 0), Stage.OVER),
    ],
)
def test_where_it_stands_is_named(progress, stage):
    assert progress.stage is stage


def test_one_failure_is_a_restart_and_two_are_a_trouble(ledger):
    def walks(*outcomes):
        for number, outcome in enumerate(outcomes):
            at = NOW.replace(hour=4 + number)
            walk = ledger.phantoms.begin(f"{ROOT}{number}", AE, at, to_archive=False)
            ledger.phantoms.end(walk, outcome.value, "the worker slept", at)
        return ledger.phantoms.latest(20)

    assert trouble_of([]) is None
    assert trouble_of(walks(Outcome.CAME_THROUGH)) == ""
    assert trouble_of(walks(Outcome.CAME_THROUGH, Outcome.STUCK)) is None
    latest = walks(*[Outcome.CAME_THROUGH, *[Outcome.STUCK] * FAILURES, Outcome.GAVE_WAY])
    assert trouble_of(latest) == "the phantom did not come through: the worker slept"
    long_ago = NOW.replace(month=10)
    assert "no phantom has come through" in no_gap([], long_ago, NOW, NOW.replace(hour=9) - NOW)
    assert no_gap(latest, NOW, NOW.replace(hour=5), NOW.replace(hour=9) - NOW) == ""


def test_the_order_goes_to_our_own_door(config):
    order = PhantomOrder.to_our_own_door(config, STUDY, NOW)
    assert (order.host, order.port, order.called_ae, order.calling_ae) == ("127.0.0.1", 11112, "STROKEGW", AE)
    assert PhantomOrder.from_json(order.to_json()) == order
