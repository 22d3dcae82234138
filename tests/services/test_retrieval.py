"""findscu, movescu and getscu against the gateway, Orthanc behind it."""

import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyFind
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet as StudyGet

from benchmarks.running import free_port
from dicom_scp.uids import EXPLICIT_VR
from gateway.config import Config
from gateway.retrieval import archive
from gateway.retrieval.sending import dataset_of
from gateway.retrieval.services import services_of
from tests.services.conftest import NAME, TOOLS, a_house, ct, read
from triage.errors import ConfigError, InputError

STUDY, OTHER, MIXED = "1.2.826.1", "1.2.826.2", "1.2.826.3"
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture(scope="module")
def house(orthanc, tmp_path_factory):
    files = [ct(STUDY, 1, number) for number in (1, 2, 3)]
    files += [
        ct(STUDY, 2, 1, Modality="SR"),
        ct(OTHER, 1, 1, name="Tran^Binh", patient="P2", StudyDate="20230501"),
    ]
    files += [ct(MIXED, 1, 1, syntax=ImplicitVRLittleEndian, patient="P3"), ct(MIXED, 1, 2, patient="P3")]
    files += [ct(MIXED, 1, 3, syntax=RLELossless, patient="P3")]
    for file in files:
        orthanc.client.upload(file)
    peers = [
        {"ae_title": "WS", "may": ["store", "query"]},
        {"ae_title": "CT01", "may": ["store"]},
        {"ae_title": "DEST", "host": "127.0.0.1", "port": free_port()},
        {"ae_title": "DEAD", "host": "127.0.0.1", "port": free_port()},
    ]
    folder = tmp_path_factory.mktemp("house")
    with a_house(folder, orthanc.settings.url, peers, query_retrieve=True) as house:
        yield house


def find(house, tmp_path, *keys, model="-S"):
    """Identifiers that findscu extracted, and what it printed."""
    folder = tmp_path / str(time.monotonic_ns())
    folder.mkdir()
    options = [part for key in keys for part in ("-k", key)]
    done = house.tool("findscu", "-v", model, "-X", "-od", folder, *options, [])
    return [read(path) for path in sorted(folder.glob("rsp*.dcm"))], done.stdout + done.stderr


@pytest.mark.parametrize(
    ("keys", "studies"),
    [
        (["PatientName=NGUYỄN*"], {STUDY, MIXED}),
        (["PatientName=nguyen*"], set()),
        (["PatientName=*binh"], {OTHER}),
        (["PatientName=Tr?n^Binh"], {OTHER}),
        (["PatientID=P2"], {OTHER}),
        (["StudyDate=20230101-20231231"], {OTHER}),
        (["StudyDate=20240101-"], {STUDY, MIXED}),
        (["ModalitiesInStudy=SR"], {STUDY}),
        ([f"StudyInstanceUID={OTHER}\\{MIXED}"], {OTHER, MIXED}),
        (["StudyTime=100000-110000", "AccessionNumber=A*"], {STUDY, OTHER, MIXED}),
        (["StudyDescription=*", "PatientID=P1"], {STUDY}),
        (["PatientID=P9"], set()),
    ],
)
def test_studies_are_found(house, tmp_path, keys, studies):
    returned = () if any(key.startswith("StudyInstanceUID") for key in keys) else ("StudyInstanceUID",)
    found, _ = find(house, tmp_path, "QueryRetrieveLevel=STUDY", *returned, *keys)
    assert {each.StudyInstanceUID for each in found} == studies


