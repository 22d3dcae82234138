"""GNU Health as a hospital runs it: an environment of its own, a database, a server, and what a desk asks of it.

It is licensed under the GPL and stays a peer: nothing here imports it, it is spoken to by JSON-RPC as its own client does.
"""

import base64
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydicom import Dataset, dcmread

from benchmarks.running import free_port

HOME = Path(__file__).parent.parent / ".cache" / "gnu-health"
ENVIRONMENT, EMPTY, MARK = HOME / "env", HOME / "empty.sqlite", HOME / "installed"
PACKAGES = (
    "gnuhealth==5.0.6",
    "gnuhealth-imaging==5.0.4",
    "gnuhealth-imaging-worklist==5.0.4",
    "gnuhealth-orthanc==5.0.4",
    "trytond==7.0.59",
    "pyorthanc==1.23.0",
    "requests==2.34.2",  # the imaging module needs it and does not say so
)
MODULES = ("health_orthanc", "health_imaging_worklist")
DATABASE = "health"
USER, PASSWORD = "admin", "only-for-this-benchmark"
FAMILY, GIVEN, BORN = "NGUYỄN", "THỊ HƯỜNG", "19550317"
DOCTOR_FAMILY, DOCTOR_GIVEN = "TRẦN", "VĂN ĐỨC"
NAME = f"{FAMILY}^{GIVEN}"
PROCEDURE = "CT TƯỚI MÁU NÃO ĐỘT QUỴ"
SCANNER, ISSUER = "CT01", "GNUHEALTH"
START_S, STOP_S, ANSWER_S = 60.0, 20.0, 120.0
POLL_S = 0.2


class RefusalError(RuntimeError):
    """GNU Health answered with an error; the text is its own."""


