"""What the routes work with: put together once per API process."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from gateway.access import Access
from gateway.api.problems import Problem
from gateway.api.summary import case_json
from gateway.config import Config
from gateway.engine import Client
from gateway.ledger import views
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case
from gateway.ledger.views import Mark

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
    """Configuration, ledger, engine and access of one API process."""

    config: Config
    ledger: Ledger
    client: Client
    access: Access

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
        """Cases as the API shows them, with two queries for all of them."""
        deliveries = views.deliveries_of(self.ledger.engine, [case.id for case in cases])
        images = views.image_counts(self.ledger.engine, [case.study_uid for case in cases])
        return [
            case_json(case, deliveries.get(case.id, []), images.get(case.study_uid, {}), self.config)
            for case in cases
        ]

    def pictures(self, case: Case) -> list[Path]:
        """Pictures of the case's present revision, by name; empty until they are drawn."""
        folder = self.config.cases_dir / case.id / f"r{case.revision}" / "pictures"
        return sorted(folder.glob("*.png"))

    def patient_file(self, case: Case) -> Path | None:
        """A received object of the study, in which the person is named."""
        path = views.some_path(self.ledger.engine, case.study_uid)
        return self.config.spool_dir / path if path else None
