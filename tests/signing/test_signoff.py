"""A physician signs off: one signature, one set of bytes, for archive, record and page alike; and never twice."""

import base64
import hashlib
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from gateway.emr.settings import Emr
from gateway.jobs import render, sign_off
from gateway.jobs.orders import OBJECTS, SIGNED, RenderOrder, SignOffOrder
from gateway.ledger.records import DeliveryKind, DeliveryState
from gateway.signing import asking, documents, signoff
from gateway.signing.documents import PUBLISHED, SIGNED_OFF, Level
from gateway.signing.settings import Signing
from gateway.signing.signoff import Statement
from tests.gateway.house import a_house
from tests.viewer_bridge.conftest import RunningOrthanc
from tests.viewer_bridge.test_standard import complaints
from triage.errors import InputError
from viewer_bridge.objects.uids import Role, result_uid

SAID = Statement(1, "BS. Nguyễn Văn Đức", "Bác sĩ chẩn đoán hình ảnh", "Đồng ý với kết quả.")
STUDY = "2.25.20261123"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RunningOrthanc(tmp_path_factory.mktemp("orthanc"))
    yield server
    server.stop()


def in_this_process(_command, text, *_):
    """The jobs of the tests run here; the signer is a child all the same."""
    plain = json.loads(text)
    job, order = (sign_off, SignOffOrder) if "physician" in plain else (render, RenderOrder)
    job.run(order(**plain))


def blank_pages(*_):
    """Pages are looked at elsewhere."""
    return {"summary": np.zeros((16, 16, 3), np.uint8)}


@pytest.fixture
def house(tmp_path, server, complete, here, monkeypatch):
    monkeypatch.setattr("gateway.steps.drawing.run_to_end", in_this_process)
    monkeypatch.setattr(render, "drawn_pages", blank_pages)
    monkeypatch.setattr(render, "draw_tiles", lambda *_: None)
    client = server.client()
    if name := client.study_id(STUDY):
        client._pool.request("DELETE", f"{client._root}/studies/{name}")
    with a_house(tmp_path, client, STUDY) as house:
        (record,) = house.desk.config.emr.destinations
        emr = Emr(destinations=(record.model_copy(update={"include_pdf": True}),))
        _set(house, signing=Signing(**complete), emr=emr)
        house.conclude(house.whole)
        yield house
    client.close()


def _set(house, **tables):
    house.desk = replace(house.desk, config=house.desk.config.model_copy(update=tables))


def say(house, said=SAID):
    case = house.case
    folder = house.desk.folder(case.id, case.revision)
    return signoff.sign_off(house.desk.ledger, house.engine, case, folder, said, lambda: datetime.now(UTC))


def folder_of(house):
    return house.desk.folder(house.case.id, house.case.revision)


def encapsulated(path: Path) -> bytes:
    ds = dcmread(path)
    return ds.EncapsulatedDocument[: ds.EncapsulatedDocumentLength]


def document_in(folder: Path) -> bytes:
    (pdf,) = [encapsulated(p) for p in sorted(folder.glob("*.dcm")) if "EncapsulatedDocument" in dcmread(p)]
    return pdf


def letters(house):
    return [message for message in house.emr.messages if "ORU" in message.splitlines()[0]]


def attached(message: str) -> bytes:
    (field,) = [
        line.split("|")[5] for line in message.split("\r") if line.startswith("OBX") and "|ED|" in line
    ]
    return base64.b64decode(field.split("^")[-1])


def status_of(message: str) -> str:
    """OBR-25: preliminary, final or corrected."""
    (line,) = [line for line in message.split("\r") if line.startswith("OBR")]
    return line.split("|")[25]


def delivery(house, kind=DeliveryKind.SIGNOFF):
    (found,) = [one for one in house.desk.ledger.deliveries.of_case(house.case.id) if one.kind is kind]
    return found


def test_from_result_to_signed_result(house, server, pdfsig):
    with pytest.raises(InputError, match="not drawn yet"):
        say(house)
    assert all(house.deliver("publish").values())
    published = documents.newest(folder_of(house))
    assert published.seal.level is Level.LONG
    assert document_in(folder_of(house) / OBJECTS) == published.pdf
    house.deliver("emr")

    signed = say(house)
    assert say(house) == signed, "the same again changes nothing"
    with pytest.raises(InputError, match="signed off already"):
        say(house, replace(SAID, physician="Somebody else"))
    assert all(house.deliver("signoff").values())
    assert delivery(house).state is DeliveryState.DELIVERED, delivery(house).detail
    final = documents.newest(folder_of(house))
    assert (final.number, final.pdf[: len(published.pdf)]) == (SIGNED_OFF, published.pdf)
    assert sum("is Valid" in line for line in pdfsig(final.pdf)) == 2
    assert document_in(folder_of(house) / SIGNED) == final.pdf
    assert documents.report_of(house.desk.config.cases_dir, house.case.id, 1) == final.pdf
    _is_verified(house)
    _is_in_the_archive(house, server)
    house.deliver("emr")
    first, last = letters(house)
    assert (attached(first), status_of(first)) == (published.pdf, "P")
    assert (attached(last), status_of(last)) == (final.pdf, "F")


