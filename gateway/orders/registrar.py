"""The loop of a worker process that finds the order of every study, and finds it again when something changes.

It stands beside the pipeline and never in its way: an alert does not wait for an order. All of it is derived from what
is durable and may be repeated, by itself and by the loops of other workers.
"""

import time
from datetime import datetime
from threading import Event

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.desk import Desk
from gateway.orders.consequences import correct_results
from gateway.orders.evidence import StudyHeader
from gateway.orders.headers import header_of_study
from gateway.orders.matchmaker import Matchmaker
from triage.errors import GatewayError, InputError, TemporaryError

log = structlog.get_logger()

LOOK_EVERY_S = 0.5
READER = "registrar"
STUDIES_AT_ONCE = 50
REST_S = 60.0
"""Between two attempts to read a study whose images cannot be read now."""


class Registrar:
    """Has studies matched; one in each worker."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._orders = desk.ledger.orders
        self._matchmaker = Matchmaker(desk.ledger, desk.config.orders)
        self._rest_until: dict[str, float] = {}

    def run(self, stop: Event) -> None:
        """Look every half second until `stop` is set; a database that is away is looked for again."""
        while not stop.wait(LOOK_EVERY_S):
            try:
                self.look(self._desk.now())
            except (GatewayError, SQLAlchemyError) as exc:
                log.warning("matching waits", kind=type(exc).__name__, reason=str(exc))

    def look(self, now: datetime) -> None:
        """New studies, then those that changed orders and patients concern, then results that want correction."""
        for study_uid in self._orders.matches.unmatched_cases(STUDIES_AT_ONCE):
            self._meet(study_uid, now)
        self._matchmaker.follow_changes(READER, now)
        for study_uid, number, reason in self._orders.matches.corrections_waiting():
            correct_results(self._desk, study_uid, reason)
            self._orders.matches.correction_started(study_uid, number, now)

    def _meet(self, study_uid: str, now: datetime) -> None:
        """A study that nobody has looked at yet."""
        if self._rest_until.get(study_uid, 0.0) > time.monotonic():
            return
        try:
            header = header_of_study(self._desk, study_uid)
        except TemporaryError as exc:
            self._rest_until[study_uid] = time.monotonic() + REST_S
            log.info("a study is matched later", reason=str(exc))
            return
        except InputError as exc:
            log.warning("a study cannot be matched", reason=str(exc))
            header = StudyHeader(study_uid)  # its UID may still be in an order
        self._rest_until.pop(study_uid, None)
        self._matchmaker.settle(header, now)
