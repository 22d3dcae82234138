"""A patient with a Vietnamese name, a result, and a report of both."""

from datetime import datetime, timedelta, timezone

import hl7
import pytest

from benchmarks.outage import Played, Record, a_desk, conclude
from benchmarks.running import free_port
from dicom_scp.patient import Patient
from gateway.emr.courier import Courier
from gateway.emr.mapping import CORRECTED, PRELIMINARY
from gateway.emr.oru import oru_r01
from gateway.emr.recipient import of_images
from gateway.emr.report import Report
from gateway.emr.settings import OruDestination
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import DeliveryKind
from tests.results import SITE, a_refusal, a_result
from triage.types import Criterion, ModelFinding, QualityFlag, Severity

HANOI = timezone(timedelta(hours=7))


def _patient(**changes):
    plain = {
        "name": "NGUYỄN^VĂN A^^BS",
        "patient_id": "BN-0007",
        "issuer": "BVDK",
        "birth_date": "19520311",
        "sex": "M",
        "accession_number": "ACC-77",
    }
    return Patient(**{**plain, **changes})


def _result(**changes):
    plain = {
        "core_ml": 34.24,
        "mismatch_ml": 78.16,
        "mismatch_ratio": 3.283,
        "hypoperfusion_intensity_ratio": 0.41,
        "cbv_index": 0.0,
        "volumes_ml": {"tmax_gt_6": 112.4, "rcbf_lt_30": 34.24},
        "criteria": {"defuse_3": Criterion(met=True, missing=("age",), text="DEFUSE 3 imaging criteria met")},
        "models": (ModelFinding("deconvolution", "1.0.0", "ab" * 32),),
        "quality": (QualityFlag("motion", Severity.WARNING, "head moved 3 mm & back"),),
        "versions": {"stroke-gateway": "0.1.0"},
    }
    return a_result(**{**plain, **changes})


def _told(result=None, patient=None, **changes):
    revision = changes.get("revision", 1)
    plain = {
        "case_id": "5f2c",
        "control_id": "CTRL0001",
        "sent_at": datetime(2026, 3, 1, 10, 7, 20, 5000, tzinfo=HANOI),
        "observed_at": datetime(2026, 3, 1, 10, 3, tzinfo=HANOI),
        "computed_at": datetime(2026, 3, 1, 10, 7, 10, tzinfo=HANOI),
        "link": f"{SITE}/c/5f2c?a=1&b=2",
        "revision": 1,
        "standing": PRELIMINARY if revision == 1 else CORRECTED,
        "site": "BVDK",
    }
    return Report(result or _result(), of_images(patient or _patient()), **{**plain, **changes})


def _report(result=None, patient=None, destination=None, **changes):
    where = OruDestination(name="his", host="h", port=1, receiving_facility="BVDK", **(destination or {}))
    return oru_r01(_told(result, patient, **changes), where)


class Parsed:
    """A report as an independent parser reads it."""

    def __init__(self, text):
        self.message = hl7.parse(text)

    def field(self, segment, place, *parts):
        return self.message.segment(segment).extract_field(1, place, *parts)

    @property
    def observations(self):
        """Code to OBX segment."""
        return {obx.extract_field(1, 3, 1, 1): obx for obx in self.message.segments("OBX")}

    def value(self, code, component=1):
        return self.observations[code].extract_field(1, 5, 1, component)

    def status(self, code):
        return self.observations[code].extract_field(1, 11)


@pytest.fixture(scope="session")
def make_patient():
    return _patient


@pytest.fixture(scope="session")
def make_result():
    return _result


@pytest.fixture(scope="session")
def make_told():
    """What a letter says, before it is written in a format."""
    return _told


@pytest.fixture(scope="session")
def make_report():
    return _report


@pytest.fixture
def refused():
    return a_refusal(
        "the scan ends before the contrast | has left",
        QualityFlag("truncated", Severity.SEVERE, "scan too short"),
    )


@pytest.fixture
def parsed():
    return Parsed


class Site:
    """A desk, its record, and one courier."""

    def __init__(self, desk, record, result, destination=None):
        self.desk, self.record, self.result = desk, record, result
        self.letters = desk.ledger.letters
        self.destination = destination or desk.config.emr.destinations[0]
        self.courier = None
        self.begin()

    def begin(self):
        """A new courier, as after a restart."""
        if self.courier:
            self.courier.close()
        self.courier = Courier(self.desk, self.destination)

    def conclude(self, study):
        return conclude(self.desk, study, self.result)

    def play(self, seconds, step_s=0.001):
        """Let time pass, by steps that long at least."""
        until = Played.moment + timedelta(seconds=seconds)
        while Played.moment < until:
            Played.moment += timedelta(seconds=max(self.courier.turn(), step_s))

    def state(self, case_id, edition=""):
        key = delivery_id_of(case_id, 1, DeliveryKind.EMR, "his") + edition
        return self.desk.ledger.deliveries.get(key)


@pytest.fixture
def site(tmp_path, make_result):
    record = Record(free_port())
    with a_desk(tmp_path, record.port) as desk:
        made = Site(desk, record, make_result(study_uid="1.2", series_uid="1.2.4"))
        yield made
        made.courier.close()
