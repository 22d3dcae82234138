"""Who asked us to vouch for which objects, what we found, and whether they heard it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import JSON, Column, Engine, Integer, RowMapping, String, Table, Text, func, select, update

from dicom_scp.commitment import Failure, Reference, Request, Verdict
from gateway.ledger.records import moment_of, utc_text
from gateway.ledger.schema import arrivals, metadata
from gateway.ledger.statements import insert_once, rows, run

commitments = Table(
    "commitments",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("transaction_uid", String(64), nullable=False),
    Column("calling_ae", String(16), nullable=False),
    Column("objects", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("failures", JSON),
    Column("judged_at", String(32)),
    Column("asked_at", String(32), nullable=False),
    Column("held_until", String(32)),
    Column("attempts", Integer, nullable=False, default=0),
    Column("detail", Text),
    Column("done_at", String(32)),
)


class CommitmentState(StrEnum):
    """Where a request stands; GIVEN_UP wants a person."""

    ASKED = "asked"
    JUDGED = "judged"
    REPORTED = "reported"
    GIVEN_UP = "given_up"


_UNFINISHED = (CommitmentState.ASKED.value, CommitmentState.JUDGED.value)


@dataclass(frozen=True, slots=True)
class Commitment:
    """One request; `failures` has reasons by position in `objects`, and is None until the objects were looked at."""

    id: str
    calling_ae: str
    request: Request
    state: CommitmentState
    failures: Mapping[str, int] | None
    asked_at: datetime
    judged_at: datetime | None
    held_until: datetime | None
    detail: str | None

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What to report, once judged."""
        found = self.failures or {}
        reasons = (found.get(str(position)) for position in range(len(self.request.references)))
        return tuple(
            Verdict(reference, Failure(reason) if reason else None)
            for reference, reason in zip(self.request.references, reasons, strict=True)
        )


def commitment_id_of(calling_ae: str, transaction_uid: str) -> str:
    """Key of a request: two peers may choose the same transaction UID."""
    return str(uuid5(NAMESPACE_OID, f"stroke-gateway|commitment|{calling_ae}|{transaction_uid}"))


class Commitments:
    """Requests for storage commitment; what is over does not change any more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ask(self, calling_ae: str, request: Request, now: datetime, held_until: datetime) -> bool:
        """Make a request durable; returns whether it was new.

        Until `held_until` only the association that brought it reports.
        """
        new = {
            "id": commitment_id_of(calling_ae, request.transaction_uid),
            "transaction_uid": request.transaction_uid,
            "calling_ae": calling_ae,
            "objects": [[each.sop_class_uid, each.sop_instance_uid] for each in request.references],
            "state": CommitmentState.ASKED.value,
            "asked_at": utc_text(now),
            "held_until": utc_text(held_until),
            "attempts": 0,
        }
        return insert_once(self._engine, commitments, new)

    def get(self, key: str) -> Commitment | None:
        """Return a request, or None."""
        found = rows(self._engine, select(commitments).where(commitments.c.id == key))
        return _commitment(found[0]) if found else None

    def unfinished(self) -> list[str]:
        """Requests that nobody has heard our answer to."""
        query = select(commitments.c.id).where(commitments.c.state.in_(_UNFINISHED))
        return [row["id"] for row in rows(self._engine, query)]

    def counts(self) -> dict[str, int]:
        """Number of requests by state."""
        query = select(commitments.c.state, func.count().label("n")).group_by(commitments.c.state)
        return {row["state"]: row["n"] for row in rows(self._engine, query)}

    def arrivals_of(self, sop_instance_uid: str) -> list[int]:
        """Arrivals under a UID; more than one when different bytes share it."""
        query = select(arrivals.c.id).where(arrivals.c.sop_instance_uid == sop_instance_uid)
        return [row["id"] for row in rows(self._engine, query)]

    def judged(self, key: str, failures: Mapping[str, int], now: datetime) -> None:
        """All objects were looked at, perhaps once more."""
        found = {"failures": dict(failures), "judged_at": utc_text(now)}
        self._change(key, state=CommitmentState.JUDGED.value, **found)

    def hold(self, key: str, until: datetime | None) -> None:
        """Only the association that brought the request reports until then; None lets it go."""
        self._change(key, held_until=until and utc_text(until))

    def reported(self, key: str, now: datetime) -> None:
        """The peer confirmed our report."""
        self._end(key, CommitmentState.REPORTED, now, None)

    def given_up(self, key: str, now: datetime, detail: str) -> None:
        """Nobody will try again by itself: a person must look."""
        self._end(key, CommitmentState.GIVEN_UP, now, detail)

    def tried(self, key: str, detail: str) -> None:
        """An attempt failed; another follows."""
        self._change(key, attempts=commitments.c.attempts + 1, detail=detail)

    def _end(self, key: str, state: CommitmentState, now: datetime, detail: str | None) -> None:
        self._change(key, state=state.value, done_at=utc_text(now), detail=detail)

    def _change(self, key: str, **values: Any) -> None:
        chosen = (commitments.c.id == key) & commitments.c.state.in_(_UNFINISHED)
        run(self._engine, update(commitments).where(chosen).values(**values))


def _commitment(row: RowMapping) -> Commitment:
    references = tuple(Reference(*pair) for pair in row["objects"])
    return Commitment(
        id=row["id"],
        calling_ae=row["calling_ae"],
        request=Request(row["transaction_uid"], references),
        state=CommitmentState(row["state"]),
        failures=row["failures"],
        asked_at=moment_of(row["asked_at"]),
        judged_at=moment_of(row["judged_at"]) if row["judged_at"] else None,
        held_until=moment_of(row["held_until"]) if row["held_until"] else None,
        detail=row["detail"],
    )
