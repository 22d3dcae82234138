"""Storing in a real Orthanc: once, unchanged, and with an error that says whether to try again."""

import http.server
import io
import json
import socket
import stat
import threading
from dataclasses import replace

import pydicom
import pytest

from triage.errors import ConfigError, InputError, TemporaryError
from viewer_bridge.archive.orthanc import Orthanc, Stored
from viewer_bridge.archive.private_orthanc import PROGRAM, USER, PrivateOrthanc
from viewer_bridge.objects.results import file_bytes, result_objects
from viewer_bridge.objects.uids import Role, result_uid

STUDY_UID, SERIES_UID = "2.25.130", "2.25.230"


@pytest.fixture(scope="module")
def objects(build, build_source):
    case = build((4, 64, 64))
    result = replace(case.result, study_uid=STUDY_UID, series_uid=SERIES_UID)
    source = build_source(StudyInstanceUID=STUDY_UID, SeriesInstanceUID=SERIES_UID)
    return result_objects(replace(case, result=result), source, revision=1, software_version="0.1.0")


def test_storing_twice_leaves_one_object(orthanc, objects):
    dicom = file_bytes(objects[0])
    first, second = orthanc.upload(dicom), orthanc.upload(dicom)
    assert (first.status, second.status) == (Stored.NEW, Stored.ALREADY)
    assert first.orthanc_id == second.orthanc_id
    assert orthanc.instance_count(objects[0].SeriesInstanceUID) == 1


def test_every_object_is_stored_found_and_unchanged(orthanc, objects):
    for ds in objects:
        assert orthanc.upload(file_bytes(ds)).status in Stored
    for ds in objects:
        assert orthanc.has_instance(ds.SOPInstanceUID)
        assert orthanc.file(ds.SOPInstanceUID) == file_bytes(ds)
    assert orthanc.series_of(STUDY_UID) == sorted({str(ds.SeriesInstanceUID) for ds in objects})
    assert orthanc.instance_count(result_uid(SERIES_UID, Role.REFERENCE, 1)) == 4
    assert orthanc.study_id(STUDY_UID)


def test_a_vietnamese_name_survives_the_archive(orthanc, objects):
    orthanc.upload(file_bytes(objects[-1]))
    stored = pydicom.dcmread(io.BytesIO(orthanc.file(objects[-1].SOPInstanceUID)))
    assert str(stored.PatientName) == "NGUYỄN^VĂN ĐỨC"
    assert stored.StudyDescription == "CT tưới máu não"


def test_what_is_not_there_is_not_found(orthanc):
    assert not orthanc.has_instance("2.25.1")
    assert orthanc.series_of("2.25.1") == []
    assert orthanc.instance_count("2.25.1") == 0
    assert orthanc.study_id("2.25.1") is None
    with pytest.raises(InputError, match="no instance"):
        orthanc.file("2.25.1")


def test_a_refused_object_is_an_input_error(orthanc):
    with pytest.raises(InputError, match="400"):
        orthanc.upload(b"this is not DICOM")


def test_only_uids_enter_a_query(orthanc):
    with pytest.raises(InputError, match="not a DICOM UID"):
        orthanc.series_of("*")


def test_wrong_credentials_are_a_configuration_error(orthanc_server, objects):
    stranger = Orthanc(orthanc_server.settings.url, USER, "wrong")
    with pytest.raises(ConfigError, match="401"):
        stranger.upload(file_bytes(objects[0]))
    assert not stranger.is_alive()
    stranger.close()


def test_an_absent_orthanc_is_temporary_and_its_return_is_noticed(orthanc_server, orthanc, objects):
    assert orthanc.is_alive()
    orthanc_server.stop()
    try:
        assert not orthanc.is_alive()
        with pytest.raises(TemporaryError, match="does not answer"):
            orthanc.upload(file_bytes(objects[0]))
    finally:
        orthanc_server.launch()
    assert orthanc.is_alive()
    orthanc.upload(file_bytes(objects[0]))
    assert orthanc.has_instance(objects[0].SOPInstanceUID)


class Failing(http.server.BaseHTTPRequestHandler):
    """An Orthanc with a full disk."""

    status = 507

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(json.dumps({"Message": "No space left"}).encode())

    def log_message(self, *_):
        """Stay quiet."""


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, TemporaryError),
        (507, TemporaryError),
        (409, TemporaryError),
        (413, InputError),
        (403, ConfigError),
    ],
)
def test_the_status_decides_whether_to_try_again(status, error):
    handler = type("Handler", (Failing,), {"status": status})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        client = Orthanc(f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(error, match=rf"{status} No space left"):
            client.upload(b"x")
        client.close()
        server.shutdown()
        thread.join()


def test_an_answer_that_breaks_off_is_temporary():
    """An archive that dies while it answers; the client library returns nothing then."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def die_while_answering():
            connection, _ = door.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n[{")

        dying = threading.Thread(target=die_while_answering)
        dying.start()
        with pytest.raises(TemporaryError, match="broke off"):
            Orthanc(f"http://127.0.0.1:{door.getsockname()[1]}").has_instance("1.2.3")
        dying.join()


def test_the_configuration_is_for_its_owner_only_and_for_loopback(orthanc_server):
    path = orthanc_server.settings.directory / "orthanc.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    settings = json.loads(path.read_text())
    assert settings["RemoteAccessAllowed"] is False
    assert settings["AuthenticationEnabled"] is True
    assert settings["DefaultEncoding"] == "Utf8"
    assert settings["DicomServerEnabled"] is False
    assert settings["MaximumStorageSize"] == 0
    assert not any("Gdcm" in plugin for plugin in settings["Plugins"])
    assert orthanc_server.password not in repr(orthanc_server.settings)


def test_the_receiver_answers_at_once(orthanc_server):
    assert orthanc_server.settings.prepare().env["TCP_NODELAY"] == "1"


@pytest.mark.parametrize(("missing", "package"), [("program", "orthanc"), ("plugin", "orthanc-dicomweb")])
def test_a_missing_package_is_named(tmp_path, missing, package):
    present = tmp_path / "present"
    present.touch()
    paths = {"program": present, "plugin": present, missing: tmp_path / "absent"}
    with pytest.raises(ConfigError, match=f"package {package}, or"):
        PrivateOrthanc(tmp_path, 1, **paths).prepare()


def test_waiting_for_an_orthanc_that_never_starts_ends():
    with pytest.raises(TemporaryError, match="does not answer after"):
        PrivateOrthanc(PROGRAM.parent, 9).wait_until_ready(limit_s=0.2)
