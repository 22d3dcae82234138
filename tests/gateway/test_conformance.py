"""The conformance statement says what the program does."""

import subprocess

import pytest

from benchmarks.running import free_port
from dicom_scp.listener import ListenerSettings
from dicom_scp.services import offers_of
from gateway import conformance
from gateway.config import Config
from gateway.parameters import docstrings, parameters
from gateway.retrieval.services import services_of
from gateway.steps.parcels import KINDS
from tests.viewer_bridge.drawn import make_analysis, make_source, without_input
from viewer_bridge.objects import codes
from viewer_bridge.objects.results import result_objects
from viewer_bridge.objects.uids import Role, result_uid


def test_the_file_is_what_the_tables_say():
    written = conformance.FILE.read_text("utf-8")
    assert written == conformance.statement(), "run `make conformance`"


def test_a_changed_table_makes_the_file_stale(monkeypatch):
    monkeypatch.setattr(conformance.uids, "STORAGE_CLASSES", conformance.uids.STORAGE_CLASSES[1:])
    assert conformance.FILE.read_text("utf-8") != conformance.statement()


@pytest.fixture(scope="module")
def objects():
    source, whole = make_source(), make_analysis((4, 64, 64))
    first = result_objects(whole, source, revision=1, software_version="1")
    later = result_objects(without_input(whole), source, revision=2, software_version="1", former=[first])
    return source, [*first, *later]


def test_every_object_is_of_the_class_and_encoding_that_is_stated(objects):
    source, made = objects
    series = str(source.SeriesInstanceUID)
    roles = {result_uid(series, role, revision): role for role in Role for revision in (1, 2)}
    found = {roles[ds.SeriesInstanceUID]: (ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in made}
    assert Role.SUPERSEDED in found
    assert {role: conformance.CREATED[role] for role in found} == found


def test_every_role_has_a_class_and_a_kind_that_rules_can_name():
    assert set(conformance.CREATED) == set(KINDS) == set(Role)


def test_every_code_in_the_objects_is_in_the_statement(objects):
    stated = conformance.statement()

    def concepts(ds):
        for element in ds:
            if element.VR == "SQ":
                for item in element.value:
                    yield from concepts(item)
        value = ds.get("CodeValue") or ds.get("LongCodeValue")
        if value and ds.get("CodingSchemeDesignator"):
            yield ds.CodingSchemeDesignator, value

    used = {concept for ds in objects[1] for concept in concepts(ds)}
    local = {value for scheme, value in used if scheme == codes.LOCAL and not value.startswith("criterion-")}
    whole = make_analysis((4, 64, 64))
    flags = {flag.code for analysis in (whole, without_input(whole)) for flag in analysis.result.quality}
    assert {value for value in local - flags if f"| {codes.LOCAL} | {value} |" not in stated} == set()


def test_what_is_offered_on_an_association_is_stated():
    peers = [{"ae_title": "WS", "may": ["store", "query"]}]
    tables = {
        "dicom": {"query_retrieve": True, "peers": peers},
        "orthanc": {"url": f"http://127.0.0.1:{free_port()}"},
    }
    stated = conformance.statement()
    for uid, offer in offers_of(services_of(Config.model_validate(tables))).items():
        assert f"`{uid}`" in stated
        assert all(f"`{syntax}`" in stated for syntax in offer.transfer_syntaxes)
    assert f"{ListenerSettings().maximum_pdu_bytes} bytes" in stated


def test_every_parameter_is_listed_with_what_stands_below_it():
    found = {name.strip("`"): (default, text) for name, default, text in parameters(["pacs", "dicom"])}
    assert found["pacs.nodes.tls.check_host"][0] == "`True`"
    assert found["pacs.nodes.ae_title"][0] == "required"
    assert "associations as are allowed" in found["dicom.processes"][1]
    assert all(text for name, (_, text) in found.items() if name.startswith("pacs.nodes."))
    assert docstrings(Config) == {}


def test_the_makefile_has_the_target():
    done = subprocess.run(
        ["make", "--dry-run", "conformance"],
        cwd=conformance.FILE.parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "gateway.conformance" in done.stdout
