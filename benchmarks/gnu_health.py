"""A real medical record around the gateway: ``python -m benchmarks.gnu_health``.

GNU Health registers a patient and orders a CT perfusion; the order goes through the gateway's worklist to the scanner, the
study and its results come back into the record, and the record's own link opens them in the gateway's viewer. It prints a
line for each thing that must hold. The first run installs GNU Health into ``.cache/gnu-health``.

GNU Health speaks no HL7: what it gives is the text of a worklist entry, and a few lines here carry it on as an order, as a
hospital's interface engine would. Its Orthanc module asks with a name and password for the archive's changes, which the
gateway's reading proxy does not pass on: so it stands beside the gateway at the hospital's archive, and only its links,
by its proxy address, lead to the gateway.
"""

import argparse
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from pydicom import Dataset, dcmread

from benchmarks.gnu_health_server import (
    ISSUER,
    NAME,
    SCANNER,
    Desk,
    Ordered,
    connect_archive,
    fetch_studies,
    install,
    order_study,
    running_gnu_health,
)
from benchmarks.hospital.messages import Somebody, orm
from benchmarks.hospital.sender import Sender
from benchmarks.phantom import Patient, make_patient
from benchmarks.running import NO_NAGLE, OHIF_DIST, RunningGateway, free_port, running_gateway
from benchmarks.scanner import Person, Written, write_study
from gateway.ledger.records import case_id_of
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from viewer_bridge.archive.private_orthanc import USER, PrivateOrthanc
from viewer_bridge.objects.series import RESEARCH
from viewer_bridge.viewers.ohif import MOUNT

SMALL = Patient(matrix=128, slices=12, frames=30, frame_step_s=2.0)
"""The smallest on which the analysis still finds the arteries."""
ARCHIVE_PASSWORD = "only-for-this-benchmark"  # noqa: S105 - of an archive that lives for a minute
RESULTS = frozenset({"SEG", "SR", "OT", "DOC"})
"""Masks, measurements, pages and the report."""

STUDY, SERIES = "gnuhealth.imaging_orthanc.study", "gnuhealth.imaging_orthanc.study_series"
REQUEST = "gnuhealth.imaging.test.request"
BOUND_S = 180.0
TIMEOUT_S = 90.0
VIEWPORTS = 7
"""The summary, the masks, the plain scan and four maps."""
SHOWN_WITHIN_MS = 60_000
SETTLED_MS = 5_000
WINDOW = {"width": 1280, "height": 800}


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that must hold."""

    name: str
    bound: str
    found: str
    met: bool


@contextmanager
def hospital_archive(folder: Path) -> Iterator[PrivateOrthanc]:
    """An archive with a password, for the gateway and the record; stopped by its process id."""
    orthanc = PrivateOrthanc(folder, free_port(), password=ARCHIVE_PASSWORD)
    launch = orthanc.prepare()
    with (folder / "log").open("wb") as log:
        environment = {**os.environ, **launch.env}
        process = subprocess.Popen(launch.command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        orthanc.wait_until_ready()
        yield orthanc
    finally:
        process.terminate()
        process.wait()


def tables(archive: PrivateOrthanc, orders_port: int) -> dict[str, dict[str, Any]]:
    """The gateway's configuration in this hospital."""
    scanner = {"ae_title": SCANNER, "may": ["store", "worklist"]}
    return {
        "orthanc": {"url": archive.url, "username": USER, "password": ARCHIVE_PASSWORD},
        "orders": {"host": "127.0.0.1", "port": orders_port, "default_issuer": ISSUER},
        "ris": {"worklist": True},
        "dicom": {"free_bytes_floor": 0, "peers": [scanner]},
    }


def as_message(entry: Dataset) -> bytes:
    """The order in HL7, which an interface engine would write; GNU Health's times are UTC."""
    step = entry.ScheduledProcedureStepSequence[0]
    planned = f"{step.ScheduledProcedureStepStartDate}{step.ScheduledProcedureStepStartTime}+0000"
    who = Somebody(
        f"{entry.PatientID}^^^{ISSUER}^MR", str(entry.PatientName), entry.PatientBirthDate, entry.PatientSex
    )
    return orm(
        entry.RequestedProcedureID,
        who,
        placer=entry.RequestedProcedureID,
        accession=entry.AccessionNumber,
        at=f"{datetime.now(UTC):%Y%m%d%H%M%S}+0000",
        planned=planned,
        priority="S",
        study_uid=entry.StudyInstanceUID,
        procedure=f"CTP^{entry.RequestedProcedureDescription}^L",
    )


