"""What is left when the killing is over, read from the ledger, the spool and the phone."""

import math
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from benchmarks.ingest import dataset_of
from benchmarks.watching import TimedPhone
from gateway.ledger.deliveries import TEAM

END_S = 120.0
"""How long a case may take to its end after the last kill."""
QUIETLY_ENDED = ("no_perfusion",)
ENDED = ("analysed", "not_analysed", *QUIETLY_ENDED)


@dataclass(frozen=True, slots=True)
class Case:
    """A case as the ledger has it, and what of it is still to be done."""

    id: str
    study_uid: str
    state: str
    revision: int
    alerts_handed_over: int
    """To the phone, of the last revision."""
    archive_left: int
    deliveries_failed: int
    """That nobody of a team answered, which no machine does here, is none of them."""

    @property
    def is_over(self) -> bool:
        """Whether it ended and the team was told."""
        return self.state in QUIETLY_ENDED or (self.state in ENDED and self.alerts_handed_over > 0)


CASES = """
    SELECT id, study_uid, state, revision,
        (SELECT count(*) FROM deliveries d
            WHERE d.case_id = cases.id AND d.revision = cases.revision AND d.state = 'delivered'
            AND d.kind = 'alert' AND d.target LIKE 'http%'),
        (SELECT count(*) FROM deliveries d
            WHERE d.case_id = cases.id AND d.state IN ('queued', 'retrying') AND d.kind = 'publish')
        + (SELECT count(*) FROM arrivals a WHERE a.study_uid = cases.study_uid AND a.forward_state = 'pending'),
        (SELECT count(*) FROM deliveries d WHERE d.case_id = cases.id AND d.state = 'failed' AND d.target != ?)
    FROM cases
"""


def ask(data_dir: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    """Read the ledger, whoever lives."""
    with closing(sqlite3.connect(f"file:{data_dir / 'ledger.db'}?mode=ro", uri=True, timeout=30)) as ledger:
        return ledger.execute(query, values).fetchall()


def unfinished(data_dir: Path, studies: Sequence[str]) -> int:
    """How many of these studies have no case that ended, or no case yet."""
    states = dict(ask(data_dir, "SELECT study_uid, state FROM cases"))
    return sum(states.get(study) not in ENDED for study in studies)


def wait_for_the_end(data_dir: Path, studies: Sequence[str]) -> tuple[float, list[Case]]:
    """Seconds until the cases of all studies are over, and the cases; infinity when it took too long."""
    began = time.monotonic()
    while True:
        cases = [Case(*row) for row in ask(data_dir, CASES, TEAM)]
        if set(studies) <= {case.study_uid for case in cases if case.is_over}:
            return time.monotonic() - began, cases
        if time.monotonic() - began > END_S:
            return math.inf, cases
        time.sleep(0.5)


def lost(data_dir: Path, acknowledged: Mapping[str, str]) -> list[str]:
    """Acknowledged images that are not in the ledger, or whose bytes are not in the spool as they were sent."""
    known = ask(data_dir, "SELECT sop_instance_uid, digest, path FROM arrivals")
    paths = {(uid, digest): data_dir / "spool" / path for uid, digest, path in known}
    return [uid for uid, digest in acknowledged.items() if not _is_kept(paths.get((uid, digest)), digest)]


def _is_kept(path: Path | None, digest: str) -> bool:
    if path is None or not path.is_file():
        return False
    return blake3(dataset_of(path)).hexdigest() == digest


@dataclass(frozen=True, slots=True)
class Told:
    """What the phone was told."""

    without: list[str]
    """Cases whose last revision nobody was told of."""
    twice: list[str]
    """Revisions under more than one key."""
    repeats: int
    """Requests that its receiver drops, as their key is known."""
    first: int


def told(phone: TimedPhone, cases: Sequence[Case]) -> Told:
    """Compare alerts with cases."""
    perfusion = [case for case in cases if case.state in {"analysed", "not_analysed"}]
    every = list(phone.keys.items())
    return Told(
        without=[case.id for case in perfusion if (case.id, case.revision) not in phone.keys],
        twice=[f"{case_id} r{revision}" for (case_id, revision), keys in every if len(keys) > 1],
        repeats=sum(keys.total() - len(keys) for _, keys in every),
        first=len(every),
    )
