"""Real senders against the listener; statuses by hand where senders cannot be made to misbehave."""

import io
import logging
import signal
import socket
import subprocess
import sys
import textwrap
import time

import pydicom
import pytest
from blake3 import blake3
from pydicom.uid import (
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import AE
from pynetdicom.dimse_primitives import C_STORE

from dicom_scp import listener as listener_module
from dicom_scp.arrival import AssociationKind, StoreStatus
from dicom_scp.listener import ListenerSettings
from dicom_scp.services import offers_of
from dicom_scp.uids import STORAGE_CLASSES
from dicom_scp.wire import AbortReason, abort_pdu
from triage.errors import ConfigError, TemporaryError

OPENED, RELEASED, ABORTED = AssociationKind.OPENED, AssociationKind.RELEASED, AssociationKind.ABORTED


def store_raw(
    port,
    dataset: bytes,
    sop_class=CTImageStorage,
    instance="1.2.3",
    syntax=ExplicitVRLittleEndian,
    wait_s=5.0,
):
    """Send raw bytes as the dataset of a C-STORE request; returns the status, or None where none came."""
    entity = AE("RAW")
    entity.add_requested_context(CTImageStorage, syntax)
    entity.dimse_timeout = wait_s
    association = entity.associate("127.0.0.1", port, ae_title="STROKEGW")
    assert association.is_established
    peer = association.dul.socket.socket
    association.acse_timeout = 1.0  # releasing an association that was just aborted may go unanswered
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, instance
    request.DataSet = io.BytesIO(dataset)
    association._reactor_checkpoint.clear()
    association.dimse.send_msg(request, association.accepted_contexts[0].context_id)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    association.release()
    peer.close()  # the library does not, when the listener was faster
    return None if answer is None else answer.Status


def test_verification_is_answered(listening):
    with listening() as gateway:
        assert gateway.send("echoscu").returncode == 0
        assert gateway.wait_closed() == [OPENED, RELEASED]


@pytest.mark.parametrize(
    ("syntax", "option"),
    [
        (ExplicitVRLittleEndian, "-xe"),
        (ImplicitVRLittleEndian, "-xi"),
        (RLELossless, "-xr"),
        (JPEG2000Lossless, "-xv"),
        (JPEGLSLossless, "-xt"),
    ],
)
def test_stored_bytes_are_the_bytes_sent(listening, ct_slice, write, bytes_of, tmp_path, syntax, option):
    sent = write(tmp_path / "one.dcm", ct_slice(shape=(64, 64)), syntax)
    with listening() as gateway:
        assert gateway.send("storescu", option, sent).returncode == 0
        (arrival,) = gateway.arrivals
        stored = gateway.stored(arrival)
    assert bytes_of(stored) == bytes_of(sent)
    assert arrival.transfer_syntax_uid == syntax == pydicom.dcmread(stored).file_meta.TransferSyntaxUID
    assert arrival.digest == blake3(bytes_of(sent)).hexdigest()
    assert arrival.size_bytes == len(bytes_of(sent))
    assert stored.read_bytes()[:128] == bytes(128)


def test_a_sender_that_offers_both_encodings_does_not_reencode_explicit(
    listening, write_ctp, bytes_of, tmp_path
):
    study = write_ctp(tmp_path / "ctp", frames=4)
    with listening() as gateway:
        assert gateway.send("dcmsend", *study.paths).returncode == 0
        stored = [bytes_of(gateway.stored(arrival)) for arrival in gateway.arrivals]
        assert gateway.wait_closed() == [OPENED, RELEASED]
    assert stored == [bytes_of(path) for path in study.paths]
    assert len({arrival.association_id for arrival in gateway.arrivals}) == 1
    assert gateway.arrivals[0].header.acquired_at_s is not None


def test_a_wrong_called_title_is_refused(listening):
    with listening() as gateway:
        assert gateway.send("echoscu", called="SOMEBODY").returncode != 0
        assert gateway.associations == []


def test_only_listed_callers_are_let_in(listening):
    with listening(calling_ae_titles=("SCANNER",)) as gateway:
        assert gateway.send("echoscu", "-aet", "STRANGER").returncode != 0
        assert gateway.send("echoscu", "-aet", "SCANNER").returncode == 0


def test_a_listener_that_does_not_accept_rejects_and_accepts_again(listening):
    with listening() as gateway:
        gateway.accepting = False
        answer = gateway.send("echoscu")
        assert answer.returncode != 0
        assert "Rejected Transient" in answer.stderr
        gateway.accepting = True
        assert gateway.send("echoscu").returncode == 0


def test_below_the_free_space_floor_associations_are_rejected(listening):
    with listening(free_floor_bytes=1 << 60) as gateway:
        assert gateway.send("echoscu").returncode != 0


def test_a_temporary_error_is_answered_a700_and_the_sender_notices(listening, write_ctp, tmp_path):
    study = write_ctp(tmp_path / "ctp", frames=2)
    with listening() as gateway:
        gateway.fault = TemporaryError("database away")
        assert gateway.send("dcmsend", *study.paths).returncode != 0
        assert gateway.wait_closed() == [OPENED, ABORTED]
        assert [refusal.status for refusal in gateway.refusals] == [StoreStatus.OUT_OF_RESOURCES]
        gateway.fault = None
        assert gateway.send("dcmsend", *study.paths).returncode == 0
        assert len(gateway.arrivals) == len(study.paths)


def test_the_answer_a700_is_sent_before_the_abort(listening, ct_slice, write, bytes_of, tmp_path):
    sent = write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3"))
    with listening() as gateway:
        gateway.fault = TemporaryError("database away")
        assert store_raw(gateway.listener.port, bytes_of(sent)) == StoreStatus.OUT_OF_RESOURCES
        assert gateway.wait_closed() == [OPENED, ABORTED]


def test_an_unforeseen_fault_is_answered_and_not_quoted(
    listening, ct_slice, write, bytes_of, tmp_path, capsys
):
    sent = write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3"))
    with listening() as gateway:
        gateway.fault = KeyError("CANARY")
        assert store_raw(gateway.listener.port, bytes_of(sent)) == StoreStatus.PROCESSING_FAILURE
    captured = capsys.readouterr()
    assert "KeyError" in captured.out + captured.err
    assert "CANARY" not in captured.out + captured.err


@pytest.mark.parametrize("garbage", [b"", b"not dicom at all", bytes(1000), b"\x08\x00\x18\x00UI\xff\x0012"])
def test_what_is_no_dataset_is_not_understood(listening, garbage):
    with listening() as gateway:
        status = store_raw(gateway.listener.port, garbage or b"\x08\x00")
        assert status == StoreStatus.CANNOT_UNDERSTAND
        assert gateway.arrivals == []
        assert [refusal.status for refusal in gateway.refusals] == [status]


def test_a_dataset_cut_anywhere_is_not_understood(listening, ct_slice, write, bytes_of, tmp_path):
    whole = bytes_of(write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3")))
    with listening() as gateway:
        for length in (len(whole) // 3, len(whole) - 10, len(whole) - 1):
            assert store_raw(gateway.listener.port, whole[:length]) == StoreStatus.CANNOT_UNDERSTAND
        assert store_raw(gateway.listener.port, whole) == StoreStatus.SUCCESS


@pytest.mark.parametrize(
    ("sop_class", "instance"),
    [(CTImageStorage, "1.2.4"), (EncapsulatedPDFStorage, "1.2.3")],
)
def test_a_dataset_other_than_announced_is_refused(
    listening, ct_slice, write, bytes_of, tmp_path, sop_class, instance
):
    sent = write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3"))
    with listening() as gateway:
        status = store_raw(gateway.listener.port, bytes_of(sent), sop_class, instance)
        assert status == StoreStatus.DATASET_MISMATCH
        assert gateway.arrivals == []


def test_sending_again_is_one_file_and_other_content_under_the_same_uid_is_another(
    listening, ct_slice, write, tmp_path
):
    first = write(tmp_path / "a.dcm", ct_slice(seed=1))
    other = write(tmp_path / "b.dcm", ct_slice(seed=2))
    with listening() as gateway:
        for path in (first, first, other):
            assert gateway.send("storescu", path).returncode == 0
        assert len({arrival.path for arrival in gateway.arrivals}) == 2
        assert len({arrival.header.sop_instance_uid for arrival in gateway.arrivals}) == 1
        assert all(gateway.stored(arrival).exists() for arrival in gateway.arrivals)


def test_a_sender_that_vanishes_is_reported_as_aborted(listening, ct_slice, write, tmp_path):
    with listening() as gateway:
        entity = AE("GONE")
        entity.add_requested_context(CTImageStorage)
        association = entity.associate("127.0.0.1", gateway.listener.port, ae_title="STROKEGW")
        peer = association.dul.socket.socket
        peer.shutdown(socket.SHUT_RDWR)
        assert gateway.wait_closed() == [OPENED, ABORTED]
        association.kill()
        peer.close()


def test_a_unit_beyond_the_limit_ends_the_connection(listening):
    with listening(acse_timeout_s=1.0) as gateway:
        with socket.create_connection(("127.0.0.1", gateway.listener.port), timeout=5) as peer:
            peer.sendall(b"\x01\x00" + (1 << 30).to_bytes(4, "big") + bytes(1000))
            peer.settimeout(5)
            assert peer.recv(100) == abort_pdu(AbortReason.INVALID_PARAMETER)
            assert peer.recv(100) == b""
        assert gateway.send("echoscu").returncode == 0


def test_an_instance_beyond_the_limit_is_not_held_and_smaller_ones_add_up_freely(
    listening, ct_slice, write, tmp_path
):
    large = write(tmp_path / "large.dcm", ct_slice(shape=(256, 256)))
    small = [write(tmp_path / f"{k}.dcm", ct_slice(instance=k, seed=k, shape=(128, 128))) for k in range(5)]
    with listening(largest_instance_bytes=100_000) as gateway:
        assert gateway.send("storescu", *small).returncode == 0
        assert gateway.send("storescu", large).returncode != 0
        assert gateway.wait_closed(2) == [OPENED, RELEASED, OPENED, ABORTED]
        assert len(gateway.arrivals) == len(small)


def test_names_appear_in_no_log(listening, ct_slice, write, bytes_of, tmp_path, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    sent = write(tmp_path / "one.dcm", ct_slice(SOPInstanceUID="1.2.3"))
    with listening() as gateway:
        gateway.send("storescu", sent)
        gateway.fault = TemporaryError("database away")
        gateway.send("dcmsend", sent)
        store_raw(gateway.listener.port, bytes_of(sent), instance="1.2.4")
        assert "CANARY" not in repr(gateway.arrivals)
    captured = capsys.readouterr()
    assert "instance_refused" in captured.out + captured.err
    assert "CANARY" not in captured.out + captured.err + caplog.text


def test_every_context_fits_one_association_and_prefers_explicit_vr():
    offers = offers_of(())
    assert len(offers) == len(STORAGE_CLASSES) + 1 <= 128
    assert all(offer.transfer_syntaxes[0] == ExplicitVRLittleEndian for offer in offers.values())


@pytest.mark.parametrize("wrong", [{"ae_title": "X" * 17}, {"port": 70000}, {"maximum_associations": 0}])
def test_impossible_settings_stop_at_start(wrong):
    with pytest.raises(ConfigError):
        ListenerSettings(**wrong)


def test_an_occupied_port_is_named(listening):
    with listening() as gateway, pytest.raises(ConfigError, match=str(gateway.listener.port)):
        listener_module.serve(
            ListenerSettings(port=gateway.listener.port),
            gateway.spool,
            on_arrival=lambda _: None,
            on_association=lambda _: None,
        )


SERVER = """
    import sys
    from pathlib import Path
    from dicom_scp.listener import ListenerSettings, serve
    from dicom_scp.spool import Spool

    spool = Spool(Path(sys.argv[1]))
    ledger = open(sys.argv[2], "a", buffering=1)
    listener = serve(ListenerSettings(port=0, free_floor_bytes=0), spool,
                     on_arrival=lambda arrival: ledger.write(arrival.path + "\\n"), on_association=lambda event: None)
    print("PORT", listener.port, flush=True)
    sys.stdin.read()
"""


def test_a_killed_listener_loses_nothing_it_acknowledged(write_ctp, bytes_of, tmp_path):
    study = write_ctp(tmp_path / "ctp", frames=40, slices=4)
    root, ledger = tmp_path / "spool", tmp_path / "ledger"
    command = [sys.executable, "-c", textwrap.dedent(SERVER), str(root), str(ledger)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = next(line.split()[1] for line in server.stdout if line.startswith("PORT"))
    sender = subprocess.Popen(
        ["/usr/bin/storescu", "-v", "-aec", "STROKEGW", "127.0.0.1", port, *map(str, study.paths)],
        env={"TCP_NODELAY": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        while not ledger.exists() or len(ledger.read_text().splitlines()) < 20:
            assert server.poll() is None
            time.sleep(0.005)
    finally:
        server.send_signal(signal.SIGKILL)
        server.communicate()
    output, _ = sender.communicate(timeout=30)
    acknowledged = output.count("(Success)")
    stored = [bytes_of(path) for path in root.glob("datasets/*/*/*.dcm")]
    assert 19 <= acknowledged <= len(stored) <= acknowledged + 1 < len(study.paths)
    assert set(stored) >= {bytes_of(path) for path in study.paths[:acknowledged]}