def ask_worklist(port: int, folder: Path) -> list[Dataset]:
    """What dcmtk's findscu gets, asking as the scanner does."""
    folder.mkdir()
    step = "ScheduledProcedureStepSequence[0]"
    keys = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "AccessionNumber")
    asked = [*keys, "StudyInstanceUID", "RequestedProcedurePriority", f"{step}.Modality=CT"]
    command = ["/usr/bin/findscu", "-W", "-aet", SCANNER, "-aec", "STROKEGW", "-X", "-od", str(folder)]
    options = [part for key in asked for part in ("-k", key)]
    environment = {**os.environ, **NO_NAGLE}
    subprocess.run([*command, *options, "127.0.0.1", str(port)], env=environment, check=True, timeout=30)
    return [dcmread(path, force=True) for path in sorted(folder.glob("rsp*.dcm"))]


def scan(found: Dataset, folder: Path) -> Written:
    """Scan the patient of a worklist entry, under its numbers."""
    person = Person(
        str(found.PatientName),
        found.PatientID,
        found.PatientBirthDate,
        found.PatientSex,
        found.AccessionNumber,
    )
    written = write_study(make_patient(SMALL), folder, "siemens", person=person)
    for path in written.paths:
        image = dcmread(path)
        image.StudyInstanceUID = found.StudyInstanceUID
        image.save_as(path)
    return replace(written, study_uid=str(found.StudyInstanceUID))


def is_settled(case: Mapping[str, Any]) -> bool:
    """Whether results and every image are in the archive."""
    return bool(case["times"]["published_at"]) and case["images"]["received"] == case["images"].get(
        "forwarded"
    )


def order_rows(gateway: RunningGateway, port: int, ordered: Ordered, folder: Path) -> Iterator[Row]:
    """The order on its way to the scanner, and the study on its way back."""
    with Sender(port) as sender:
        answer = sender.send(as_message(ordered.entry))
    yield Row("the record's order, carried on in HL7", "AA", answer.split("MSA|")[-1][:2], "MSA|AA" in answer)
    answers = ask_worklist(gateway.dicom_port, folder / "worklist")
    found = answers[0] if answers else ordered.entry
    same = found.PatientName == NAME and found.StudyInstanceUID == ordered.study_uid
    yield Row(
        "what the scanner's worklist query gets",
        f"1, {NAME}, its UID",
        f"{len(answers)}, {found.PatientName}, {found.get('RequestedProcedurePriority')}",
        same and len(answers) == 1,
    )
    written = scan(found, folder / "scanner")
    sender = gateway.send(written.paths)
    case = gateway.wait_for(ordered.study_uid, is_settled, TIMEOUT_S)
    sender.communicate(timeout=30)
    yield Row("the study, sent and analysed", "analysed", case["state"], case["state"] == "analysed")
    with gateway.api as api:
        match = api.get(f"/api/v1/cases/{case_id_of(ordered.study_uid)}/order").json()["match"]
    yield Row("its order", "certain", match["certainty"], match["certainty"] == "certain")


def record_rows(desk: Desk, ordered: Ordered) -> Iterator[Row]:
    """What the record has after its own synchronisation."""
    began = time.monotonic()
    fetch_studies(desk)
    yield Row("the record fetches new studies", "no refusal", f"{time.monotonic() - began:.1f} s", met=True)
    study = desk.first(STUDY, ("patient_name", "patient"), ["study_instance_UID", "=", ordered.study_uid])
    name = str(study.get("patient_name"))
    yield Row("the patient's name in the record", NAME, name, name == NAME)
    joined = study.get("patient") == ordered.patient
    yield Row("the study stands with the patient", "the one of the order", "it" if joined else "not", joined)
    status = desk.first(REQUEST, ["worklist_status"], ["id", "=", ordered.number])["worklist_status"]
    yield Row("the order in the record", "done", status, status == "done")
    series = desk.all(SERIES, ("modality", "series_description"), ["study", "=", study.get("id")])
    found = {one["modality"] for one in series if RESEARCH in one["series_description"]}
    yield Row("our series in the record", " ".join(sorted(RESULTS)), shown(series), found >= RESULTS)


