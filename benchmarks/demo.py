"""One acute-stroke study walks from the scanner to the phone, the PACS and the EMR: ``make demo``.

Starts the whole gateway on its embedded default, a small receiving EMR and a small phone, plays the scanner with
dcmtk's ``dcmsend``, and shows what everybody got beside the phantom's truth. Keeps running until Ctrl-C;
``ONCE=1`` ends by itself, with exit code 0 only if everything arrived and the volumes are right.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

import httpx
from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from benchmarks.phantom import Patient, Phantom, make_patient
from benchmarks.running import RunningGateway, running_gateway
from benchmarks.scanner import Written, write_study
from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone
from triage.types import Interval
from viewer_bridge.figures import span

VENDOR = "siemens"
CORE_TOLERANCE_ML = 10.0
HYPOPERFUSED_TOLERANCE_ML = 20.0
TIMEOUT_S = 180.0
EXPECTED_MODALITIES = {"CT", "SEG", "OT"}
"""The scanner's images and the reference series, the segmentation, the pages."""

STAGES = (
    ("first_image_at", "first image safe on disk"),
    ("last_image_at", "last image acknowledged"),
    ("complete_at", "study proven complete"),
    ("analysed_at", "core and hypoperfusion computed"),
    ("alert_sent_at", "stroke team alerted"),
    ("emr_accepted_at", "EMR accepted the result"),
    ("published_at", "result objects in the archive"),
)

screen = Console(highlight=False)


@dataclass(frozen=True)
class Check:
    """One thing that must be true at the end."""

    text: str
    holds: bool


def main() -> int:
    """Play the demo; returns the exit code."""
    once = os.environ.get("ONCE") == "1"
    with (
        tempfile.TemporaryDirectory(prefix="stroke-gateway-demo-") as name,
        SmallEmr() as emr,
        SmallPhone() as phone,
    ):
        folder = Path(name)
        screen.rule("stroke-gateway: research use, not for primary diagnosis")
        phantom, written = prepare(folder / "scanner")
        tables = {
            "alerts": {"levels": [{"name": "on duty", "role": "stroke_doctor"}]},
            "emr": {"destinations": [{"name": "emr", "host": "127.0.0.1", "port": emr.port}]},
        }
        with running_gateway(folder / "gateway", tables, ports=(11112, 8000)) as gateway:
            screen.print(f"gateway runs: DICOM STROKEGW at port {gateway.dicom_port}, console {gateway.url}")
            enter_doctor(gateway, phone)
            case = play(gateway, written)
            checks = judge(case, phantom, phone, emr, modalities(gateway, written.study_uid))
            if once:
                checks.append(answer(gateway, phone, written.study_uid))
            show(gateway, case, phantom, phone, emr, checks)
            if not once:
                wait_for_interrupt()
        return 0 if all(check.holds for check in checks) else 1


def prepare(folder: Path) -> tuple[Phantom, Written]:
    """Make the patient and write the study as a scanner would."""
    with screen.status(
        "making the patient: MNI anatomy, left MCA occlusion, 16 slices x 45 frames x 512 x 512"
    ):
        phantom = make_patient(Patient())
    with screen.status("writing the study as DICOM"):
        written = write_study(phantom, folder, VENDOR)
    screen.print(f"patient ready: {len(written.paths)} images (scout, non-contrast CT, CT perfusion)")
    return phantom, written


def enter_doctor(gateway: RunningGateway, phone: SmallPhone) -> None:
    """Enter an invented doctor who is on duty day and night, and is reached by the small phone."""
    person = {"name": "BS Minh (invented)", "login": "minh", "roles": ["stroke_doctor"], "language": "en"}
    channel = {"kind": "webhook", "address": phone.url, "secret": phone.secret}
    hours = {"role": "stroke_doctor", "weekdays": list(range(7)), "starts": "00:00", "ends": "00:00"}
    with gateway.api as api:
        doctor = api.post("/api/v1/people", json=person).raise_for_status().json()["id"]
        contacts = {"contacts": [channel]}
        api.put(f"/api/v1/people/{doctor}/contacts", json=contacts).raise_for_status()
        api.post("/api/v1/rota/shifts", json={**hours, "person_id": doctor}).raise_for_status()
    screen.print("on duty: BS Minh (invented), by the link of each alert")


def answer(gateway: RunningGateway, phone: SmallPhone, study_uid: str) -> Check:
    """Open the alert's link as the doctor's phone would, and take the case."""
    links = [alert["link"] for alert in phone.alerts[:1]]
    with httpx.Client(follow_redirects=True, trust_env=False, timeout=10) as browser:
        for link in links:
            page = browser.get(link).raise_for_status()
            taken = {"kind": "take"}
            own = {"Sec-Fetch-Site": "same-origin"}
            browser.post(f"{page.url}/answer", data=taken, headers=own).raise_for_status()
    case = gateway.case(study_uid) or {}
    return Check("the doctor has opened the link and taken the case", bool(case.get("acknowledged_by")))


def play(gateway: RunningGateway, written: Written) -> dict[str, Any]:
    """Send the study and follow its case until everybody has the result."""
    paths = list(written.paths)
    random.Random(7).shuffle(paths)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen) as progress:
        received = progress.add_task("images received", total=len(paths))
        archived = progress.add_task("images in the archive", total=len(paths))
        stages = progress.add_task("stages done", total=len(STAGES))
        sender = gateway.send(paths)
        case = follow(gateway, written.study_uid, len(paths), progress, (received, archived, stages))
    output, _ = sender.communicate(timeout=30)
    if sender.returncode:
        screen.print(f"[red]dcmsend ended with {sender.returncode}[/red]\n{output}")
    return case


