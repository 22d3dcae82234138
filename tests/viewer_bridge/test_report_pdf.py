"""The report: read back by another program, in three languages, and never more certain than the result."""

import re
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.emr.observations import observations
from tests.viewer_bridge.drawn import PATIENT_ID, PATIENT_NAME, make_source, network
from tests.viewer_bridge.test_standard import complaints
from triage.results import NO_TASKS
from triage.types import Agreement, Criterion, QualityFlag, SecondOpinion, Severity
from viewer_bridge.figures import floored, ratio_span, span
from viewer_bridge.objects.encapsulated_pdf import encapsulated_report, report_subject
from viewer_bridge.objects.origin import Origin
from viewer_bridge.objects.results import file_bytes
from viewer_bridge.report.pdf import report_pdf
from viewer_bridge.report.sheet import MARGIN_PT
from viewer_bridge.report.subject import Subject, spoken, subject_of
from viewer_bridge.report.wording.language import Language
from viewer_bridge.report.words import Words

NOON = datetime(2026, 1, 1, 12, 30, 5, tzinfo=UTC)
MOST_BYTES = 500_000
A4_WIDTH_PT = 595.28
SHOWN_NAME = "NGUYỄN VĂN ĐỨC"

pytestmark = pytest.mark.skipif(
    not Path("/usr/bin/pdftotext").is_file(), reason="poppler-utils is not installed"
)


def report(analysis, language=Language.VIETNAMESE, **changes):
    options = {"software_version": "0.1.0", "created_at": NOON, "language": language, **changes}
    return report_pdf(analysis, subject_of(make_source()), **options)


def poppler(program, pdf, *options):
    command = [program, *options, "-"] + (["-"] if program == "pdftotext" else [])
    run = subprocess.run(command, input=pdf, capture_output=True, timeout=30, check=True)
    return run.stdout.decode("utf-8")


def text_of(pdf):
    return " ".join(poppler("pdftotext", pdf, "-enc", "UTF-8").split())


@pytest.fixture(scope="module")
def reports(analysis):
    return {language: report(analysis, language) for language in Language}


@pytest.mark.parametrize("language", Language)
def test_the_numbers_are_those_of_the_page_to_the_printed_digit(reports, analysis, language):
    text, result = text_of(reports[language]), analysis.result
    for name in ("core_ml", "hypoperfused_ml", "mismatch_ml"):
        assert f"{getattr(result, name):.1f} ml" in text
        assert f"({span(result.intervals[name])})" in text
    for ml in (*result.volumes_ml.values(), *result.nominal_ml.values(), *result.territories_ml.values()):
        assert f"{ml:.1f} ml" in text
    assert floored(result.mismatch_ratio) in text
    assert (
        f"({Words(language)('or_more', low=ratio_span(result.intervals['mismatch_ratio']).split()[0])})"
        in text
    )
    assert f"{result.core_ml + 0.1:.1f} ml" not in text


def test_the_numbers_are_those_that_go_to_the_emr(reports, analysis):
    text = text_of(reports[Language.ENGLISH])
    sent = [seen.value for seen in observations(analysis.result, "") if seen.type == "NM" and seen.value]
    assert len(sent) > 15
    assert [value for value in sent if not re.search(rf"(?<![\d.]){re.escape(value)}(?![\d.])", text)] == []


@pytest.mark.parametrize("language", Language)
def test_it_says_whose_it_is_and_that_it_is_no_diagnosis_on_every_page(reports, language):
    words = Words(language)
    pages = poppler("pdftotext", reports[language], "-layout", "-enc", "UTF-8").split("\f")[:-1]
    assert 1 <= len(pages) <= 2
    for number, page in enumerate(pages, start=1):
        assert page.count(words("research")) == 2
        assert SHOWN_NAME in page
        assert PATIENT_ID in page
        assert words("page", page=number, pages=len(pages)) in page
    whole = " ".join(" ".join(pages).split())
    for key in (
        "title",
        "unsigned",
        "physician",
        "core",
        "side_left",
        "criteria",
        "methods",
        "first_revision",
    ):
        assert words(key) in whole, key
    assert "?" not in whole
    assert words.day("19520311") in whole


