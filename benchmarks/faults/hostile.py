"""Hostile content through the front door of a whole gateway: every object comes to exactly one end, and nobody dies of it."""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3

from benchmarks.faults import corpus, readers
from benchmarks.faults.corpus import Hostile
from benchmarks.faults.peer import (
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    SUCCESS,
    Lost,
    Peer,
    association_request,
    store_message,
)
from benchmarks.faults.report import Row, at_most, none_of, row, wait_until
from benchmarks.faults.testimony import digest_of
from benchmarks.running import RunningGateway, running_gateway
from gateway.ledger.records import case_id_of

HANG_S = 5.0
SILENCE_S = 30.0
END_S = 90.0
SEEDS = (1, 2, 3)
SETTINGS = {"intake": {"quiet_s": 1.0, "association_grace_s": 0.2}}
OPEN_STATES = ("receiving", "analysing")
RESTARTED = '"process died and is restarted"'


@dataclass
class Outcome:
    """How each object ended at the door; then what became of those that were taken."""

    ends: dict[str, list[str]] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)
    """Digests by name."""
    longest_s: float = 0.0

    def note(self, item: Hostile, end: str, took_s: float) -> None:
        """One object's end at the door."""
        self.ends.setdefault(item.name, []).append(end)
        self.longest_s = max(self.longest_s, took_s)


def send(port: int, item: Hostile) -> str:
    """Send one object over an association of its own; returns its end at the door."""
    with Peer(port, timeout_s=SILENCE_S) as peer:
        try:
            kind, body = peer.associate(
                association_request("HOSTILE", "STROKEGW", item.sop_class, item.syntax)
            )
            if kind == ASSOCIATE_RJ:
                return f"rejected {body[1]}/{body[2]}/{body[3]}"
            if kind != ASSOCIATE_AC:
                return "aborted"
            if _result(body):
                return f"context refused ({_result(body)})"
            peer.send(store_message(item.instance, item.dataset, item.sop_class))
            status = peer.status()
            if status == SUCCESS:
                peer.release()
        except Lost as exc:
            return "aborted" if str(exc) != "silent" else "silence"
    return "taken" if status == SUCCESS else f"refused {status:04X}"


def _result(body: bytes) -> int:
    """Result of the first presentation context (PS3.8 table 9-18)."""
    at = body.index(b"\x21\x00", 68)
    return body[at + 6]


def send_all(port: int, items: Iterable[Hostile], outcome: Outcome) -> None:
    """One object after the other."""
    for item in items:
        start = time.monotonic()
        try:
            end = send(port, item)
        except OSError as exc:
            end = f"no connection ({type(exc).__name__})"
        outcome.note(item, end, time.monotonic() - start)
        if end == "taken":
            outcome.taken[item.name] = blake3(item.dataset).hexdigest()


def arrivals(data_dir: Path) -> list[tuple[str, str, str, str]]:
    """Digest, path, state and reason of every arrival."""
    connection = sqlite3.connect(f"file:{data_dir / 'ledger.db'}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(
            "SELECT digest, path, forward_state, coalesce(forward_reason, '') FROM arrivals"
        ).fetchall()
    finally:
        connection.close()


def studies(data_dir: Path) -> dict[str, str]:
    """Study of every arrival by digest."""
    connection = sqlite3.connect(f"file:{data_dir / 'ledger.db'}?mode=ro", uri=True, timeout=30)
    try:
        return dict(connection.execute("SELECT digest, study_uid FROM arrivals").fetchall())
    finally:
        connection.close()


def run(folder: Path, items: Sequence[Hostile], seed: int) -> list[Row]:
    """All objects in one random order against a fresh gateway."""
    order = list(items)
    random.Random(seed).shuffle(order)
    outcome = Outcome()
    before = {path.name for path in folder.parent.iterdir()}
    with running_gateway(folder, SETTINGS) as gateway:
        children = gateway.children()
        offered = readers.offer(gateway, order)
        send_all(gateway.dicom_port, order, outcome)
        ended_s = wait_until(lambda: _is_over(gateway), END_S, 0.3)
        rows = arrivals(gateway.data_dir)
        cases = all_cases(gateway)
        found = [
            *_door_rows(outcome, len(order), seed),
            *_ledger_rows(gateway.data_dir, outcome, rows, ended_s),
            *_case_rows(gateway, cases),
            *offered,
            *readers.read(gateway, cases, studies(gateway.data_dir)),
            none_of("processes that died", [line[:200] for line in list(gateway.log) if RESTARTED in line]),
            row("the same processes, Orthanc too", "yes", (same := gateway.children() == children), met=same),
        ]
    escaped = [path.name for path in folder.iterdir() if path.name not in {"data", "gateway.toml"}]
    escaped += [path.name for path in folder.parent.iterdir() if path.name not in before | {folder.name}]
    return [*found, none_of("files outside the data directory", escaped)]


