"""A physician signs off a result: written down first, then told to everybody who has it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import structlog

from gateway.engine import Client
from gateway.lanes import Priority, Queue
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case, CaseState, DeliveryKind
from gateway.ledger.signoffs import Identity, SignOff
from gateway.signing import documents
from triage.errors import InputError

log = structlog.get_logger()

LONGEST_NAME, LONGEST_REMARK = 64, 300
"""Letters; a name fits a DICOM person name, a remark the physician's box."""

SHORTEST_NAME = 3
ARCHIVE = "archive"
CONCLUDED = frozenset({CaseState.ANALYSED, CaseState.NOT_ANALYSED})


@dataclass(frozen=True, slots=True)
class Statement:
    """What a physician states at a sign-off; `revision` is the one that was read."""

    revision: int
    physician: str = field(repr=False)
    role: str = field(repr=False)
    remark: str = field(default="", repr=False)
    identity: Identity = Identity.STATED

    def tidied(self) -> "Statement":
        """The same without what cannot be printed, and cut to what is kept."""
        return replace(
            self,
            physician=_plain(self.physician, LONGEST_NAME),
            role=_plain(self.role, LONGEST_NAME),
            remark=_plain(self.remark, LONGEST_REMARK),
        )


def _plain(text: str, most: int) -> str:
    r"""One line of what can be printed.

    >>> _plain(" BS.\tNguyễn\n Văn\x00 B ", 64)
    'BS. Nguyễn Văn B'
    """
    spaced = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(spaced.split())[:most].strip()


def obstacle(ledger: Ledger, case: Case, revision_folder: Path) -> str:
    """Why the present revision of a case cannot be signed off now; empty when it can.

    Parameters
    ----------
    revision_folder
        Of the present revision.
    """
    if case.state not in CONCLUDED:
        return "there is no result to sign off, or not yet"
    if not case.perfusion_series_uid:
        return "the study has no perfusion series, and so no report"
    if ledger.signoffs.of(case.id, case.revision) is not None:
        return f"revision {case.revision} is signed off already"
    if documents.issue(revision_folder, documents.PUBLISHED) is None:
        return "the report is not drawn yet: try again in a minute"
    return ""


def sign_off(
    ledger: Ledger, client: Client, case: Case, folder: Path, said: Statement, now: Callable[[], datetime]
) -> SignOff:
    """Record a sign-off and start what follows; the same physician again changes nothing.

    Raises
    ------
    InputError
        It cannot be signed off, by this name, or another revision was read; the message says why.
    TemporaryError
        The ledger or the engine is away; ask again.
    """
    told = said.tidied()
    if len(told.physician) < SHORTEST_NAME or not told.role:
        raise InputError("a sign-off needs the physician's name and role")
    if told.revision != case.revision:
        raise InputError(
            f"revision {told.revision} was read, but revision {case.revision} is the present one: read that one"
        )
    known = ledger.signoffs.of(case.id, case.revision)
    if known is None:
        if reason := obstacle(ledger, case, folder):
            raise InputError(reason)
        words = (told.physician, told.role, told.remark)
        known = ledger.signoffs.record(case.id, case.revision, *words, now(), told.identity)
        log.info("revision signed off", case_id=case.id, revision=case.revision)
    if (known.physician, known.role) != (told.physician, told.role):
        raise InputError(f"revision {case.revision} is signed off already")
    key = ledger.deliveries.queue(case.id, case.revision, DeliveryKind.SIGNOFF, ARCHIVE, now())
    what = (DeliveryKind.SIGNOFF.value, case.id, case.revision, ARCHIVE)
    client.submit("deliver", key, *what, queue=Queue.DELIVER, priority=Priority.NORMAL)
    return known
