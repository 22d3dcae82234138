"""A patient who must not be found outside the house: one whole walk, and everything that left the gateway.

The gateway runs with its logs at their most talkative. People are called by every kind of channel; the other sides are
doubles that really decrypt and decode. There is one escalation, one answer, one revision and one trouble.
"""

import base64
import json
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from benchmarks.phantom import Patient, make_patient
from benchmarks.proofs.outside import CANARY, Outside, words_of
from benchmarks.proofs.table import Row, none_of
from benchmarks.proofs.world import World, a_world, enter
from benchmarks.running import RunningGateway, running_gateway
from benchmarks.scanner import Part, Written, write_study
from gateway.ledger.ledger import Ledger
from tests.channels import peers

SMALL = Patient(matrix=128, slices=12, frames=30, frame_step_s=2.0)
"""The smallest on which the analysis still finds the arteries."""
PATIENCE_S = 150.0
AFTERWARDS_S = 10.0
"""What a revision sends is on its way by then."""


def _until(look: Any, what: str) -> Any:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.3)
    raise TimeoutError(f"{what}: not within {PATIENCE_S:.0f} s")


@dataclass
class Walk:
    """What happened on the way, for the table."""

    escalated: bool = False
    answered: bool = False
    revised: bool = False
    troubled: bool = False

    def all_there(self) -> bool:
        """Whether the walk was the one that was promised."""
        return self.escalated and self.answered and self.revised and self.troubled


def _go(gateway: RunningGateway, ledger: Ledger, written: Written) -> Walk:
    """The study comes; the second level is called; somebody answers; late images make a revision."""
    walk, late = Walk(), written.files[Part.PERFUSION][-12:]
    first = [path for path in written.paths if path not in late]
    gateway.send(first).communicate(timeout=120)
    case = gateway.wait_for(written.study_uid, lambda one: bool(one["times"]["alert_sent_at"]), PATIENCE_S)
    walk.escalated = bool(
        _until(
            lambda: any(
                call.step >= 2 and call.times["sent_at"] for call in ledger.calls.of_case(case["id"])
            ),
            "escalation",
        )
    )
    walk.troubled = bool(_until(ledger.troubles.open_now, "trouble"))
    with gateway.api as api:
        answer = {"kind": "take", "by": "on call"}
        walk.answered = api.post(f"/api/v1/cases/{case['id']}/answers", json=answer).is_success
        api.post(f"/api/v1/cases/{case['id']}/comments", json={"text": "on the way", "by": "on call"})
    gateway.send(late).communicate(timeout=60)
    gateway.wait_for(
        written.study_uid, lambda one: one["revision"] > 1 and bool(one["times"]["analysed_at"]), PATIENCE_S
    )
    walk.revised = True
    time.sleep(AFTERWARDS_S)
    return walk


def _inside(gateway: RunningGateway, ledger: Ledger, outside: Outside, written: Written) -> None:
    """What the house itself shows to those who may not know: logs, metrics, names of files, the engine's journal, addresses."""
    with gateway.api as api:
        outside.add("metrics", api.get("/metrics").text)
        case = gateway.case(written.study_uid) or {}
        for address in ("/healthz", "/readyz", "/sources", "/statistics", "/audit", "/audit.csv", "/rota", "/people", "/", "/jobs",
                        "/api/v1/statistics/registry?from=2020-01-01&to=2099-01-01"):  # fmt: skip
            shown = api.get(address, headers={"Accept": "text/html,*/*"}).text
            outside.add(f"GET {address}", shown)
    for line in list(gateway.log):
        outside.add("log", line)
    for path in gateway.data_dir.rglob("*"):
        outside.add("file name", str(path.relative_to(gateway.data_dir)))
    for call in ledger.calls.of_case(str(case["id"])):
        outside.add("call", f"{call.target} {call.detail}")


def _by_link(gateway: RunningGateway, world: World, outside: Outside) -> int:
    """What whoever has an alert's link gets to see, without an account; returns how many answers that were."""
    links = {body["link"] for body in world.hook.bodies if "/a/" in str(body.get("link"))}
    answers = 0
    for link in links:
        with httpx.Client(
            base_url=gateway.url, follow_redirects=True, trust_env=False, timeout=20
        ) as somebody:
            page = somebody.get(urlsplit(link).path)
            for address in (page.url.path, f"{page.url.path}/part"):
                shown = somebody.get(address)
                answers += shown.is_success
                outside.add("page by an alert's link", shown.text)
    return answers


def _journal(path: Path, outside: Outside) -> int:
    """Every value that the engine has written down."""
    values = 0
    with sqlite3.connect(path) as rows:
        names = [name for (name,) in rows.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            for row in rows.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - names come from the database itself
                values += 1
                outside.add("journal", " ".join(str(each) for each in row))
    return values


def prove() -> list[Row]:
    """Walk, open everything, search."""
    if not (Path(peers.MOSQUITTO).exists() and shutil.which("dcmsend")):
        return [Row("canary outside the house", "0", "mosquitto or dcmtk is not installed", met=False)]
    with tempfile.TemporaryDirectory() as name, a_world(Path(name)) as world:
        folder = Path(name)
        written = write_study(make_patient(SMALL), folder / "scanner", "siemens", person=CANARY)
        outside = Outside()
        with running_gateway(folder / "gateway", world.tables()) as gateway:
            ledger = Ledger.open(f"sqlite:///{gateway.data_dir.resolve() / 'ledger.db'}")
            enter(ledger, world)
            walk = _go(gateway, ledger, written)
            _inside(gateway, ledger, outside, written)
            answers = _by_link(gateway, world, outside)
            ledger.engine.dispose()
        journal = _journal(gateway.data_dir / "engine.db", outside)
        world.emptied_into(outside)
    return _rows(world, walk, outside, words_of(written), (len(gateway.log), journal, answers))


def _rows(
    world: World, walk: Walk, outside: Outside, words: Sequence[str], looked: tuple[int, int, int]
) -> list[Row]:
    counts = world.counts()
    planted = Outside()
    sample = f"Case of {CANARY.name} {CANARY.patient_id}"
    planted.add("plain", sample)
    planted.add("base64", base64.b64encode(f"....{sample}".encode()))
    planted.add("address", quote(sample))
    planted.add("journal", json.dumps(sample))
    found_in = {where.split(":")[0] for where in planted.holding(words)}
    return [
        none_of(
            f"canary (name, numbers, birth date, UIDs: {len(words)} words) in {len(outside.seen)} texts",
            outside.holding(words),
        ),
        Row("  escalation, answer, revision, trouble on the way", "all", str(walk), walk.all_there()),
        Row(
            "  notices received, by channel",
            ">= 1",
            ", ".join(f"{name} {n}" for name, n in counts.items()),
            min(counts.values()) > 0,
        ),
        Row(
            "  lines of log at debug, rows of the engine's journal, pages by links",
            ">= 1",
            str(looked),
            min(looked) > 0,
        ),
        Row(
            "  control: planted plain, in base64, in an address, as JSON",
            "4",
            str(len(found_in)),
            len(found_in) == 4,
        ),
    ]
