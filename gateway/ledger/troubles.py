"""What wants a person of IT: opened once, told, told again, closed, and said so."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

from sqlalchemy import ColumnElement, Engine, RowMapping, select, update

from gateway.ledger.records import utc_text
from gateway.ledger.statements import insert_once, rows, run
from gateway.ledger.troubles_tables import troubles


class TroubleKind(StrEnum):
    """What is wrong."""

    SCANNER_SILENT = "scanner_silent"
    """No image for longer than is usual at this hour."""
    SCANNER_CLOCK = "scanner_clock"
    """Its clock is not ours."""
    OUR_CLOCK = "our_clock"
    """Ours is not that of the others, or has jumped."""
    CHANNEL_DEAD = "channel_dead"
    """Alerts would not arrive by it."""
    PHANTOM = "phantom"
    """The made-up patient did not come through, or with other numbers."""
    NOBODY_ON_DUTY = "nobody_on_duty"
    """A level of alerts that nobody would have heard."""
    NOBODY_REACHED = "nobody_reached"
    """Nobody of a level could be reached by any channel."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that wants a person; it names no patient.

    Attributes
    ----------
    subject
        What it is about: a calling title, a channel without its address, a role. At most one is open for each kind and subject.
    detail
        In words, with the next step; the latest stands.
    told_at, tellings
        When IT was last told, and how often.
    closing, closing_told_at
        How it ended, and when those who had been told were told that.
    """

    id: str
    kind: TroubleKind
    subject: str
    detail: str
    opened_at: str
    told_at: str | None = None
    tellings: int = 0
    closed_at: str | None = None
    closing: str | None = None
    closing_told_at: str | None = None


class Troubles:
    """Troubles of the site; every change may be repeated."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self, kind: TroubleKind, subject: str, detail: str, now: datetime) -> Trouble:
        """Open a trouble, unless it is open already: then its detail is the new one. Returns it."""
        new = Trouble(str(uuid4()), kind, subject, detail, utc_text(now))
        same = _open(kind, subject)
        if not insert_once(self._engine, troubles, asdict(new)):
            run(self._engine, update(troubles).where(same, troubles.c.detail != detail).values(detail=detail))
        found = self._read(same)
        return found[0] if found else new

    def close(self, kind: TroubleKind, subject: str, closing: str, now: datetime) -> bool:
        """It is over; returns whether one was open."""
        ended = {"closed_at": utc_text(now), "closing": closing}
        return run(self._engine, update(troubles).where(_open(kind, subject)).values(**ended)) > 0

    def get(self, trouble_id: str) -> Trouble | None:
        """Return the trouble, or None."""
        found = self._read(troubles.c.id == trouble_id)
        return found[0] if found else None

    def open_now(self, *kinds: TroubleKind) -> list[Trouble]:
        """What is open, of some kinds or of all, the oldest first."""
        chosen = [troubles.c.closed_at.is_(None)]
        if kinds:
            chosen.append(troubles.c.kind.in_([kind.value for kind in kinds]))
        return self._read(*chosen)

    def closed_untold(self) -> list[Trouble]:
        """What is over while those who were told of it do not know that yet."""
        return self._read(
            troubles.c.closed_at.is_not(None),
            troubles.c.told_at.is_not(None),
            troubles.c.closing_told_at.is_(None),
        )

    def latest(self, limit: int) -> list[Trouble]:
        """Troubles, open and closed, the youngest first."""
        query = select(troubles).order_by(troubles.c.opened_at.desc(), troubles.c.id).limit(limit)
        return [_trouble(row) for row in rows(self._engine, query)]

    def told(self, trouble: Trouble, now: datetime, *, reached: bool = True) -> None:
        """IT was told of it once more, or was not `reached`."""
        seen = (troubles.c.id == trouble.id) & (troubles.c.tellings == trouble.tellings)
        values = {"told_at": utc_text(now) if reached else trouble.told_at, "tellings": trouble.tellings + 1}
        run(self._engine, update(troubles).where(seen).values(**values))

    def closing_told(self, trouble_id: str, now: datetime) -> None:
        """IT was told that it is over."""
        unsaid = (troubles.c.id == trouble_id) & troubles.c.closing_told_at.is_(None)
        run(self._engine, update(troubles).where(unsaid).values(closing_told_at=utc_text(now)))

    def _read(self, *chosen: ColumnElement[bool]) -> list[Trouble]:
        query = select(troubles).where(*chosen).order_by(troubles.c.opened_at, troubles.c.id)
        return [_trouble(row) for row in rows(self._engine, query)]


def _open(kind: TroubleKind, subject: str) -> ColumnElement[bool]:
    return (troubles.c.kind == kind.value) & (troubles.c.subject == subject) & troubles.c.closed_at.is_(None)


def _trouble(row: RowMapping) -> Trouble:
    plain = dict(row)
    return Trouble(**{**plain, "kind": TroubleKind(plain["kind"])})
