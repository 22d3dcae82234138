"""An authority, its clock, a report, and poppler's judge with the authority in its database."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

import pytest

from gateway.jobs import sign
from gateway.signing import asking, sealing, verifying
from gateway.signing.settings import Signing
from tests.signing import pki
from tests.viewer_bridge.drawn import make_analysis, make_source
from triage.errors import InputError
from viewer_bridge.objects.results import report_file
from viewer_bridge.report.wording.language import Language

NOON = datetime(2026, 1, 1, 12, 30, 5, tzinfo=UTC)
DOCUMENT = str(uuid5(NAMESPACE_OID, "a report"))
APPROVAL = asking.Approval(
    "BS. Nguyễn Văn Đức", "Bác sĩ chẩn đoán hình ảnh", "Đồng ý.", "2026-01-01T20:00:00+07:00", "vi"
)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return pki.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def clock(authority):
    with pki.clock(authority) as url:
        yield url


@pytest.fixture(scope="session")
def complete(authority, clock):
    """The table ``[signing]`` with everything."""
    return authority.settings(timestamp_url=clock)


def a_report(analysis, document=DOCUMENT):
    return report_file(
        analysis,
        make_source(),
        revision=1,
        software_version="0.1.0",
        created_at=NOON,
        language=Language.VIETNAMESE,
        document=document,
    )


@pytest.fixture(scope="session")
def report():
    return a_report(make_analysis((4, 64, 64)))


@pytest.fixture(scope="session")
def sealed(report, complete):
    return asking.sealed(report, complete)


@pytest.fixture(scope="session")
def approved(sealed, complete):
    return asking.approved(sealed[0], complete, APPROVAL)


def in_a_thread(act, *arguments):
    """A browser of other tests keeps an event loop in this thread, and signing wants its own; a child has none."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(act, *arguments).result()


@pytest.fixture
def seal_apart():
    """`sealing.seal`, in a thread."""
    return partial(in_a_thread, sealing.seal)


def ask_here(*question):
    """As `asking.ask`, without a process: its imports cost more than a signature does."""
    return in_a_thread(_answer, *question)


def _answer(module, question, content, _timeout_s):
    settings = Signing(**question["signing"])
    if module == asking.SIGNER:
        made, worth = sign.TASKS[asking.Task(question["task"])](content, question, settings)
        return json.loads(json.dumps(worth.to_json())), made
    try:
        return {"signatures": verifying.as_json(verifying.signatures(content, settings))}, b""
    except Exception as exc:
        raise InputError(f"the file cannot be read as a PDF ({type(exc).__name__})") from exc


@pytest.fixture
def here(monkeypatch):
    """Sign and judge in this process; the children have tests of their own."""
    monkeypatch.setattr(asking, "ask", ask_here)


@pytest.fixture(scope="session")
def pdfsig(authority, tmp_path_factory):
    """What poppler says of a file: a line of validation for each signature that it has."""
    if not (shutil.which("pdfsig") and shutil.which("certutil")):
        pytest.skip("pdfsig or certutil is not installed (Debian packages poppler-utils, libnss3-tools)")
    folder = tmp_path_factory.mktemp("nss")
    database = f"sql:{folder}"
    subprocess.run(["certutil", "-N", "-d", database, "--empty-password"], check=True)
    trusted = ["certutil", "-A", "-d", database, "-n", "root", "-t", "CT,C,C", "-i", authority.root]
    subprocess.run(trusted, check=True)

    def judge(pdf: bytes) -> list[str]:
        path = Path(folder) / "judged.pdf"
        path.write_bytes(pdf)
        done = subprocess.run(
            ["pdfsig", "-nssdir", database, path], capture_output=True, text=True, timeout=30, check=False
        )
        said = (line.strip(" -") for line in done.stdout.splitlines())
        return [line for line in said if line.startswith(("Signature Validation", "Certificate Validation"))]

    return judge