@pytest.mark.parametrize("language", Language)
def test_every_face_is_embedded_and_every_word_lies_within_the_margins(reports, language):
    faces = poppler("pdffonts", reports[language]).splitlines()[2:]
    assert len(faces) == 2
    assert all(re.search(r"\s+yes yes yes\s", face) for face in faces)
    words = re.findall(
        r'<word xMin="([\d.]+)".*? xMax="([\d.]+)"', poppler("pdftotext", reports[language], "-bbox")
    )
    assert len(words) > 200
    assert min(float(left) for left, _ in words) >= MARGIN_PT - 1
    assert max(float(right) for _, right in words) <= A4_WIDTH_PT - MARGIN_PT + 1


@pytest.mark.parametrize("language", Language)
def test_the_same_result_gives_the_same_bytes_and_the_metadata_name_nobody(reports, analysis, language):
    pdf = reports[language]
    assert pdf == report(analysis, language)
    assert pdf != report(analysis, language, revision=2)
    assert len(pdf) < MOST_BYTES
    info = poppler("pdfinfo", pdf)
    xmp = poppler("pdfinfo", pdf, "-meta")
    for metadata in (info, xmp):
        assert Words(language)("title") in metadata
        assert "ĐỨC" not in metadata
        assert PATIENT_ID not in metadata
    assert "2026-01-01T12:30:05+00:00" in xmp
    assert re.search(r"CreationDate: .* Jan +1 12:30:05 2026", info)


@pytest.mark.parametrize("language", Language)
def test_a_revision_says_what_it_replaces(analysis, language):
    text = text_of(report(analysis, language, revision=3))
    assert Words(language)("later_revision", revision=3, former=2) in text
    assert Words(language)("first_revision") not in text


@pytest.mark.parametrize("language", Language)
def test_an_untrusted_result_shows_no_volume_at_all(untrusted, language):
    text, words = text_of(report(untrusted, language)), Words(language)
    assert words("untrusted") in text
    assert words("untrusted_why") in text
    assert "The scan ended before the bolus had passed." in text
    assert re.findall(r"\d+\.\d ml\b", text) == []
    assert words("criteria") not in text
    assert words("side_left") not in text
    assert text.count("Tmax >") == 0


def test_a_scan_that_was_not_analysed_gives_the_reason_on_one_page(not_analysed):
    pdf = report(not_analysed, Language.ENGLISH)
    text = text_of(pdf)
    assert "NOT ANALYSED" in text
    assert not_analysed.result.reason in text
    assert "Read the images." in text
    assert poppler("pdftotext", pdf).count("\f") == 1


def test_without_an_arterial_input_it_says_time_to_peak_and_no_volume(time_to_peak_only):
    text = text_of(report(time_to_peak_only, Language.ENGLISH))
    assert "TIME TO PEAK ONLY" in text
    assert "Time to peak: not Tmax, 0 – 24 s" in text
    assert re.findall(r"\d+\.\d ml\b", text) == []
    assert "deconvolution" not in text


def test_without_a_core_the_ratio_is_undefined_in_words(build):
    text = text_of(report(build((8, 64, 64), lesion=False), Language.VIETNAMESE))
    assert "không xác định: không có lõi" in text
    assert "0.0 ml" in text
    assert "Không thấy tổn thương tưới máu" in text


