"""Reports at receivers that are not ours: two HL7 stacks, a strict profile, a FHIR server and a FHIR validator."""

import copy
import json
import re
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from gateway.emr.bundle import bundle
from gateway.emr.mapping import CORRECTED, FINAL, SYSTEMS
from gateway.emr.mdm import mdm_t02
from gateway.emr.oru import oru_r01
from gateway.emr.outlets import outlet_of
from gateway.emr.settings import FhirDestination, MdmDestination, OruDestination
from gateway.hl7.mllp import UnreachableError
from tests.dicom_scp.test_tls import authority, certificate
from tests.peers.node import a_peer
from triage.errors import InputError, TemporaryError

PDF = b"%PDF-1.7 " + bytes(range(256)) * 400
"""Beyond 64 KiB, where some stacks stop reading."""


def now():
    return datetime.now(UTC)


@contextmanager
def sending(destination, /, **fields):
    with closing(outlet_of(destination(name="peer", **fields), now)) as outlet:
        yield outlet


def test_medplum_reads_a_report_as_it_was_written(make_told):
    with a_peer("hl7_record.cjs", "@medplum/hl7") as record:
        where = {"host": "127.0.0.1", "port": record.port, "include_pdf": True}
        with sending(OruDestination, **where) as outlet:
            for control_id in ("CTRL0001", "CTRL0002"):
                said = outlet.send(make_told(pdf=PDF, control_id=control_id))
                assert said == f"AA for message {control_id}"
        told = [record.told(), record.told()]
    assert [one["control"] for one in told] == ["CTRL0001", "CTRL0002"]
    assert told[0]["name"] == "NGUYỄN VĂN A"
    by_code = {one["code"]: one for one in told[0]["observations"]}
    assert by_code["core-volume"] | {"code": ""} == {"type": "NM", "code": "", "value": "34.2", "status": "P"}
    assert by_code["18748-4"]["type"] == "ED"
    assert len(by_code["18748-4"]["value"]) > 4 * len(PDF) / 3


def test_node_hl7_server_reads_a_document(make_told):
    with a_peer("hl7_record_other.cjs", "node-hl7-server") as record:
        with sending(MdmDestination, kind="mdm", host="127.0.0.1", port=record.port) as outlet:
            assert outlet.send(make_told(pdf=PDF)).startswith("AA")
        told = record.told()
    assert told == {"control": "CTRL0001", "family": "NGUYỄN", "given": "VĂN A"}


def test_mllp_over_tls_goes_to_whom_both_trust_only(make_told, tmp_path):
    authority(tmp_path, "hospital")
    authority(tmp_path, "stranger")
    certificate(tmp_path, "gateway", "hospital")
    certificate(tmp_path, "record", "hospital")
    files = {"certificate": tmp_path / "gateway.pem", "key": tmp_path / "gateway.key"}
    trusted = {**files, "authorities": tmp_path / "hospital.pem", "check_host": False}
    theirs = (tmp_path / "record.pem", tmp_path / "record.key", tmp_path / "hospital.pem")
    with a_peer("hl7_record_other.cjs", "node-hl7-server", *theirs) as record:
        where = {"host": "127.0.0.1", "port": record.port, "timeout_s": 5}
        with sending(OruDestination, **where, tls=trusted) as outlet:
            outlet.send(make_told())
            assert record.told()["control"] == "CTRL0001"
        stranger = {**trusted, "authorities": tmp_path / "stranger.pem"}
        for tls in (stranger, {**trusted, "check_host": True}, {**trusted, "key": tmp_path / "record.key"}):
            with sending(OruDestination, **where, tls=tls) as outlet, pytest.raises(UnreachableError):
                outlet.send(make_told(control_id="CTRL0002"))
        with sending(OruDestination, **where) as outlet, pytest.raises(TemporaryError):
            outlet.send(make_told(control_id="CTRL0003"))


def strictly_read(text):
    """Parse a message; this reader takes every OBX-5 for an ST of at most 199 characters, whatever OBX-2 says."""
    text = re.sub(r"(\rOBX\|\d+\|TX\|[^|]*\|\|[^|]{199})[^|]*", r"\1", text)
    message = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT, find_groups=True)
    assert message.validate()
    return message


@pytest.mark.parametrize("edition", [1, 2])
def test_messages_keep_the_strict_structure_of_the_version(make_told, edition):
    later = (
        {"edition": edition, "former_control_id": "CTRL0000", "change": "a | change"} if edition > 1 else {}
    )
    told = make_told(pdf=b"%PDF", standing=CORRECTED, **later)
    strictly_read(oru_r01(told, OruDestination(name="a", host="h", port=1, include_pdf=True)))
    strictly_read(mdm_t02(told, MdmDestination(name="a", kind="mdm", host="h", port=1)))


