"""A further study of a patient whom somebody has already: it goes to that person first."""

import pytest

from dicom_scp.arrival import Arrival
from dicom_scp.headers import read_header
from gateway.ledger.records import case_id_of
from gateway.steps import ringing
from gateway.team.answering import AnswerKind
from tests.calls.conftest import STUDY
from tests.viewer_bridge.drawn import make_source

LEVELS = [{"name": "all", "role": "stroke_doctor", "who": "everybody", "minutes": 5}]
OTHER = "2.25.4711"


def receive(team, study, **patient):
    """One image of a study."""
    source = make_source(StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1", **patient)
    source.SOPInstanceUID = f"{study}.1.1"
    source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
    source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    path = team.desk.spooled(f"{study}.dcm")
    path.parent.mkdir(parents=True, exist_ok=True)
    source.save_as(path, enforce_file_format=True)
    arrival = Arrival(
        read_header(path), path.name, study.ljust(64, "0"), 10, "1.2", team.desk.now(), "CT", "GW", "a"
    )
    team.desk.ledger.arrivals.record(arrival)


@pytest.fixture
def team(make_team):
    """The first study of a patient, which one of two has taken."""
    team = make_team(levels=LEVELS, same_patient_hours=24, same_patient_minutes=2)
    for name in ("le", "tran"):
        team.enter(name, name)
    receive(team, OTHER)
    team.conclude(study=OTHER)
    team.settle()
    case = team.desk.ledger.cases.of_study(OTHER)
    team.answer("tran", AnswerKind.TAKE, case=case)
    team.exchange.sent.clear()
    return team


def test_it_goes_to_whoever_has_the_patient_and_then_to_the_others(team):
    receive(team, STUDY)
    team.conclude()
    assert team.look().level == -1
    assert team.exchange.kinds() == [("tran", "alert")]
    watch = team.look_at(120)
    assert (watch.level, round(watch.until_s - watch.began_s)) == (0, 300)
    assert {name for name, _ in team.exchange.kinds()} == {"le", "tran"}


def test_who_declines_hands_it_to_the_first_level_at_once(team):
    receive(team, STUDY)
    team.conclude()
    team.look()
    team.answer("tran", AnswerKind.DECLINE)
    assert team.look().level == 0
    assert ("le", "alert") in team.exchange.kinds()


@pytest.mark.parametrize(
    "patient", [{"PatientID": "BN-9"}, {"PatientBirthDate": "19700101"}, {"IssuerOfPatientID": "X"}]
)
def test_another_patient_rings_everybody(team, patient):
    receive(team, STUDY, **patient)
    team.conclude()
    assert team.look().level == 0
    assert {name for name, _ in team.exchange.kinds()} == {"le", "tran"}


def test_no_patient_is_in_the_journal(team):
    receive(team, STUDY)
    team.conclude()
    plain = str(ringing.begin_alert(team.desk, case_id_of(STUDY), 1))
    assert "BN-" not in plain
    assert "tran" not in plain
