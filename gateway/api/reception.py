"""What the routes work with: put together once per API process."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping

from gateway.access import Access
from gateway.api.problems import Problem
from gateway.api.summary import case_json
from gateway.casefolder import load_inputs
from gateway.config import Config
from gateway.engine import Client
from gateway.jobs.orders import ALERT_PICTURE, PICTURES
from gateway.ledger import views
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case, case_id_of
from gateway.ledger.views import Mark
from gateway.runs.watch import Watch
from gateway.sharing.asking import exchange_of

MARK_LENGTH = 16
"""Hexadecimal digits; marks only have to differ between two states of one case."""


def digest(mark: Mark) -> str:
    """A mark as a short text, by which a page knows whether it shows the present.

    >>> digest(("a", 1)) == digest(("a", 1)), digest(("a", 1)) == digest(("a", 2))
    (True, False)
    """
    return hashlib.sha256(repr(mark).encode()).hexdigest()[:MARK_LENGTH]


@dataclass(frozen=True, slots=True)
class Reception:
    """Configuration, ledger, engine, access and what is known of the runs, of one API process."""

    config: Config
    ledger: Ledger
    client: Client
    access: Access
    watch: Watch

    def now(self) -> datetime:
        """The API's clock."""
        return datetime.now(UTC)

    def case(self, case_id: str) -> Case:
        """Return the case.

        Raises
        ------
        Problem
            404: there is none of that id.
        """
        case = self.ledger.cases.get(case_id)
        if case is None:
            raise Problem(
                HTTPStatus.NOT_FOUND, f"there is no case {case_id[:36]!r}; /api/v1/cases lists the latest"
            )
        return case

    def marks(self, limit: int, case_id: str | None = None) -> dict[str, Mark]:
        """What tells whether a case has changed, youngest case first."""
        return views.marks(self.ledger.engine, limit, case_id)

    def describe(self, cases: Sequence[Case]) -> list[dict[str, Any]]:
        """Cases as the API shows them, with a few queries for all of them."""
        deliveries = views.deliveries_of(self.ledger.engine, [case.id for case in cases])
        images = views.image_counts(self.ledger.engine, [case.study_uid for case in cases])
        disputed = views.conflicts_of(self.ledger.engine, [case.study_uid for case in cases])
        told = self.ledger.announcements.of_cases([case.id for case in cases])
        said = self.ledger.thread.of_cases([case.id for case in cases])
        shared = exchange_of(self.ledger, self.config.sharing, [case.id for case in cases])
        return [
            case_json(
                case,
                told[case.id],
                said[case.id],
                deliveries.get(case.id, []),
                images.get(case.study_uid, {}),
                self._conflicts_of(case, disputed.get(case.study_uid, [])),
                self.config,
            )
            | {"exchange": shared[case.id]}
            for case in cases
        ]

    def folder(self, case: Case) -> Path:
        """Where the case's present revision lies."""
        return self.config.cases_dir / case.id / f"r{case.revision}"

    def _conflicts_of(self, case: Case, sop_instance_uids: Sequence[str]) -> list[dict[str, Any]]:
        """Different images under one UID: the digest of each, where it can be had, and whether it was analysed."""
        if not sop_instance_uids:
            return []
        used = load_inputs(self.folder(case))
        versions = views.versions_of(self.ledger.engine, sop_instance_uids)
        return [
            {"sop_instance_uid": uid, "objects": [_version(row, used.get(uid)) for row in versions[uid]]}
            for uid in sop_instance_uids
        ]

    def pictures(self, case: Case) -> list[Path]:
        """Pictures of the case's present revision, by name; empty until they are drawn."""
        pages = (self.folder(case) / PICTURES).glob("*.png")
        return sorted(path for path in pages if path.name != ALERT_PICTURE)

    def patient_file(self, case: Case) -> Path | None:
        """A received object of the study, in which the person is named."""
        path = views.some_path(self.ledger.engine, case.study_uid)
        return self.config.spool_dir / path if path else None


def _version(row: RowMapping, used_digest: str | None) -> dict[str, Any]:
    """One of several images under one UID; in another study it belongs to another case."""
    return {
        "digest": row["digest"],
        "received_at": row["received_at"],
        "study_uid": row["study_uid"],
        "used": row["digest"] == used_digest,
        "href": f"/api/v1/cases/{case_id_of(row['study_uid'])}/objects/{row['digest']}",
    }