def test_an_answer_has_the_keys_that_were_asked_for(house, tmp_path):
    keys = ("PatientName", "PatientID=P1", "StudyInstanceUID", "ModalitiesInStudy", "PatientWeight", "Rows")
    counts = (
        "NumberOfStudyRelatedInstances",
        "NumberOfStudyRelatedSeries",
        "StudyDescription",
        "ReferencedStudySequence",
    )
    (found,), said = find(house, tmp_path, "QueryRetrieveLevel=STUDY", *keys, *counts)
    assert str(found.PatientName) == NAME
    assert (found.SpecificCharacterSet, found.RetrieveAETitle) == ("ISO_IR 192", "STROKEGW")
    assert (found.NumberOfStudyRelatedInstances, found.NumberOfStudyRelatedSeries) == (4, 2)
    assert sorted(found.ModalitiesInStudy) == ["CT", "SR"]
    assert (found.StudyDescription, found.Rows, found.PatientWeight) == ("Sọ não", 16, None)
    assert {e.keyword for e in found} == {
        *(key.split("=")[0] for key in (*keys, *counts)),
        "SpecificCharacterSet", "QueryRetrieveLevel", "RetrieveAETitle",
    }  # fmt: skip
    assert "Success" in said


@pytest.mark.parametrize(
    ("model", "level", "condition", "attribute", "values"),
    [
        ("-P", "PATIENT", "PatientID=*", "PatientID", ["P1", "P2", "P3"]),
        ("-P", "STUDY", "PatientID=P1", "StudyInstanceUID", [STUDY]),
        ("-S", "SERIES", f"StudyInstanceUID={STUDY}", "SeriesInstanceUID", [f"{STUDY}.1", f"{STUDY}.2"]),
        ("-S", "IMAGE", f"SeriesInstanceUID={STUDY}.1", "SOPClassUID", [CT_STORAGE] * 3),
        ("-S", "IMAGE", f"SeriesInstanceUID={STUDY}.2", "NumberOfSeriesRelatedInstances", ["1"]),
    ],
)
def test_every_level_answers(house, tmp_path, model, level, condition, attribute, values):
    extra = [] if condition.startswith(attribute) else [attribute]
    found, _ = find(
        house, tmp_path, f"QueryRetrieveLevel={level}", condition, *extra, "PatientName", model=model
    )
    assert sorted(str(each[attribute].value) for each in found) == values
    assert all(str(each.PatientName) for each in found)