def install() -> float:
    """Set up environment and empty database where they are missing; returns the seconds it took.

    Raises
    ------
    subprocess.CalledProcessError
        The packages cannot be installed, or the database cannot be made.
    """
    began = time.monotonic()
    wanted = "\n".join(PACKAGES)
    if not (MARK.is_file() and MARK.read_text("utf-8") == wanted):
        shutil.rmtree(HOME, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        pip = (_program("python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check")
        subprocess.run([*pip, *PACKAGES], check=True)
        _make_database()
        MARK.write_text(wanted, "utf-8")
    return time.monotonic() - began


def _program(name: str) -> str:
    return str(ENVIRONMENT / "bin" / name)


def _make_database() -> None:
    """An empty hospital, which every run copies; SQLite's file must exist before."""
    settings = write_settings(HOME, 0)
    (HOME / f"{DATABASE}.sqlite").touch()
    password = HOME / "password"
    password.write_text(PASSWORD, "utf-8")
    command = [_program("trytond-admin"), "-c", str(settings), "-d", DATABASE, "-u", *MODULES]
    environment = {**os.environ, "TRYTONPASSFILE": str(password)}
    subprocess.run([*command, "--activate-dependencies", "--email", ""], env=environment, check=True)
    (HOME / f"{DATABASE}.sqlite").rename(EMPTY)


def write_settings(folder: Path, port: int) -> Path:
    """Write a configuration for a database in `folder` and a server on loopback."""
    path = folder / "trytond.conf"
    path.write_text(
        f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n", "utf-8"
    )
    return path


@dataclass(frozen=True, slots=True)
class Desk:
    """Somebody who is logged in and does what GNU Health's client does."""

    client: httpx.Client

    def call(self, method: str, *parameters: Any) -> Any:
        """Call a method by JSON-RPC.

        Raises
        ------
        RefusalError
            GNU Health refuses, with its reason.
        """
        answer = self.client.post("", json={"id": 1, "method": method, "params": parameters})
        answer.raise_for_status()
        content = answer.json()
        if content.get("error"):
            raise RefusalError(f"{method}: {content['error']}")
        return content["result"]

    def create(self, model: str, **values: Any) -> int:
        """Make one record; returns its number."""
        return int(self.call(f"model.{model}.create", [values], {})[0])

    def first(self, model: str, fields: Sequence[str], *domain: Sequence[Any]) -> dict[str, Any]:
        """Read the first record that fits; empty when there is none."""
        found = self.call(f"model.{model}.search_read", domain, 0, 1, None, fields, {})
        return dict(found[0]) if found else {}

    def all(self, model: str, fields: Sequence[str], *domain: Sequence[Any]) -> list[dict[str, Any]]:
        """Read every record that fits."""
        return list(self.call(f"model.{model}.search_read", domain, 0, None, None, fields, {}))

    def run_wizard(self, name: str, state: str, **start: Any) -> None:
        """Open a dialogue, fill it in and press its button."""
        session, _, _ = self.call(f"wizard.{name}.create", {})
        self.call(f"wizard.{name}.execute", session, {"start": start} if start else {}, state, {})
        self.call(f"wizard.{name}.delete", session, {})


@contextmanager
def running_gnu_health(folder: Path) -> Iterator[Desk]:
    """Serve a fresh hospital from `folder`, log in, and stop the server by its process id.

    Raises
    ------
    RuntimeError
        The server does not answer in time; its log is in the message.
    """
    folder.mkdir(parents=True)
    shutil.copy(EMPTY, folder / f"{DATABASE}.sqlite")
    port, log = free_port(), folder / "trytond.log"
    command = [_program("trytond"), "-c", str(write_settings(folder, port))]
    with log.open("wb") as stream:
        # GNU Health writes local times and calls them UTC.
        environment = {**os.environ, "TZ": "UTC"}
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}/{DATABASE}/"
    try:
        with httpx.Client(base_url=address, timeout=ANSWER_S, trust_env=False) as client:
            client.headers["Authorization"] = f"Session {_login(client, process, log)}"
            yield Desk(client)
    finally:
        process.terminate()
        process.wait(STOP_S)


def _login(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            user, key, *_ = Desk(client).call("common.db.login", USER, {"password": PASSWORD})
        except httpx.TransportError:
            time.sleep(POLL_S)
        else:
            return base64.b64encode(f"{USER}:{user}:{key}".encode()).decode()
    raise RuntimeError(f"GNU Health does not answer:\n{log.read_text('utf-8')[-3000:]}")


def date(text: str) -> dict[str, Any]:
    """A date as JSON-RPC has it, from YYYYMMDD."""
    day = datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


@dataclass(frozen=True, slots=True)
class Ordered:
    """An order as the record keeps it: its number there, its patient's, and the worklist entry it writes."""

    number: int
    patient: int
    entry: Dataset

    @property
    def study_uid(self) -> str:
        """Which study it will be."""
        return str(self.entry.StudyInstanceUID)


def order_study(desk: Desk, folder: Path) -> Ordered:
    """Register a patient and order a CT perfusion, as somebody in the emergency room does."""
    patient = _person(desk, "patient", FAMILY, GIVEN, gender="f", dob=date(BORN), is_patient=True)
    doctor = _person(desk, "healthprofessional", DOCTOR_FAMILY, DOCTOR_GIVEN, gender="m", is_healthprof=True)
    number = desk.create(
        "gnuhealth.imaging.test.request",
        patient=patient,
        doctor=doctor,
        requested_test=_orderable(desk),
        urgent=True,
    )
    desk.call("model.gnuhealth.imaging.test.request.requested", [number], {})
    written = desk.first("gnuhealth.imaging.test.request", ["worklist_text"], ["id", "=", number])
    return Ordered(number, patient, _entry(written["worklist_text"], folder))


def _person(desk: Desk, role: str, family: str, given: str, **more: Any) -> int:
    whole = {"name": given, "lastname": family, "is_person": True, "fed_country": "VNM", **more}
    party = desk.create("party.party", **whole)
    desk.create("gnuhealth.person_name", party=party, use="official", family=family, given=given)
    return desk.create(f"gnuhealth.{role}", party=party)


def _orderable(desk: Desk) -> int:
    """A kind of study that can be ordered, with a worklist entry in letters that have every mark."""
    model = "gnuhealth.imaging_worklist.worklist_template"
    text = desk.call(f"model.{model}.default_get", ["template"], True, {})["template"]  # noqa: FBT003 - JSON-RPC
    unit = desk.first("product.uom", [], ["symbol", "=", "u"])["id"]
    kind = desk.create("product.template", name="CTP", default_uom=unit, type="service")
    return desk.create(
        "gnuhealth.imaging.test",
        code="CTP",
        name=PROCEDURE,
        product=desk.create("product.product", template=kind),
        test_type=desk.create("gnuhealth.imaging.test.type", code="CT", name="CT"),
        aetitle=SCANNER,
        imaging_worklist_template=desk.create(model, name="CT", charset="ISO_IR 192", template=text),
    )


def _entry(text: str, folder: Path) -> Dataset:
    """The worklist entry as dcmtk makes it of the record's text."""
    dump, made = folder / "entry.dump", folder / "entry.wl"
    dump.write_text(text, "utf-8")
    subprocess.run(["/usr/bin/dump2dcm", "--quiet", str(dump), str(made)], check=True)
    return dcmread(made)


def connect_archive(desk: Desk, url: str, user: str, password: str, viewer_url: str) -> None:
    """Tell the record where the hospital's archive is, and where its own links lead: below `viewer_url`."""
    desk.run_wizard(
        "gnuhealth.imaging_orthanc.wizard.orthanc_new_connect",
        "connect",
        label="archive",
        domain=url,
        proxy_domain=viewer_url,
        user=user,
        password=password,
    )


def fetch_studies(desk: Desk) -> None:
    """Press the button "Get new studies"."""
    desk.run_wizard("gnuhealth.imaging_orthanc.get_new_studies", "update")