def test_disagreement_and_doubt_are_told(analysis):
    unsure = Criterion(
        met=False,
        missing=(),
        text="DEFUSE 3 imaging criteria not met: core 71 ml is not below 70 ml (Albers 2018, NEJM 378:708)",
        changes_if="core is less than 70.0 ml",
        certain=False,
    )
    other = SecondOpinion(
        "transit model", 60.0, 200.0, agrees=False, text="core 60.0 ml, hypoperfused 200.0 ml"
    )
    row = network(53.3, Agreement.CONTRADICT, "core limits of trials lie between the two: 21, 31 ml")
    row = replace(row, name="ctp-core", version="1.2", sha256="a" * 64)
    result = replace(
        analysis.result,
        criteria={"defuse_3": unsure},
        opinions=(other,),
        models=(row,),
        tasks={**NO_TASKS, "infarct_core": "ctp-core"},
        quality=(
            QualityFlag(
                "motion", Severity.WARNING, "head moved by up to 4.0 mm and 1.0 degrees; frames were aligned"
            ),
        ),
    )
    text = text_of(report(replace(analysis, result=result), Language.FRENCH))
    assert "Modèle de transit : cœur 60.0 ml, hypoperfusé 200.0 ml – DIFFÈRE" in text
    assert "UN RÉSEAU CONTREDIT : cœur 53.3 ml" in text
    assert "Réseau ctp-core 1.2 (entraîné sur des patients simulés)." in text
    assert "Des limites de cœur d'essais se trouvent entre les deux : 21, 31 ml." in text
    assert "recouvrement avec le cœur par seuils 0.71 (Dice)" in text
    assert "Aucun modèle installé : hémorragie, occlusion d'un gros vaisseau, score ASPECTS." in text
    assert "incertain" in text
    assert "Change si cœur est inférieur à 70.0 ml." in text
    assert "la tête a bougé jusqu'à 4.0 mm et 1.0 degrés".lower() in text.lower()
    assert f"SHA-256 {'a' * 64}" in text


@pytest.mark.parametrize("language", Language)
def test_a_long_name_and_many_remarks_stay_within_the_page(analysis, language):
    subject = Subject("NGUYỄN " * 20, "BN" * 30, "19520311", "F", "ACC" * 12, "20260101")
    flags = tuple(QualityFlag(f"f{n}", Severity.WARNING, "a remark on this scan " * 20) for n in range(12))
    result = replace(analysis.result, quality=flags)
    pdf = report_pdf(
        replace(analysis, result=result), subject, software_version="1", created_at=NOON, language=language
    )
    edges = re.findall(r'xMin="([\d.]+)".*? xMax="([\d.]+)"', poppler("pdftotext", pdf, "-bbox"))
    assert max(float(right) for _, right in edges) <= A4_WIDTH_PT - MARGIN_PT + 1


def test_a_subject_is_not_shown_where_logs_could_see_it():
    subject = subject_of(make_source())
    assert SHOWN_NAME == subject.name == spoken(PATIENT_NAME)
    assert "ĐỨC" not in repr(subject)
    assert spoken("^^") == ""
    assert spoken("WANG^XIAODONG=王^小東") == "WANG XIAODONG"


@pytest.fixture(scope="module")
def origin():
    return Origin(make_source(), 1, "0.1.0", NOON)


def test_the_object_holds_the_file_byte_for_byte(reports, origin):
    pdf = reports[Language.VIETNAMESE]
    for content in (pdf, pdf + b" "):
        ds = encapsulated_report(content, origin)
        assert ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength] == content
        assert len(ds.EncapsulatedDocument) % 2 == 0
        assert ds.PatientName == PATIENT_NAME
        assert ds.ConceptNameCodeSequence[0].CodeValue == "18748-4"
        assert file_bytes(ds) == file_bytes(encapsulated_report(content, origin))


def test_letters_of_an_undeclared_character_set_reach_the_report(origin):
    garbled = PATIENT_NAME.encode().decode("latin-1")
    source = make_source(PatientName=garbled)
    del source.SpecificCharacterSet
    assert report_subject(replace(origin, source=source)).name == SHOWN_NAME


def test_dciodvfy_has_nothing_to_say_about_the_object(reports, origin, tmp_path):
    path = tmp_path / "report.dcm"
    ds = encapsulated_report(reports[Language.VIETNAMESE], origin)
    path.write_bytes(file_bytes(ds))
    assert complaints(path) == []
    del ds.MIMETypeOfEncapsulatedDocument
    path.write_bytes(file_bytes(ds))
    assert complaints(path)
