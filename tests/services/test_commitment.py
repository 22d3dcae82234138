"""Storage commitment: Orthanc and pynetdicom ask, and only what was read again just now is committed."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
import urllib3
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage, generate_uid
from pynetdicom import AE, build_context, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from benchmarks.running import free_port, toml
from dicom_scp.commitment import Failure, Reference, Request
from dicom_scp.file_meta import FileMeta
from gateway.commitment import reporting, requests
from gateway.commitment.reporting import attempt_commitment, give_up_commitment
from gateway.commitment.verdicts import failure
from gateway.config import Config
from gateway.ledger.commitments import Commitments, CommitmentState, commitment_id_of
from gateway.ledger.records import Cause
from gateway.listener import services_of_site
from tests.gateway.shelf import CT, EXPLICIT, Archive, a_shelf, dataset
from tests.services.conftest import a_house, ct
from triage.errors import TemporaryError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def shelf(tmp_path):
    with a_shelf(tmp_path, Archive()) as shelf:
        yield shelf


def judged(shelf, uid, sop_class=CT):
    return failure(shelf.desk, Reference(sop_class, uid))


def test_what_was_received_is_committed_and_nothing_else(shelf):
    shelf.receive("1.2.1")
    assert judged(shelf, "1.2.1") is None
    assert judged(shelf, "1.2.2") is Failure.NO_SUCH_OBJECT
    assert judged(shelf, "1.2.1", MRImageStorage) is Failure.CLASS_INSTANCE_CONFLICT


@pytest.mark.parametrize("bit", [8 * 200, -9])
def test_a_flipped_bit_is_no_commitment(shelf, bit):
    key = shelf.receive("1.2.1")
    shelf.flip(key, bit)
    assert judged(shelf, "1.2.1") is Failure.PROCESSING_FAILURE


def test_a_file_that_is_gone_cut_or_longer_is_no_commitment(shelf):
    key = shelf.receive("1.2.1")
    whole = shelf.file(key).read_bytes()
    for other in (whole[:-1], whole + b"\0", b""):
        shelf.file(key).write_bytes(other)
        assert judged(shelf, "1.2.1") is Failure.PROCESSING_FAILURE
    shelf.file(key).unlink()
    assert judged(shelf, "1.2.1") is Failure.PROCESSING_FAILURE


def test_what_is_kept_but_cannot_be_retrieved_is_no_commitment(shelf):
    key = shelf.receive("1.2.1")
    shelf.holdings.quarantine(key, Cause.STRUCTURE, "too deep")
    assert judged(shelf, "1.2.1") is Failure.PROCESSING_FAILURE
    shelf.holdings.forward_again([key])
    shelf.desk.ledger.arrivals.mark_refused(key, "no")
    assert judged(shelf, "1.2.1") is Failure.PROCESSING_FAILURE


def test_different_bytes_under_one_uid_must_all_be_right(shelf):
    shelf.receive("1.2.1")
    second = shelf.receive("1.2.1", study="1.2.9")
    assert judged(shelf, "1.2.1") is None
    shelf.flip(second, -9)
    assert judged(shelf, "1.2.1") is Failure.PROCESSING_FAILURE


def test_what_left_the_spool_is_read_from_the_archive(shelf):
    key = shelf.receive("1.2.1")
    shelf.desk.orthanc.upload(shelf.file(key).read_bytes())
    shelf.holdings.forwarded({key: "1.2.1"}, NOW)
    shelf.holdings.saw_again([key], NOW)
    shelf.holdings.archived([key])
    shelf.file(key).unlink()
    assert judged(shelf, "1.2.1") is None
    shelf.desk.orthanc.alive = False
    with pytest.raises(TemporaryError):
        judged(shelf, "1.2.1")
    shelf.desk.orthanc.alive = True
    shelf.desk.orthanc.files["1.2.1"] = FileMeta(CT, "1.2.1", EXPLICIT).encode() + dataset(
        "1.2.1", patient=b"P2"
    )
    assert judged(shelf, "1.2.1") is Failure.PROCESSING_FAILURE


def test_who_cannot_be_called_is_retried_and_given_up_visibly(shelf):
    ledger, key = shelf.desk.ledger.commitments, commitment_id_of("CT01", "1.2.3")
    assert ledger.ask("CT01", Request("1.2.3", (Reference(CT, "1.2.1"),)), NOW, NOW)
    assert not attempt_commitment(shelf.desk, key)
    known = ledger.get(key)
    assert known.state is CommitmentState.JUDGED
    assert "CT01 has no host and port" in known.detail
    give_up_commitment(shelf.desk, key)
    assert ledger.counts() == {"given_up": 1}
    assert "host and port" in ledger.get(key).detail
    assert ledger.unfinished() == []


def test_a_report_that_comes_late_is_about_the_bytes_of_then(shelf, monkeypatch):
    arrival = shelf.receive("1.2.1")
    ledger, key = shelf.desk.ledger.commitments, commitment_id_of("CT01", "1.2.3")
    ledger.ask("CT01", Request("1.2.3", (Reference(CT, "1.2.1"),)), NOW, NOW)
    attempt_commitment(shelf.desk, key)
    shelf.flip(arrival, -9)
    attempt_commitment(shelf.desk, key)
    assert ledger.get(key).failures == {}
    monkeypatch.setattr(reporting, "STALE", timedelta(0))
    attempt_commitment(shelf.desk, key)
    assert ledger.get(key).failures == {"0": Failure.PROCESSING_FAILURE}


def test_an_association_that_waits_keeps_its_report(orthanc, tmp_path, peer_port, monkeypatch):
    """The worker is late: the hold is renewed, and the report still goes where the peer waits."""
    monkeypatch.setattr(requests, "HOLD", timedelta(seconds=0.8))
    peers = [{"ae_title": "CT01", "may": ["commit"]}]
    with a_house(tmp_path / "data", orthanc.settings.url, peers, storage_commitment=True) as house:
        modality = Modality(house)
        association = modality.associate()
        assert ask(association, wanted((CTImageStorage, "1.2.3"))) == 0
        time.sleep(1.2)
        working = Working(house.desk)
        assert modality.heard.wait(10)
        association.release()
        working.stop()
        assert house.desk.ledger.commitments.counts() == {"reported": 1}


def test_nothing_is_reported_while_the_request_holds_its_association(shelf):
    ledger, key = shelf.desk.ledger.commitments, commitment_id_of("CT01", "1.2.3")
    now = datetime.now(UTC)
    ledger.ask("CT01", Request("1.2.3", (Reference(CT, "1.2.1"),)), now, now + timedelta(seconds=0.6))
    begun = time.monotonic()
    attempt_commitment(shelf.desk, key)
    assert time.monotonic() - begun > 0.5


class Working(Thread):
    """What a worker does with requests, without its engine."""

    def __init__(self, desk):
        super().__init__(daemon=True)
        self.desk, self.over = desk, Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            for key in self.desk.ledger.commitments.unfinished():
                attempt_commitment(self.desk, key)

    def stop(self):
        self.over.set()
        self.join(10)


@pytest.fixture
def peer_port():
    return free_port()


@pytest.fixture
def house(orthanc, tmp_path, peer_port):
    peers = [
        {"ae_title": "CT01", "may": ["store", "commit"], "host": "127.0.0.1", "port": peer_port},
        {
            "ae_title": "ORTHANC",
            "may": ["store", "commit"],
            "host": "127.0.0.1",
            "port": orthanc.settings.dicom_port,
        },
        {"ae_title": "WS", "may": ["store"]},
    ]
    with a_house(tmp_path / "data", orthanc.settings.url, peers, storage_commitment=True) as house:
        working = Working(house.desk)
        yield house
        working.stop()


def store(house, tmp_path, *files):
    paths = []
    for number, file in enumerate(files):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(file)
        paths.append(path)
    done = house.tool("storescu", paths)
    assert done.returncode == 0, done.stderr


class Modality:
    """A scanner that asks for commitment, and hears the report on its own association or on a port."""

    def __init__(self, house):
        self.house, self.reports, self.heard = house, [], Event()
        self.entity = AE("CT01")
        self.entity.requested_contexts = [build_context(StorageCommitmentPushModel)]
        self.handlers = [(evt.EVT_N_EVENT_REPORT, self._hear)]

    def _hear(self, event):
        self.reports.append((event.event_type, event.event_information, event.assoc.is_requestor))
        self.heard.set()
        return 0x0000, None

    def associate(self):
        return self.entity.associate(
            "127.0.0.1", self.house.port, ae_title="STROKEGW", evt_handlers=self.handlers
        )

    def listen(self, port):
        self.entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        return self.entity.start_server(("127.0.0.1", port), block=False, evt_handlers=self.handlers)


def wanted(*references, transaction=None):
    data = Dataset()
    data.TransactionUID = transaction or generate_uid()
    data.ReferencedSOPSequence = []
    for sop_class, uid in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        data.ReferencedSOPSequence.append(item)
    return data


def ask(association, data, instance=StorageCommitmentPushModelInstance, action=1):
    status, _ = association.send_n_action(data, action, StorageCommitmentPushModel, instance)
    return status.Status


def test_the_report_comes_on_the_same_association_while_it_stays_open(house, tmp_path):
    store(house, tmp_path, ct("1.2.5", 1, 1))
    modality = Modality(house)
    association = modality.associate()
    data = wanted((CTImageStorage, "1.2.5.1.1"), (CTImageStorage, "1.2.5.1.2"), (MRImageStorage, "1.2.5.1.1"))
    assert ask(association, data) == 0
    assert modality.heard.wait(10)
    association.release()
    ((kind, information, on_own),) = modality.reports
    assert (kind, on_own, information.TransactionUID) == (2, True, data.TransactionUID)
    assert [item.ReferencedSOPInstanceUID for item in information.ReferencedSOPSequence] == ["1.2.5.1.1"]
    assert [item.FailureReason for item in information.FailedSOPSequence] == [0x0112, 0x0119]
    assert house.desk.ledger.commitments.counts() == {"reported": 1}
    assert association.is_released


def test_a_closed_association_is_answered_on_a_new_one_once_the_peer_listens(house, tmp_path, peer_port):
    store(house, tmp_path, ct("1.2.6", 1, 1))
    modality = Modality(house)
    association = modality.associate()
    assert ask(association, wanted((CTImageStorage, "1.2.6.1.1"))) == 0
    association.release()
    assert association.is_released
    time.sleep(0.6)
    (known,) = map(house.desk.ledger.commitments.get, house.desk.ledger.commitments.unfinished())
    assert "CT01 cannot be reached" in known.detail
    server = modality.listen(peer_port)
    try:
        assert modality.heard.wait(10)
    finally:
        server.shutdown()
    ((kind, information, on_own),) = modality.reports
    assert (kind, on_own) == (1, False)
    assert len(information.ReferencedSOPSequence) == 1


def test_a_request_that_is_wrong_is_refused_with_the_status_that_says_why(house):
    association = Modality(house).associate()
    reference = (CTImageStorage, "1.2.7.1.1")
    assert ask(association, wanted(reference), instance="1.2.3") == 0x0112
    assert ask(association, wanted(reference), action=2) == 0x0123
    assert ask(association, wanted()) == 0x0115
    assert house.desk.ledger.commitments.unfinished() == []
    association.release()


def test_what_cannot_be_recorded_is_not_accepted(house, monkeypatch):
    def fail(*_):
        raise TemporaryError("the disk is full")

    monkeypatch.setattr(Commitments, "ask", fail)
    association = Modality(house).associate()
    assert ask(association, wanted((CTImageStorage, "1.2.7.1.1"))) == 0x0110
    association.release()


def test_a_transaction_uid_is_used_once(house):
    modality = Modality(house)
    first, second = modality.associate(), modality.associate()
    transaction = generate_uid()
    data = wanted((CTImageStorage, "1.2.8.1.1"), transaction=transaction)
    assert ask(first, data) == 0
    assert ask(second, wanted((CTImageStorage, "1.2.8.1.2"), transaction=transaction)) == 0x0131
    assert modality.heard.wait(10)
    time.sleep(0.2)
    assert ask(second, data) == 0x0131
    first.release()
    second.release()
    assert len(modality.reports) == 1


def test_who_may_not_commit_is_not_accepted(house):
    entity = AE("WS")
    entity.add_requested_context(StorageCommitmentPushModel)
    assert not entity.associate("127.0.0.1", house.port, ae_title="STROKEGW").is_established


def test_it_is_off_by_default(house):
    assert services_of_site(Config(), house.desk.ledger) == []


def rest(orthanc, method, path, body=None):
    answer = urllib3.request(method, orthanc.settings.url + path, body=body and json.dumps(body))
    assert answer.status == 200, answer.data
    return json.loads(answer.data) if answer.data else None


def by_orthanc(orthanc, port, *uids):
    """Let Orthanc ask for commitment; returns where it notes the report."""
    rest(orthanc, "PUT", "/modalities/gateway", {"AET": "STROKEGW", "Host": "127.0.0.1", "Port": port})
    instances = [{"SOPClassUID": CTImageStorage, "SOPInstanceUID": uid} for uid in uids]
    return rest(orthanc, "POST", "/modalities/gateway/storage-commitment", {"DicomInstances": instances})[
        "Path"
    ]


def report_at(orthanc, path, within_s=20.0):
    deadline = time.monotonic() + within_s
    while (report := rest(orthanc, "GET", path))["Status"] == "Pending" and time.monotonic() < deadline:
        time.sleep(0.05)
    return report


def test_orthanc_asks_and_learns_what_is_damaged_and_what_unknown(orthanc, house, tmp_path):
    store(house, tmp_path, ct("1.2.9", 1, 1), ct("1.2.9", 1, 2))
    arrivals = house.desk.ledger.commitments.arrivals_of("1.2.9.1.2")
    path = house.desk.spooled(house.desk.ledger.holdings.get(arrivals[0]).path)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    uids = ("1.2.9.1.1", "1.2.9.1.2", "1.2.9.1.3")
    report = report_at(orthanc, by_orthanc(orthanc, house.port, *uids))
    assert report["Status"] == "Failure"
    assert [item["SOPInstanceUID"] for item in report["Success"]] == [uids[0]]
    assert {item["SOPInstanceUID"]: item["FailureReason"] for item in report["Failures"]} == {
        uids[1]: 0x0110,
        uids[2]: 0x0112,
    }
    good = report_at(orthanc, by_orthanc(orthanc, house.port, uids[0]))
    assert (good["Status"], good["RemoteAET"]) == ("Success", "STROKEGW")


def start(command, folder, ready):
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli", command, "--config", folder / "gateway.toml"],
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if ready in line:
            break
    return process


def test_a_kill_between_answer_and_report_loses_no_report(orthanc, tmp_path):
    port = free_port()
    peer = {
        "ae_title": "ORTHANC",
        "may": ["store", "commit"],
        "host": "127.0.0.1",
        "port": orthanc.settings.dicom_port,
    }
    tables = {
        "site": {"data_dir": str(tmp_path / "data")},
        "orthanc": {"url": orthanc.settings.url},
        "dicom": {
            "host": "127.0.0.1",
            "port": port,
            "free_bytes_floor": 0,
            "peers": [peer],
            "storage_commitment": True,
        },
    }
    (tmp_path / "gateway.toml").write_text(toml(tables), "utf-8")
    listener = start("listener", tmp_path, "listener ready")
    worker = None
    try:
        path = by_orthanc(orthanc, port, "1.2.3.4")
        os.kill(listener.pid, signal.SIGKILL)
        listener.wait(10)
        assert rest(orthanc, "GET", path)["Status"] == "Pending"
        worker = start("worker", tmp_path, "worker ready")
        report = report_at(orthanc, path)
    finally:
        for process in filter(None, (listener, worker)):
            process.kill()
            process.communicate()
    assert [item["FailureReason"] for item in report["Failures"]] == [0x0112]
