"""TLS with certificates on both sides: real dcmtk peers, strangers, silence and wrong files."""

import socket
import ssl
import subprocess
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from benchmarks.raw_sender import RawSender
from dicom_scp.arrival import AssociationKind
from dicom_scp.tls import TlsSettings, server_context, validity
from dicom_scp.wire import PduType
from triage.errors import ConfigError


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def authority(folder, name):
    options = ("-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", f"/CN={name}")
    openssl(folder, "req", "-x509", *options, "-keyout", f"{name}.key", "-out", f"{name}.pem")


def certificate(folder, name, signed_by):
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "csr")  # fmt: skip
    signer = ("-CA", f"{signed_by}.pem", "-CAkey", f"{signed_by}.key", "-CAcreateserial", "-days", "90")
    openssl(folder, "x509", "-req", "-in", "csr", *signer, "-out", f"{name}.pem")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with the hospital's authority, our and a scanner's certificate, and a stranger's."""
    folder = tmp_path_factory.mktemp("keys")
    authority(folder, "hospital")
    authority(folder, "elsewhere")
    certificate(folder, "gateway", "hospital")
    certificate(folder, "scanner", "hospital")
    certificate(folder, "stranger", "elsewhere")
    return folder


def settings(keys, **changes):
    files = {
        "certificate": keys / "gateway.pem",
        "key": keys / "gateway.key",
        "authorities": keys / "hospital.pem",
    }
    return TlsSettings(**{**files, **changes})


def tls_options(keys, name):
    return ("+tls", keys / f"{name}.key", keys / f"{name}.pem", "+cf", keys / "hospital.pem")


def client(keys, port, name="scanner", version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(keys / "hospital.pem")
    if name:
        context.load_cert_chain(keys / f"{name}.pem", keys / f"{name}.key")
    if version:
        context.minimum_version = context.maximum_version = version
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10))


def test_a_scanner_with_a_certificate_stores_and_one_without_does_not(
    listening, keys, ct_slice, write, bytes_of, tmp_path
):
    sent = write(tmp_path / "one.dcm", ct_slice(shape=(512, 512)))
    with listening(tls=settings(keys)) as gateway:
        assert gateway.send("storescu", *tls_options(keys, "scanner"), sent).returncode == 0
        assert gateway.wait_closed() == [AssociationKind.OPENED, AssociationKind.RELEASED]
        assert bytes_of(gateway.stored(gateway.arrivals[0])) == bytes_of(sent)
        assert gateway.send("echoscu", *tls_options(keys, "stranger")).returncode != 0
        assert gateway.send("echoscu", "+tla", "-ic").returncode != 0
        assert gateway.send("echoscu").returncode != 0
        assert len(gateway.associations) == 2


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_both_versions_of_the_profile_work_with_a_recommended_suite(listening, keys, version):
    with listening(tls=settings(keys)) as gateway:
        sock = client(keys, gateway.listener.port, version=version)
        with RawSender(0, sock) as peer:
            assert peer.associate() == PduType.ASSOCIATE_AC
            name, protocol, _ = sock.cipher()
            assert "GCM" in name or "CHACHA20" in name
            assert protocol == ("TLSv1.2" if version is ssl.TLSVersion.TLSv1_2 else "TLSv1.3")
            assert peer.release() == PduType.RELEASE_RP


def test_what_the_profile_forbids_is_not_negotiated(keys):
    context = server_context(settings(keys), datetime.now(UTC))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_REQUIRED
    suites = {suite["name"] for suite in context.get_ciphers()}
    assert all("GCM" in suite or "CHACHA20" in suite for suite in suites)
    assert not any(suite.startswith(("AES", "DHE", "RSA")) for suite in suites)


def test_plain_and_secure_ports_side_by_side(listening, keys):
    with listening(tls=settings(keys), tls_port=0) as gateway:
        assert gateway.listener.port != gateway.listener.tls_port
        assert gateway.send("echoscu").returncode == 0
        with RawSender(0, client(keys, gateway.listener.tls_port)) as peer:
            assert peer.associate() == PduType.ASSOCIATE_AC


def test_silent_tls_peers_hold_nobody_up(listening, keys):
    with listening(tls=settings(keys), acse_timeout_s=2.0) as gateway, ExitStack() as stack:
        port = gateway.listener.port
        crowd = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(50)]
        for peer in crowd[:25]:
            peer.sendall(b"\x16\x03\x01\x02\x00\x01")
        began = time.monotonic()
        with RawSender(port, client(keys, port)) as sender:
            assert sender.associate() == PduType.ASSOCIATE_AC
            assert time.monotonic() - began < 1.9  # before the crowd is ended
            assert sender.release() == PduType.RELEASE_RP
        for peer in crowd:
            peer.settimeout(5)
            assert peer.recv(1) == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_shutting_down_aborts_secure_associations_too(listening, keys, version):
    with listening(tls=settings(keys)) as gateway:
        peer = RawSender(0, client(keys, gateway.listener.port, version=version))
        peer.associate()
        began = time.monotonic()
    assert time.monotonic() - began < 4
    assert peer.receive()[0] == PduType.ABORT
    peer.sock.close()
    assert [event.kind for event in gateway.associations] == [AssociationKind.OPENED, AssociationKind.ABORTED]


def test_wrong_files_are_named_at_start(keys, tmp_path):
    now = datetime.now(UTC)
    (tmp_path / "nothing.pem").write_text("nothing")
    openssl(
        tmp_path,
        "rsa",
        "-aes128",
        "-passout",
        "pass:secret",
        "-in",
        str(keys / "gateway.key"),
        "-out",
        "locked.key",
    )
    for changes, key in [
        ({"certificate": tmp_path / "absent"}, "certificate"),
        ({"certificate": tmp_path / "nothing.pem"}, "certificate"),
        ({"key": keys / "scanner.key"}, "key"),
        ({"key": tmp_path / "absent"}, "key"),
        ({"key": tmp_path / "locked.key"}, "key"),
        ({"authorities": tmp_path / "absent"}, "authorities"),
        ({"authorities": tmp_path / "nothing.pem"}, "authorities"),
    ]:
        with pytest.raises(ConfigError, match=rf"dicom\.tls\.{key}"):
            server_context(settings(keys, **changes), now)


def test_a_certificate_out_of_date_is_refused_and_one_about_to_be_is_told(keys, capsys):
    now = datetime.now(UTC)
    server_context(settings(keys), now)
    assert "certificate_expires" not in capsys.readouterr().out
    server_context(settings(keys), now + timedelta(days=70))
    assert "certificate_expires" in capsys.readouterr().out
    for moment in (now + timedelta(days=91), now - timedelta(days=1)):
        with pytest.raises(ConfigError, match="renew"):
            server_context(settings(keys), moment)


def test_validity_is_read_as_openssl_reads_it(keys):
    command = ["openssl", "x509", "-enddate", "-noout", "-in", str(keys / "gateway.pem")]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    expected = datetime.strptime(text, "notAfter=%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert validity((keys / "gateway.pem").read_text())[1] == expected