@pytest.mark.parametrize(
    ("keys", "comment"),
    [
        ({"QueryRetrieveLevel": "IMAGE", "SOPInstanceUID": ""}, "must name their study"),
        ({"QueryRetrieveLevel": "PATIENT", "PatientID": ""}, "query level is none of"),
        ({"PatientID": ""}, "query level is none of"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_reason(house, keys, comment):
    ((status, _),) = asked(house, **keys)
    assert status.Status == 0xA900
    assert comment in status.ErrorComment


def test_many_matches_come_in_pages(house, monkeypatch, tmp_path):
    everything, _ = find(
        house, tmp_path, "QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={STUDY}", "SOPInstanceUID"
    )
    monkeypatch.setattr(archive, "PAGE", 2)
    paged, _ = find(
        house, tmp_path, "QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={STUDY}", "SOPInstanceUID"
    )
    assert sorted(each.SOPInstanceUID for each in paged) == sorted(each.SOPInstanceUID for each in everything)
    assert len(everything) == 4


def test_a_key_that_cannot_be_matched_is_said(house):
    answers = asked(house, QueryRetrieveLevel="STUDY", StudyInstanceUID=STUDY, StationName="ROOM1")
    assert [status.Status for status, _ in answers] == [0xFF01, 0x0000]


def asked(house, **keys):
    """Statuses and identifiers of one C-FIND."""
    query = Dataset()
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    with associated(house, build_context(StudyFind)) as association:
        return list(association.send_c_find(query, StudyFind))


@contextmanager
def associated(house, *contexts, **options):
    entity = AE("WS")
    entity.requested_contexts = list(contexts)
    association = entity.associate("127.0.0.1", house.port, ae_title="STROKEGW", **options)
    assert association.is_established
    yield association
    association.release()


def test_who_may_only_store_may_not_query(house):
    entity = AE("CT01")
    entity.add_requested_context(StudyFind)
    association = entity.associate("127.0.0.1", house.port, ae_title="STROKEGW")
    assert not association.is_established


@contextmanager
def a_destination(house, folder, *options):
    port = next(peer.port for peer in house.desk.config.dicom.peers if peer.ae_title == "DEST")
    folder.mkdir()
    command = [TOOLS / "storescp", "-od", folder, "-aet", "DEST", *options, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield folder
    finally:
        process.kill()
        process.wait(10)


def wait_for_port(port):
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


def move(house, destination, *keys):
    options = [part for key in keys for part in ("-k", key)]
    done = house.tool("movescu", "-d", "-S", "-aem", destination, *options, [])
    return done.stdout + done.stderr


def last_counts(printed):
    """Sub-operations that worked and that failed, as the last response says."""
    names = ("Completed Suboperations", "Failed Suboperations")
    said = [[line.split(":")[-1].strip() for line in printed.splitlines() if name in line] for name in names]
    return tuple(values[-1] for values in said if values)


def test_a_study_moves_as_it_is_stored(house, orthanc, tmp_path):
    with a_destination(house, tmp_path / "d", "+xa") as folder:
        said = move(house, "DEST", "QueryRetrieveLevel=STUDY", f"StudyInstanceUID={MIXED}")
        files = [read(path) for path in folder.iterdir()]
    assert last_counts(said) == ("3", "0"), said
    assert {f.file_meta.TransferSyntaxUID for f in files} == {
        EXPLICIT_VR,
        ImplicitVRLittleEndian,
        RLELossless,
    }
    assert {str(f.PatientName) for f in files} == {NAME}


def test_what_a_destination_cannot_take_is_transcoded(house, tmp_path):
    with a_destination(house, tmp_path / "d", "+xi") as folder:
        said = move(
            house,
            "DEST",
            "QueryRetrieveLevel=SERIES",
            f"StudyInstanceUID={MIXED}",
            f"SeriesInstanceUID={MIXED}.1",
        )
        files = [read(path) for path in folder.iterdir()]
    assert last_counts(said) == ("3", "0"), said
    assert {f.file_meta.TransferSyntaxUID for f in files} == {ImplicitVRLittleEndian}
    assert {f.pixel_array.tobytes() for f in files} == {bytes(range(256)) * 2}


@pytest.mark.parametrize(
    ("destination", "keys", "status"),
    [
        ("NOBODY", ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={STUDY}"], "0xa801"),
        ("DEAD", ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={STUDY}"], "0xa702"),
        ("DEST", ["QueryRetrieveLevel=SERIES", f"StudyInstanceUID={STUDY}"], "0xa900"),
        ("DEST", ["QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.*"], "0xa900"),
        ("DEST", ["QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.3.4"], "0x0000"),
    ],
)
def test_a_move_ends_with_the_status_that_says_why(house, destination, keys, status):
    assert status in move(house, destination, *keys).lower()


def get(house, folder, *arguments):
    folder.mkdir()
    done = house.tool("getscu", "-d", "-S", "-od", folder, *arguments, [])
    return done.stdout + done.stderr, [read(path) for path in folder.iterdir()]


def test_a_study_is_got_on_the_same_association(house, tmp_path):
    keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={MIXED}")
    said, files = get(house, tmp_path / "g", *keys)
    assert last_counts(said) == ("3", "0"), said
    assert {f.SOPInstanceUID for f in files} == {f"{MIXED}.1.{number}" for number in (1, 2, 3)}
    assert {f.pixel_array.tobytes() for f in files} == {bytes(range(256)) * 2}


@pytest.fixture
def silent_archive():
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_an_archive_that_is_away_is_told_in_time(tmp_path, silent_archive, monkeypatch, capsys, caplog):
    assert archive.CONNECT_S + archive.READ_S < 10
    monkeypatch.setattr(archive, "READ_S", 1.0)
    peers = [
        {"ae_title": "WS", "may": ["store", "query"]},
        {"ae_title": "DEST", "host": "127.0.0.1", "port": 1},
    ]
    for number, url in enumerate((f"http://127.0.0.1:{free_port()}", silent_archive)):
        with a_house(tmp_path / str(number), url, peers, query_retrieve=True) as house:
            _, printed = find(house, tmp_path, "QueryRetrieveLevel=STUDY", "PatientName=CANARY")
            assert "Refused: OutOfResources" in printed, printed
            said = move(house, "DEST", "QueryRetrieveLevel=STUDY", f"StudyInstanceUID={STUDY}")
            assert "0xa700" in said.lower()
    logged = capsys.readouterr().out + caplog.text  # other tests of the same run may have configured the log
    assert "a query cannot be answered" in logged
    assert "CANARY" not in logged


def test_a_retrieval_can_be_cancelled(house):
    received = []

    def take(event):
        received.append(event.request.AffectedSOPInstanceUID)
        event.assoc.send_c_cancel(1, query_model=StudyGet)
        return 0x0000

    wanted = Dataset()
    wanted.QueryRetrieveLevel, wanted.StudyInstanceUID = "STUDY", STUDY
    options = {
        "ext_neg": [build_role(CTImageStorage, scp_role=True)],
        "evt_handlers": [(evt.EVT_C_STORE, take)],
    }
    with associated(house, build_context(StudyGet), build_context(CTImageStorage), **options) as association:
        *_, (last, _) = association.send_c_get(wanted, StudyGet)
    assert (last.Status, len(received)) == (0xFE00, 1)
    assert (last.NumberOfRemainingSuboperations, last.NumberOfCompletedSuboperations) == (3, 1)


def test_a_large_object_passes_in_pieces(house, orthanc, tmp_path):
    """The process's memory does not grow with an object of 48 MiB."""
    size = 48 << 20
    big = ct("1.2.826.9", 1, 1, Rows=4096, Columns=6144, PixelData=bytes(size))
    orthanc.client.upload(big)
    del big
    with a_destination(house, tmp_path / "d") as folder:
        peak = Watch()
        said = move(house, "DEST", "QueryRetrieveLevel=STUDY", "StudyInstanceUID=1.2.826.9")
        grown = peak.stop()
        assert last_counts(said) == ("1", "0"), said
        assert sum(path.stat().st_size for path in folder.iterdir()) > size
    assert grown < size / 3


class Watch:
    """How far resident memory rises while something happens."""

    def __init__(self):
        self.begun = self.most = self._now()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()

    @staticmethod
    def _now():
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096

    def _look(self):
        while not self.over.wait(0.005):
            self.most = max(self.most, self._now())

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.most - self.begun


@pytest.mark.parametrize(
    ("dicom", "orthanc_url", "word"),
    [
        ({"peers": [{"ae_title": "WS", "may": ["query"]}]}, "", "orthanc.url"),
        ({}, "http://127.0.0.1:1", "nobody may query"),
    ],
)
def test_a_configuration_that_cannot_work_stops_the_start(dicom, orthanc_url, word):
    tables = {"dicom": {"query_retrieve": True, **dicom}, "orthanc": {"url": orthanc_url}}
    with pytest.raises(ConfigError, match=word):
        services_of(Config.model_validate(tables))


def test_it_is_off_by_default():
    assert services_of(Config()) == []


@pytest.mark.parametrize("size", [1, 7, 131, 133, 5000])
def test_a_dataset_begins_where_the_meta_information_ends(size):
    file = ct(STUDY, 1, 1)
    pieces = iter([file[start : start + size] for start in range(0, len(file), size)])
    whole = b"".join(dataset_of(pieces, EXPLICIT_VR))
    assert file.endswith(whole)
    assert whole[:4] == b"\x08\x00\x05\x00"
    with pytest.raises(InputError):
        dataset_of(iter([file]), ImplicitVRLittleEndian)
    with pytest.raises(InputError):
        dataset_of(iter([b"nothing"]), EXPLICIT_VR)
