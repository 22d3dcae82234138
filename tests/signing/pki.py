"""An authority of the tests' own: a root, signers good and bad, revocation lists, and a time-stamp server over HTTP."""

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import yaml
from asn1crypto import pem, tsp
from certomancer import CertomancerConfig, PKIArchitecture
from certomancer.registry import ArchLabel, CertLabel, ServiceLabel
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PASSPHRASE = "mật khẩu của thử nghiệm"
HOSPITAL = "Bệnh viện Đa khoa, stroke-gateway"
NOW = datetime.now(UTC).replace(microsecond=0)
KEYS = ("root", "signer", "expired", "revoked", "tsa", "stranger")


def _usage(*names):
    params = list(names)
    return {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage", "params": params}}


def _certificate(subject, *usages, days=3650, since=-400, extra=()):
    return {
        "subject": subject,
        "issuer": "root",
        "validity": {
            "valid-from": (NOW + timedelta(days=since)).isoformat(),
            "valid-to": (NOW + timedelta(days=days)).isoformat(),
        },
        "extensions": [_usage(*usages), *extra, *([] if subject == "root" else [LISTED])],
    }


LISTED = {
    "id": "crl_distribution_points",
    "smart-value": {"schema": "crl-dist-url", "params": {"crl-repo-names": ["root"]}},
}
CA = {"id": "basic_constraints", "critical": True, "value": {"ca": True}}
STAMPING = {"id": "extended_key_usage", "critical": True, "value": ["time_stamping"]}
SIGNING = ("digital_signature", "non_repudiation")
CONFIG = {
    "keysets": {"tests": {"path-prefix": ".", "keys": {name: {"path": f"{name}.pem"} for name in KEYS}}},
    "pki-architectures": {
        "tests": {
            "keyset": "tests",
            "entity-defaults": {"country-name": "VN", "organization-name": "Test authority"},
            "entities": {
                "root": {"common-name": "Root of the tests"},
                "signer": {"common-name": HOSPITAL},
                "expired": {"common-name": "Expired"},
                "revoked": {"common-name": "Revoked"},
                "tsa": {"common-name": "Clock of the tests"},
            },
            "certs": {
                "root": _certificate("root", "digital_signature", "key_cert_sign", "crl_sign", extra=[CA]),
                "signer": _certificate("signer", *SIGNING),
                "expired": _certificate("expired", *SIGNING, days=-1),
                "revoked": _certificate("revoked", *SIGNING)
                | {
                    "revocation": {
                        "revoked-since": (NOW - timedelta(days=90)).isoformat(),
                        "reason": "key_compromise",
                    }
                },
                "tsa": _certificate("tsa", "digital_signature", extra=[STAMPING]),
            },
            "services": {
                "crl-repo": {
                    "root": {"for-issuer": "root", "signing-key": "root", "simulated-update-schedule": "P30D"}
                },
                "time-stamping": {"tsa": {"signing-cert": "tsa"}},
            },
        }
    },
}


@dataclass(frozen=True)
class Authority:
    """Files of the authority in one folder."""

    folder: Path
    architecture: PKIArchitecture

    @property
    def root(self) -> Path:
        return self.folder / "root.crt.pem"

    @property
    def crl(self) -> Path:
        return self.folder / "root.crl"

    def pkcs12(self, name: str = "signer", passphrase: str = PASSPHRASE) -> Path:
        path = self.folder / f"{name}.p12"
        path.write_bytes(self.architecture.package_pkcs12(CertLabel(name), password=passphrase.encode()))
        return path

    def passphrase_file(self, passphrase: str = PASSPHRASE) -> Path:
        path = self.folder / f"passphrase-{abs(hash(passphrase))}"
        path.write_text(passphrase + "\n", "utf-8")
        path.chmod(0o600)
        return path

    def settings(self, name: str = "signer", **more):
        """The table ``[signing]`` with everything but a time-stamp authority."""
        return {
            "pkcs12": str(self.pkcs12(name)),
            "passphrase_file": str(self.passphrase_file()),
            "authorities": [str(self.root)],
            "crls": [str(self.crl)],
            **more,
        }


def make(folder: Path) -> Authority:
    """Keys, certificates and the revocation list of today."""
    for name in KEYS:
        key = rsa.generate_private_key(65537, 2048)
        content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / f"{name}.pem").write_bytes(content)
    config = CertomancerConfig.from_yaml(yaml.safe_dump(CONFIG), str(folder))
    architecture = config.get_pki_arch(ArchLabel("tests"))
    root = architecture.get_cert(CertLabel("root"))
    (folder / "root.crt.pem").write_bytes(pem.armor("CERTIFICATE", root.dump()))
    crl = architecture.service_registry.get_crl(ServiceLabel("root"), NOW)
    (folder / "root.crl").write_bytes(crl.dump())
    return Authority(folder, architecture)


@contextmanager
def clock(authority: Authority):
    """A time-stamp server on a free port; yields its address."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            query = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
            stamper = authority.architecture.service_registry.summon_timestamper(
                ServiceLabel("tsa"), datetime.now(UTC)
            )
            content = stamper.request_tsa_response(query).dump()
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
