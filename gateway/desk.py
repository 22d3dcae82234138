"""What the steps of a workflow work with: put together once per worker process."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from gateway.alerts.switchboard import Switchboard
from gateway.analysts import Analysts
from gateway.config import Config
from gateway.engine import Client
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case
from triage.errors import InputError
from viewer_bridge.archive.orthanc import Orthanc

SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Desk:
    """Configuration and the things with a state: ledger, engine, archive, analysts, switchboard."""

    config: Config
    ledger: Ledger
    client: Client
    orthanc: Orthanc
    analysts: Analysts
    switchboard: Switchboard = field(init=False)
    """The lines by which people are called; they share ledger and configuration."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "switchboard", Switchboard(self.ledger, self.config))

    def now(self) -> datetime:
        """The worker's clock."""
        return datetime.now(UTC)

    def case(self, case_id: str) -> Case:
        """Return the case.

        Raises
        ------
        InputError
            There is none of that id.
        """
        case = self.ledger.cases.get(case_id)
        if case is None:
            raise InputError(
                f"there is no case {case_id}; was the ledger replaced while the engine's journal stayed?"
            )
        return case

    def folder(self, case_id: str, revision: int) -> Path:
        """Where a revision's result, arrays, pictures and objects lie."""
        return self.config.cases_dir / case_id / f"r{revision}"

    def prepare(self, case_id: str, revision: int, paths: Sequence[str]) -> None:
        """Have stored images of a perfusion series worked on before the series is whole."""
        self.analysts.prepare(analyst_key(case_id, revision), [str(self.spooled(path)) for path in paths])

    def keep(self, revisions: Collection[tuple[str, int]]) -> None:
        """Stop working ahead for all cases but these."""
        self.analysts.keep({analyst_key(case_id, revision) for case_id, revision in revisions})

    def stop(self, case_id: str, revision: int) -> None:
        """End a case's analyst, whatever it is doing."""
        self.analysts.forget(analyst_key(case_id, revision))

    def link(self, case_id: str) -> str:
        """The case page, computed from the id alone."""
        return f"{self.config.http.base_url}/cases/{case_id}"

    def spooled(self, path: str) -> Path:
        """A stored object's file."""
        return self.config.spool_dir / path

    def some_image(self, case: Case) -> Path:
        """One stored image of the case's perfusion series, or of the study: the source of patient and study modules."""
        series = case.perfusion_series_uid
        paths = self.ledger.arrivals.series_paths(case.study_uid, series) if series else []
        if not paths:
            paths = [image.path for image in self.ledger.arrivals.images(case.study_uid)[:1]]
        return self.spooled(paths[0])


def analyst_key(case_id: str, revision: int) -> str:
    """The name of the analyst of a case's revision."""
    return f"{case_id}:r{revision}"
