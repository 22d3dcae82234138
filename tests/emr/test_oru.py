"""The report, read back by a parser that is not ours."""

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.emr.report import control_id_for
from triage.errors import InputError
from triage.results import INFARCT_CORE
from triage.types import (
    Agreement,
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
from viewer_bridge.quantities import QUANTITIES

CODES = [quantity.code for quantity in QUANTITIES]
INTERVALS = [f"{quantity.code}-interval" for quantity in QUANTITIES if quantity.interval]


def test_the_header_says_what_it_is_and_in_which_letters(make_report, parsed):
    report = parsed(make_report())
    assert report.field("MSH", 9, 1, 1) == "ORU"
    assert report.field("MSH", 9, 1, 2) == "R01"
    assert report.field("MSH", 9, 1, 3) == "ORU_R01"
    assert report.field("MSH", 10) == "CTRL0001"
    assert report.field("MSH", 12) == "2.5.1"
    assert report.field("MSH", 18) == "UNICODE UTF-8"
    assert report.field("MSH", 3) == "STROKEGW"
    assert report.field("MSH", 5) == "EMR"
    assert report.field("MSH", 7) == "20260301100720.005+0700"


def test_the_person_arrives_letter_by_letter(make_report, parsed):
    report = parsed(make_report())
    assert [report.field("PID", 5, 1, part) for part in (1, 2, 5)] == ["NGUYỄN", "VĂN A", "BS"]
    assert [report.field("PID", 3, 1, part) for part in (1, 4, 5)] == ["BN-0007", "BVDK", "MR"]
    assert report.field("PID", 7) == "19520311"
    assert report.field("PID", 8) == "M"


@pytest.mark.parametrize(("sex", "said"), [("F", "F"), ("O", "O"), ("m ", "M"), ("", "U"), ("X|", "U")])
def test_sex_is_one_of_the_table(make_report, make_patient, parsed, sex, said):
    assert parsed(make_report(patient=make_patient(sex=sex))).field("PID", 8) == said


@pytest.mark.parametrize("born", ["", "1952", "1952.03.11", "٢٠٢٦٠١٠١", "unknown8"])
def test_a_birth_date_that_is_none_is_left_out(make_report, make_patient, parsed, born):
    assert parsed(make_report(patient=make_patient(birth_date=born))).field("PID", 7) == ""


@pytest.mark.parametrize("missing", ["", "  "])
def test_without_a_patient_id_nothing_is_written(make_report, make_patient, missing):
    with pytest.raises(InputError, match="no patient id") as caught:
        make_report(patient=make_patient(patient_id=missing))
    assert "NGUY" not in str(caught.value)


def test_a_name_in_doubtful_letters_carries_a_warning(make_report, make_patient):
    assert "misspelt" not in make_report()
    segments = make_report(patient=make_patient(text_uncertain=True)).split("\r")
    assert [segment[:3] for segment in segments[1:4]] == ["PID", "NTE", "OBR"]
    assert "misspelt" in segments[2]


def test_the_order_is_found_by_accession_and_by_order_numbers(make_report, make_patient, parsed):
    plain = parsed(make_report())
    assert [plain.field("OBR", place) for place in (2, 3, 18)] == ["", "ACC-77", "ACC-77"]
    numbered = make_patient(placer_order_number="PL-1", filler_order_number="FI-2")
    ordered = parsed(make_report(patient=numbered))
    assert [ordered.field("OBR", place) for place in (2, 3, 18)] == ["PL-1", "FI-2", "ACC-77"]
    unordered = parsed(make_report(patient=make_patient(accession_number="")))
    assert unordered.field("OBR", 3) == "1.2.826.0.1.99"
    assert [plain.field("OBR", 4, 1, part) for part in (1, 3)] == ["39142-5", "LN"]


def test_numbers_arrive_with_code_unit_and_status(make_report, parsed):
    report = parsed(make_report())
    assert report.value("core-volume") == "34.2"
    assert report.value("mismatch-ratio") == "3.28"
    assert report.status("core-volume") == "P"
    obx = report.observations["core-volume"]
    assert obx.extract_field(1, 2) == "NM"
    assert obx.extract_field(1, 3, 1, 3) == "99STROKEGW"
    assert [obx.extract_field(1, 6, 1, part) for part in (1, 3)] == ["mL", "UCUM"]


def test_intervals_arrive_as_structured_numerics_rounded_outwards(make_report, make_result, parsed):
    ends = {"core_ml": Interval(28.44, 38.61), "mismatch_ratio": Interval(2.109, None)}
    report = parsed(make_report(make_result(intervals=ends)))
    core = report.observations["core-volume-interval"]
    assert core.extract_field(1, 2) == "SN"
    assert [core.extract_field(1, 5, 1, part) for part in (1, 2, 3, 4)] == ["", "28.4", "-", "38.7"]
    assert [core.extract_field(1, 6, 1, part) for part in (1, 3)] == ["mL", "UCUM"]
    assert core.extract_field(1, 7) == ""
    assert [report.value("mismatch-ratio-interval", part) for part in (1, 2)] == [">=", "2.10"]
    assert report.status("mismatch-volume-interval") == "X"


def test_an_interval_never_arrives_without_its_number(make_report, make_result, parsed):
    ends = {"mismatch_ratio": Interval(2.1, None)}
    report = parsed(make_report(make_result(mismatch_ratio=None, intervals=ends)))
    assert report.status("mismatch-ratio-interval") == "X"


def test_a_ratio_below_its_limit_is_not_written_as_the_limit(make_report, make_result, parsed):
    assert parsed(make_report(make_result(mismatch_ratio=1.7999))).value("mismatch-ratio") == "1.79"


def test_uncalibrated_volumes_territories_and_other_methods_arrive(make_report, make_result, parsed):
    unsure = Criterion(met=True, missing=(), text="DEFUSE 3 met", changes_if="core > 37 ml", certain=False)
    opinions = (
        SecondOpinion("fixed threshold", 60.0, 180.0, agrees=False, text="core 60 ml"),
        SecondOpinion("other artery", 34.0, 112.0, agrees=True, text="core 34 ml"),
    )
    network = ModelFinding(
        "ctp-core",
        "0.1.0",
        "a" * 64,
        48.0,
        overlap=0.31,
        agreement=Agreement.CONTRADICT,
        text="why",
        task=INFARCT_CORE,
        trained_on="simulated patients",
    )
    result = make_result(
        criteria={"defuse_3": unsure},
        opinions=opinions,
        models=(network,),
        reference="the other hemisphere",
        nominal_ml={"core_ml": 21.0},
        territories_ml={Territory.MIDDLE: 110.0},
    )
    report = parsed(make_report(result))
    assert report.value("core-volume-nominal") == "21.0"
    assert report.status("hypoperfused-volume-nominal") == "X"
    assert report.value("middle-cerebral-territory-volume") == "110.0"
    turns = "DEFUSE 3 met; changes if core > 37 ml; uncertain, inside the 90 % interval"
    assert report.value("trial-criteria") == turns
    said = "differs: fixed threshold: core 60 ml\ragrees: other artery: core 34 ml"
    found = "network ctp-core 0.1.0 (trained on simulated patients): core 48.0 ml, overlap 0.31: why"
    assert report.value("other-methods") == f"{said}\rcontradicts: {found}"
    assert "no model installed: hemorrhage" in report.value("software")
    assert report.value("normal-reference") == "the other hemisphere"


def test_the_time_to_peak_alone_is_no_measurement(make_report, parsed):
    quality = (QualityFlag("no_arterial_input", Severity.SEVERE, "no artery"),)
    result = TriageResult(
        Status.ANALYSED, None, "1.2", "1.2.3", quality=quality, estimator=Estimator.TIME_TO_PEAK
    )
    report = parsed(make_report(result))
    assert report.value("analysis-status").startswith("time to peak only, no arterial input: no volumes")
    assert {report.status(code) for code in [*CODES, *INTERVALS]} == {"X"}


def test_a_true_zero_is_a_number(make_report, parsed):
    report = parsed(make_report())
    assert report.value("cbv-index") == "0.00"
    assert report.status("cbv-index") == "P"


@pytest.mark.parametrize("undefined", [None, math.nan, math.inf])
def test_an_undefined_ratio_has_no_value_and_says_it_was_not_obtained(
    make_report, make_result, parsed, undefined
):
    report = parsed(make_report(make_result(mismatch_ratio=undefined)))
    assert report.value("mismatch-ratio") == ""
    assert report.status("mismatch-ratio") == "X"
    assert report.status("core-volume") == "P"


@pytest.mark.parametrize(
    ("side", "code", "scheme"),
    [
        (Side.LEFT, "7771000", "SCT"),
        (Side.RIGHT, "24028007", "SCT"),
        (Side.BILATERAL, "51440002", "SCT"),
        (Side.NONE, "no-lesion", "99STROKEGW"),
    ],
)
def test_the_side_is_coded(make_report, make_result, parsed, side, code, scheme):
    report = parsed(make_report(make_result(side=side)))
    assert [report.value("lesion-side", part) for part in (1, 3)] == [code, scheme]


def test_a_refused_scan_says_so_and_has_no_numbers(make_report, refused, parsed):
    report = parsed(make_report(refused))
    wanted = "not analysed: the scan ends before the contrast | has left - look at the images"
    assert report.value("analysis-status") == wanted
    assert {report.status(code) for code in [*CODES, "lesion-side", "trial-criteria"]} == {"X"}
    assert {report.value(code) for code in CODES} == {""}
    assert report.value("quality") == "severe: scan too short"


def test_numbers_that_must_not_be_trusted_do_not_reach_the_record(make_report, make_result, parsed):
    untrusted = make_result(
        quality=(QualityFlag("motion", Severity.SEVERE, "head moved 12 mm"),),
        intervals={quantity.interval: Interval(28.4, 39.9) for quantity in QUANTITIES if quantity.interval},
        opinions=(SecondOpinion("other", 34.0, 112.0, agrees=True, text="core 34 ml"),),
        reference="healthy half",
        nominal_ml={"core_ml": 34.2},
    )
    text = make_report(untrusted)
    report = parsed(text)
    assert report.value("analysis-status") == "analysed; do not trust the numbers - look at the images"
    hidden = [*CODES, *INTERVALS, "lesion-side", "trial-criteria", "other-methods", "normal-reference"]
    assert {report.status(code) for code in hidden} == {"X"}
    for number in ("34.2", "112.4", "3.28", "28.4", "39.9", "34 ml", "healthy half", "Left", "DEFUSE"):
        assert number not in text


def test_every_report_has_the_same_observations_so_a_revision_replaces_all(make_report, make_result, refused):
    def codes(text):
        return re.findall(r"OBX\|(\d+)\|\w*\|([^|^]+)", text)

    first = codes(make_report())
    assert codes(make_report(refused, revision=2)) == first
    assert codes(make_report(make_result(models=(), quality=(), criteria={}), revision=3)) == first
    assert [int(number) for number, _ in first] == list(range(1, len(first) + 1))


def test_a_revision_is_a_correction_everywhere(make_report, make_result, parsed):
    text = make_report(make_result(mismatch_ratio=None), revision=2)
    report = parsed(text)
    assert report.field("OBR", 25) == "C"
    assert report.status("core-volume") == "C"
    assert report.status("mismatch-ratio") == "X"
    assert "Revision 2" in text
    assert parsed(make_report()).field("OBR", 25) == "P"


def test_a_revision_says_which_report_it_replaces_and_what_changed(make_report):
    text = make_report(
        revision=3, former_control_id="CTRL0002", change="Changed for the team: RIGHT, before LEFT."
    )
    (note,) = (line for line in text.split("\r") if line.startswith("NTE|2"))
    assert "Revision 3; it replaces revision 2 (message CTRL0002) and every earlier report." in note
    assert "Changed for the team: RIGHT, before LEFT." in note
    assert "NTE|2" not in make_report()


def test_every_report_says_research_use(make_report, refused):
    for text in (make_report(), make_report(refused)):
        assert "NTE|1|L|Research use, not for primary diagnosis." in text


def test_link_quality_software_and_study_arrive_whole(make_report, parsed):
    report = parsed(make_report())
    assert report.value("case-page") == "https://stroke.example/c/5f2c?a=1&b=2"
    assert report.value("quality") == "warning: head moved 3 mm & back"
    assert report.value("software").startswith("stroke-gateway 0.1.0\rmodel deconvolution 1.0.0 sha256 abab")
    assert report.value("113014") == "1.2.826.0.1.99"


@settings(max_examples=60, deadline=None)
@given(hostile=st.text(max_size=30), other=st.text(max_size=30))
def test_no_text_of_a_sender_changes_the_shape_of_a_report(
    make_report, make_result, make_patient, hostile, other
):
    patient = make_patient(
        name=hostile, patient_id="1" + other, issuer=hostile, accession_number=other, sex=hostile
    )
    quality = (QualityFlag("x", Severity.WARNING, hostile),)
    written = make_report(make_result(quality=quality), patient, link=other).split("\r")
    plain = make_report().split("\r")
    assert [line[:3] for line in written] == [line[:3] for line in plain]
    assert [line.count("|") for line in written] == [line.count("|") for line in plain]


@pytest.mark.parametrize(
    "change",
    [{"control_id": ""}, {"control_id": "x" * 21}, {"revision": 0}],
    ids=["none", "long", "revision"],
)
def test_a_report_that_could_not_be_acknowledged_is_not_written(make_report, change):
    with pytest.raises(InputError, match="control id"):
        make_report(**change)


def test_control_ids_are_stable_short_and_different():
    ids = {control_id_for(f"emr:{case}:r{revision}:main") for case in range(50) for revision in (1, 2)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[A-Z2-7]{20}", one) for one in ids)
    assert control_id_for("a") == control_id_for("a")
