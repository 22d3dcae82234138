"""A site, somebody to tell, and peers that stay up for a whole file."""

import ssl
import subprocess

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from benchmarks.running import free_port
from gateway.channels.settings import Channels
from gateway.channels.site import ChannelSite
from tests.channels import peers
from tests.results import SITE, a_result, an_alert
from triage.results import Criterion, Interval, QualityFlag, Severity
from viewer_bridge.report.wording.language import Language


@pytest.fixture(scope="session")
def notice():
    """A Vietnamese alert."""
    result = a_result(
        criteria={"defuse_3": Criterion(met=True, missing=("age", "NIHSS"), text="")},
        intervals={"core_ml": Interval(28.4, 38.7)},
        quality=(QualityFlag("motion", Severity.WARNING, "head moved 12 mm"),),
    )
    return an_alert(result, link=f"{SITE}/a/eyJhbGciOi.some-signed-word", language=Language.VIETNAMESE)


@pytest.fixture
def open_site(tmp_path):
    """Sites with the settings that a test wants; closed at its end."""
    opened = []

    def make(gone=None, folder=tmp_path, **tables):
        how = {"gone": gone} if gone else {}
        opened.append(ChannelSite(Channels.model_validate(tables), folder, **how))
        return opened[-1]

    yield make
    for site in opened:
        site.close()


@pytest.fixture
def receiver():
    with peers.a_receiver() as state:
        yield state


@pytest.fixture(scope="session")
def push_service():
    with peers.a_push_service() as service:
        yield service


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of 127.0.0.1 that vouches for itself; its key lies beside it."""
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    how = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=localhost"
    named = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path.with_suffix(".key"), "-out", path)
    subprocess.run(["openssl", *how.split(), *named], check=True, capture_output=True)
    return path


class Mailbox:
    """Keeps what comes; refuses an address that says so."""

    def __init__(self):
        self.mails, self.resets, self.sessions = [], 0, set()

    async def handle_RCPT(self, _server, session, envelope, address, _options):  # noqa: N802 - the peer calls it
        self.sessions.add(id(session))
        if address.startswith("full"):
            return f"452 4.2.2 {address} is full"
        if address.startswith("gone"):
            return f"550 5.1.1 {address} does not live here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, *_):  # noqa: N802
        self.resets += 1
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802
        self.mails.append((envelope, session))
        return "250 OK"


@pytest.fixture
def mail_server(certificate):
    """Start aiosmtpd as a test wants it: ``starttls``, ``tls`` or ``none``; returns settings and mailbox."""
    running = []

    def start(security="none"):
        box, port = Mailbox(), free_port()
        how = {}
        if security != "none":
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate, certificate.with_suffix(".key"))
            how = {"ssl_context": context} if security == "tls" else {"tls_context": context}
            how |= {"require_starttls": True} if security == "starttls" else {}
            how |= {
                "authenticator": _knows,
                "auth_required": True,
                "auth_require_tls": security == "starttls",
            }
        controller = Controller(box, hostname="127.0.0.1", port=port, **how)
        controller.start()
        running.append(controller)
        login = {"username": "gate", "password": "way"} if security != "none" else {}
        settings = {
            "host": "127.0.0.1",
            "port": port,
            "security": security,
            "sender": "stroke@benhvien.vn",
            **login,
        }
        return settings | ({"authorities": str(certificate)} if security != "none" else {}), box

    yield start
    for controller in running:
        controller.stop()


def _knows(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"gate" and data.password == b"way", handled=False)