def follow(
    gateway: RunningGateway, study_uid: str, images: int, progress: Progress, tasks: Sequence[Any]
) -> dict[str, Any]:
    """Draw the case's progress until every stage is done or time is over."""
    shown: set[str] = set()
    deadline = time.monotonic() + TIMEOUT_S
    case: dict[str, Any] = {}
    while time.monotonic() < deadline:
        case = gateway.case(study_uid) or case
        counts = case.get("images", {})
        progress.update(tasks[0], completed=counts.get("received", 0))
        progress.update(tasks[1], completed=counts.get("forwarded", 0))
        for name, text in STAGES:
            if name not in shown and case.get("times", {}).get(name) and is_final(name, counts, images):
                shown.add(name)
                progress.console.print(f"  {text}")
        progress.update(tasks[2], completed=len(shown))
        if len(shown) == len(STAGES) and counts.get("forwarded") == images:
            break
        time.sleep(0.2)
    return case


def is_final(stage: str, counts: dict[str, int], images: int) -> bool:
    """The time of the last image moves until all are there."""
    return stage != "last_image_at" or counts.get("received") == images


def modalities(gateway: RunningGateway, study_uid: str) -> set[str]:
    """Modalities of the study's series as the archive shows them over DICOMweb."""
    with gateway.api as api:
        answer = api.get(
            f"/dicom-web/studies/{study_uid}/series", headers={"Accept": "application/dicom+json"}
        )
    return {series["00080060"]["Value"][0] for series in answer.json()} if answer.is_success else set()


def judge(
    case: dict[str, Any], phantom: Phantom, phone: SmallPhone, emr: SmallEmr, in_archive: set[str]
) -> list[Check]:
    """What must be true for the walk to count."""
    result = case.get("result") or {}
    core_error = abs((result.get("core_ml") or 0.0) - phantom.truth.core_ml)
    hypoperfused_error = abs((result.get("hypoperfused_ml") or 0.0) - phantom.truth.hypoperfused_ml)
    return [
        Check("the stroke team has the alert", len(phone.alerts) == 1),
        Check("the EMR has the message", len(emr.messages) == 1),
        Check(
            f"result objects are in the archive ({', '.join(sorted(in_archive))})",
            in_archive >= EXPECTED_MODALITIES,
        ),
        Check(f"core within {CORE_TOLERANCE_ML:.0f} ml of the truth", core_error <= CORE_TOLERANCE_ML),
        Check(
            f"hypoperfused within {HYPOPERFUSED_TOLERANCE_ML:.0f} ml of the truth",
            bool(result) and hypoperfused_error <= HYPOPERFUSED_TOLERANCE_ML,
        ),
        Check(f"side is {phantom.truth.side}", result.get("side") == phantom.truth.side),
    ]


def show(
    gateway: RunningGateway,
    case: dict[str, Any],
    phantom: Phantom,
    phone: SmallPhone,
    emr: SmallEmr,
    checks: Sequence[Check],
) -> None:
    """Print what everybody got."""
    for alert in phone.alerts[:1]:
        text = "\n".join([*alert["lines"], alert["link"], alert["disclaimer"]])
        screen.print(Panel(Text(text), title=f"phone: {alert['headline']}", border_style="red"))
    screen.print(volumes_table(case.get("result") or {}, phantom))
    screen.print(times_table(case.get("times") or {}))
    for message in emr.messages[:1]:
        screen.print(
            Panel(message.replace("\r", "\n").strip(), title="EMR: HL7 v2.5.1 ORU^R01", border_style="blue")
        )
    for check in checks:
        screen.print(f"[green]yes[/green] {check.text}" if check.holds else f"[red]NO[/red]  {check.text}")
    for alert in phone.alerts[:1]:
        screen.print(f"{'phone page':10s} {alert['link']}", soft_wrap=True)
    links = {"console": gateway.url, "case page": f"{gateway.url}/cases/{case.get('id')}"}
    if viewer := (case.get("links") or {}).get("viewer"):
        links["OHIF"] = viewer
    for name, url in links.items():
        screen.print(f"{name:10s} {url}#token={gateway.token}", soft_wrap=True)


def volumes_table(result: dict[str, Any], phantom: Phantom) -> Table:
    """Volumes beside the truth, in ml."""
    truth = phantom.truth
    rows: Sequence[tuple[str, str, float]] = (
        ("core", "core_ml", truth.core_ml),
        ("hypoperfused (Tmax > 6 s)", "hypoperfused_ml", truth.hypoperfused_ml),
        ("mismatch", "mismatch_ml", truth.hypoperfused_ml - truth.core_ml),
    )
    table = Table(
        "volume",
        "computed / ml",
        "90 % interval",
        "truth / ml",
        title=f"lesion side: {result.get('side')}, truth {truth.side}",
    )
    for text, key, true_ml in rows:
        value, ends = result.get(key), (result.get("intervals") or {}).get(key)
        shown = "-" if value is None else f"{value:.1f}"
        table.add_row(text, shown, span(Interval(**ends)) if ends else "-", f"{true_ml:.1f}")
    return table


def times_table(times: dict[str, Any]) -> Table:
    """Seconds of every stage since the last image."""
    table = Table("stage", "seconds since the last image")
    last = times.get("last_image_at")
    for name, text in STAGES:
        if last and times.get(name):
            since = (datetime.fromisoformat(times[name]) - datetime.fromisoformat(last)).total_seconds()
            table.add_row(text, f"{since:+.2f}")
    return table


def wait_for_interrupt() -> None:
    """Keep everything running until Ctrl-C."""
    screen.print("\nLook around; Ctrl-C ends the demo.")
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, subprocess.SubprocessError) as exc:
        screen.print(f"[red]{exc}[/red]")
        sys.exit(1)