def shown(series: Sequence[Mapping[str, Any]]) -> str:
    """How many series of each modality."""
    counts = Counter(one["modality"] for one in series)
    return ", ".join(f"{count} {modality}" for modality, count in sorted(counts.items()))


def link_rows(gateway: RunningGateway, desk: Desk, ordered: Ordered, picture: Path | None) -> Iterator[Row]:
    """The record's own links, opened by nobody, by a program and by a person."""
    fields = ("ohif_viewer_link", "stone_viewer_link")
    study = desk.first(STUDY, fields, ["study_instance_UID", "=", ordered.study_uid])
    ohif, stone = (study[field] for field in fields)
    where = ohif[: len(gateway.url)]
    yield Row("its link leads to", gateway.url, where, where == gateway.url)
    stranger = httpx.get(ohif, headers={"Accept": "text/html"}, trust_env=False)
    to_login = stranger.headers.get("location", "").startswith("/login")
    yield Row("its link without a login", "asks for one", _status(stranger), to_login)
    for name, link in (("OHIF", ohif), ("Stone", stone)):
        with gateway.api as api:
            answer = api.get(link, follow_redirects=True)
        ours = answer.is_success and f'PUBLIC_URL="{MOUNT}/"' in answer.text
        yield Row(f"its {name} link with a login", "200, the hosted viewer", _status(answer), ours)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield browser_row(browser.new_page(viewport=WINDOW), ohif, gateway.token, picture)
        browser.close()


def _status(answer: httpx.Response) -> str:
    return " ".join(map(str, [*(each.status_code for each in answer.history), answer.status_code]))


def browser_row(page: Page, link: str, token: str, picture: Path | None) -> Row:
    """Follow the link, log in where it asks, and wait until pages, masks and maps are on the screen."""
    page.goto(link)
    page.fill("#token", token)
    page.click("form button")
    viewports = page.locator("canvas.cornerstone-canvas")
    with suppress(PlaywrightTimeout):
        viewports.nth(VIEWPORTS - 1).wait_for(timeout=SHOWN_WITHIN_MS)
    page.get_by_text("Patient", exact=True).click()
    page.wait_for_timeout(SETTLED_MS)
    if picture:
        page.screenshot(path=picture)
    words, count = page.inner_text("body"), viewports.count()
    named = all(part in words for part in NAME.split("^"))
    found = f"{count}, {'the name' if named else 'no name'}"
    bound = f"{VIEWPORTS} views, {NAME}"
    return Row("its link in Chromium, after the login", bound, found, named and count == VIEWPORTS)


def measured(folder: Path, picture: Path | None) -> Iterator[Row]:
    """Every row, in the order in which a patient goes through the house."""
    orders_port = free_port()
    with (
        running_gnu_health(folder / "record") as desk,
        hospital_archive(folder / "archive") as archive,
        running_gateway(folder / "gateway", tables(archive, orders_port)) as gateway,
    ):
        connect_archive(desk, archive.url, USER, ARCHIVE_PASSWORD, gateway.url)
        ordered = order_study(desk, folder)
        yield from order_rows(gateway, orders_port, ordered, folder)
        yield from record_rows(desk, ordered)
        yield from link_rows(gateway, desk, ordered, picture)


def main() -> int:
    """Print the table; 1 when something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, help="keep what the browser shows")
    options = parser.parse_args()
    for needed in (CHROMIUM, OHIF_DIST):
        if not needed.exists():
            parser.error(f"{needed} is missing; `make test` installs it")
    print(f"GNU Health is set up ({install():.0f} s)", flush=True)
    began, missed = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="gnu-health-") as name:
        for row in measured(Path(name), options.picture):
            missed += not row.met
            show(row)
    took = time.monotonic() - began
    show(Row("all of it", f"{BOUND_S:.0f} s", f"{took:.0f} s", took <= BOUND_S))
    return int(missed > 0 or took > BOUND_S)


def show(row: Row) -> None:
    """Print one line."""
    print(f"{row.name:<40} {row.bound:<28} {row.found:<44} {'met' if row.met else 'MISSED'}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