def test_the_strict_structure_can_be_missed(make_told):
    text = oru_r01(make_told(), OruDestination(name="a", host="h", port=1))
    with pytest.raises(Exception, match=r"OBR|ORU_R01"):
        strictly_read(text.replace("\rOBR|", "\rTXA|"))


@pytest.fixture(scope="module")
def server():
    with a_peer("fhir_server.cjs", "@medplum/fhir-router") as peer, httpx.Client(timeout=60) as client:
        peer.url = f"http://127.0.0.1:{peer.port}/"
        peer.get = lambda path: client.get(peer.url + path).json()
        peer.faults = lambda resource: client.post(f"{peer.url}validate", content=json.dumps(resource)).json()
        yield peer


KINDS = (
    "Patient",
    "Device",
    "ImagingStudy",
    "Observation",
    "DiagnosticReport",
    "DocumentReference",
    "Provenance",
)


def counts(server):
    found = {kind: server.get(f"{kind}?_count=1000&_total=accurate").get("entry", []) for kind in KINDS}
    return {kind: len(entries) for kind, entries in found.items()}


def test_a_validator_finds_nothing_wrong_with_any_resource(server, make_told, refused):
    where = FhirDestination(name="peer", kind="fhir", url=server.url)
    for told in (make_told(pdf=PDF), make_told(refused), make_told(revision=2, former_control_id="X")):
        written = bundle(told, where)
        for entry in written["entry"]:
            assert server.faults(entry["resource"]) == [], entry["resource"]["resourceType"]
    bad = copy.deepcopy(written["entry"][-2]["resource"])
    bad["status"] = "bogus"
    assert server.faults(bad), "the check must be able to fail"


def test_a_report_is_created_once_and_replaced_in_its_place(server, make_told, make_result):
    told = make_told(make_result(mismatch_ratio=None), pdf=PDF)
    with sending(FhirDestination, kind="fhir", url=server.url) as outlet:
        assert outlet.send(told).endswith("0 updated or known")
        first = counts(server)
        assert first["DiagnosticReport"] == first["Patient"] == first["Provenance"] == 1
        assert outlet.send(told).startswith("0 resources created"), "a repeat is harmless"
        assert counts(server) == first
        later = replace(told, edition=2, control_id="CTRL0002", former_control_id="CTRL0001", standing=FINAL)
        later = replace(later, result=make_result(core_ml=50.0), signed=True)
        for _ in range(2):
            outlet.send(later)
        assert counts(server) == {**first, "Provenance": 2}
    (report,) = (entry["resource"] for entry in server.get("DiagnosticReport")["entry"])
    assert report["status"] == "final"
    assert "A physician has signed" in report["conclusion"]
    assert all(one["reference"].startswith("Observation/") for one in report["result"]), "names are resolved"
    (patient,) = (entry["resource"] for entry in server.get("Patient")["entry"])
    assert report["subject"]["reference"] == f"Patient/{patient['id']}"
    assert patient["name"][0]["family"] == "NGUYỄN"
    (core,) = (entry["resource"] for entry in server.get("Observation?code=core-volume")["entry"])
    quantity = {"value": 50, "unit": "mL", "system": SYSTEMS["UCUM"], "code": "mL"}
    assert (core["status"], core["valueQuantity"]) == ("final", quantity)


def test_an_undefined_ratio_is_absent_with_a_reason_and_a_true_zero_is_zero(make_told, make_result):
    written = bundle(
        make_told(make_result(mismatch_ratio=None, cbv_index=0.0)),
        FhirDestination(name="peer", kind="fhir", url="http://a"),
    )
    by_code = {
        entry["resource"]["code"]["coding"][0]["code"]: entry["resource"]
        for entry in written["entry"]
        if entry["resource"]["resourceType"] == "Observation"
    }
    absent = by_code["mismatch-ratio"]
    assert absent["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    assert not [key for key in absent if key.startswith("value")]
    assert by_code["cbv-index"]["valueQuantity"] == {
        "value": 0.0,
        "unit": "1",
        "system": SYSTEMS["UCUM"],
        "code": "1",
    }


def test_what_the_server_refuses_needs_a_person(server, make_told, monkeypatch):
    def spoilt(report, where):
        written = bundle(report, where)
        del written["entry"][3]["resource"]["code"]
        return written

    monkeypatch.setattr("gateway.emr.outlets.bundle", spoilt)
    with (
        sending(FhirDestination, kind="fhir", url=server.url) as outlet,
        pytest.raises(InputError, match="refused"),
    ):
        outlet.send(make_told(case_id="other", control_id="CTRL0009"))