def _is_verified(house):
    objects = {
        str(ds.SOPClassUID.name): (ds, path)
        for path in sorted((folder_of(house) / SIGNED).glob("*.dcm"))
        for ds in [dcmread(path)]
    }
    assert len(objects) == 2
    for _, path in objects.values():
        assert complaints(path) == []
    report, _ = objects["Comprehensive 3D SR Storage"]
    assert (report.CompletionFlag, report.VerificationFlag, report.PreliminaryFlag) == (
        "COMPLETE",
        "VERIFIED",
        "FINAL",
    )
    (observer,) = report.VerifyingObserverSequence
    assert str(observer.VerifyingObserverName) == f"{SAID.physician}^"
    ((series,),) = [study.ReferencedSeriesSequence for study in report.PredecessorDocumentsSequence]
    (former,) = series.ReferencedSOPSequence
    assert former.ReferencedSOPInstanceUID == result_uid(f"{STUDY}.4", Role.MEASUREMENTS, 1, 1)
    words = json.dumps(report.to_json_dict(), ensure_ascii=False)
    assert SAID.remark in words
    assert "stated at the sign-off" in words
    pdf, _ = objects["Encapsulated PDF Storage"]
    assert pdf.VerificationFlag == "VERIFIED"


def _is_in_the_archive(house, server):
    client = server.client()
    try:
        for path in (folder_of(house) / SIGNED).glob("*.dcm"):
            name = client.instance_id(str(dcmread(path, stop_before_pixels=True).SOPInstanceUID))
            assert client.md5(name) == hashlib.md5(path.read_bytes()).hexdigest()
    finally:
        client.close()


def test_a_kill_after_signing_leaves_one_signature(house, monkeypatch):
    """Objects that were never written are made again around the bytes that are kept."""
    house.deliver("publish")
    first = documents.newest(folder_of(house)).pdf
    shutil.rmtree(folder_of(house) / OBJECTS)
    _deliver_without_signing(house, monkeypatch, "publish")
    assert document_in(folder_of(house) / OBJECTS) == first
    assert delivery(house, DeliveryKind.PUBLISH).state is DeliveryState.DELIVERED

    say(house)
    house.deliver("signoff")
    final = documents.newest(folder_of(house)).pdf
    objects = {p.name: p.read_bytes() for p in (folder_of(house) / SIGNED).iterdir()}
    shutil.rmtree(folder_of(house) / SIGNED)
    _deliver_without_signing(house, monkeypatch, "signoff")
    assert documents.newest(folder_of(house)).pdf == final
    assert {p.name: p.read_bytes() for p in (folder_of(house) / SIGNED).iterdir()} == objects
    assert delivery(house).state is DeliveryState.DELIVERED
    _a_later_revision_is_unsigned_again(house)


def _deliver_without_signing(house, monkeypatch, kind):
    """As after a restart: the run goes on, and whoever would sign again fails."""
    house.engine.over.clear()
    with monkeypatch.context() as after:
        for name in ("sealed", "approved"):
            after.setattr(asking, name, lambda *_: pytest.fail("signed a second time"))
        house.deliver(kind)


def _a_later_revision_is_unsigned_again(house):
    """It follows the verified report, and rejects it with everything else."""
    house.late_images()
    house.conclude(house.changed(core_ml=40.0))
    assert all(house.deliver("publish").values())
    ledger, case = house.desk.ledger, house.case
    assert ledger.signoffs.of(case.id, 2) is None
    assert documents.newest(folder_of(house)).number == PUBLISHED
    with pytest.raises(InputError, match="revision 1 was read, but revision 2"):
        say(house)
    verified = result_uid(f"{STUDY}.4", Role.VERIFIED, 1, 1)
    new = [dcmread(path) for path in (folder_of(house) / OBJECTS).glob("*.dcm")]
    (report,) = [ds for ds in new if ds.Modality == "SR"]
    assert verified in report.PredecessorDocumentsSequence[0].to_json()
    (rejection,) = [ds for ds in new if ds.Modality == "KO" and verified in ds.to_json()]
    assert rejection.SeriesInstanceUID == result_uid(f"{STUDY}.4", Role.SUPERSEDED, 2)


def test_a_sign_off_waits_for_its_key_and_does_without_where_there_is_none(house, monkeypatch, pdfsig):
    _set(house, signing=Signing())
    house.deliver("publish")
    assert documents.newest(folder_of(house)).seal.remarks == ("no key is configured",)
    say(house)
    _set(house, signing=Signing(pkcs12=Path("/nowhere")))
    monkeypatch.setattr("gateway.steps.drawing.run_to_end", _as_a_child)
    assert not any(house.deliver("signoff").values())
    assert delivery(house).state is DeliveryState.RETRYING
    assert "/nowhere cannot be read" in delivery(house).detail
    _set(house, signing=Signing())
    monkeypatch.setattr("gateway.steps.drawing.run_to_end", in_this_process)
    assert all(house.deliver("signoff").values())
    final = documents.newest(folder_of(house))
    assert (final.number, final.seal.level) == (SIGNED_OFF, Level.NONE)
    assert pdfsig(final.pdf) == []


def _as_a_child(command, text, *_):
    subprocess.run(command, input=text.encode(), check=True, capture_output=True, timeout=120)