def _is_over(gateway: RunningGateway) -> bool:
    if any(state == "pending" for _, _, state, _ in arrivals(gateway.data_dir)):
        return False
    return all(case["state"] not in OPEN_STATES for case in all_cases(gateway))


def all_cases(gateway: RunningGateway) -> list[dict[str, object]]:
    """Every case, however many: the list of the API shows the latest."""
    ids = {case_id_of(study) for study in studies(gateway.data_dir).values()}
    with gateway.api as api:
        answers = {case_id: api.get(f"/api/v1/cases/{case_id}") for case_id in sorted(ids)}
    return [
        answer.json() if answer.is_success else {"id": case_id, "state": OPEN_STATES[0]}
        for case_id, answer in answers.items()
    ]


def _door_rows(outcome: Outcome, count: int, seed: int) -> list[Row]:
    ends = Counter(end for found in outcome.ends.values() for end in found)
    told = ", ".join(f"{end} {number}" for end, number in ends.most_common())
    bad = [
        f"{name}: {end}"
        for name, found in outcome.ends.items()
        for end in found
        if end == "silence" or end.startswith("no connection")
    ]
    return [
        row(f"objects sent (order {seed})", f"{count}", f"{ends.total()}: {told}", met=ends.total() == count),
        none_of("objects without an answer", bad),
        at_most("longest wait for an answer", HANG_S, outcome.longest_s, "s"),
    ]


def _ledger_rows(
    data_dir: Path, outcome: Outcome, rows: Sequence[tuple[str, str, str, str]], ended_s: float
) -> list[Row]:
    states = Counter(state for _, _, state, _ in rows)
    digests = {digest: digest_of(data_dir / "spool" / path) for digest, path, _, _ in rows}
    lost = [name for name, digest in outcome.taken.items() if digest not in digests]
    changed = [digest[:12] for digest, found in digests.items() if digest != found]
    silent = [
        f"{digest[:12]} {state}" for digest, _, state, reason in rows if state != "forwarded" and not reason
    ]
    told = ", ".join(f"{state} {number}" for state, number in states.most_common())
    return [
        row(
            "taken objects in an end state",
            f"<= {END_S:.0f} s",
            f"{ended_s:.1f} s: {told}",
            met=ended_s < END_S,
        ),
        none_of("taken objects that are not in the ledger", lost),
        none_of("taken objects whose file has other bytes", changed),
        none_of("taken objects without an end or a reason", silent),
    ]


def _case_rows(gateway: RunningGateway, cases: Sequence[dict[str, object]]) -> list[Row]:
    states = Counter(str(case["state"]) for case in cases)
    unsaid = [
        str(case["id"])
        for case in cases
        if case["state"] in {*OPEN_STATES, "not_analysed", "no_perfusion"}
        and not (case.get("reason") or case.get("proof"))
    ]
    with gateway.api as api:
        broken = [
            f"{place} {answer.status_code}"
            for place in ("/readyz", "/", "/metrics", *(f"/api/v1/cases/{case['id']}" for case in cases))
            if (answer := api.get(place, follow_redirects=True)).status_code >= 400
        ]
    return [
        row("cases and their states", "some", dict(states), met=bool(states)),
        none_of("cases open, or ended without a reason", unsaid),
        none_of("pages of the API that fail", broken),
    ]


def rows(folder: Path, *, is_long: bool) -> list[Row]:
    """The short form sends our own objects once; the long one all there are, in three orders."""
    if not is_long:
        return run(folder / "short", list(corpus.of_our_own()), SEEDS[0])
    items = [*corpus.of_our_own(), *corpus.of_libraries(), *corpus.of_others()]
    return [line for seed in SEEDS for line in run(folder / f"order-{seed}", items, seed)]
