"""Handovers to other hospitals, as far as each has come, and what each partner has of our objects."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, and_, delete, func, select, tuple_, update

from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import CaseState, DeliveryKind, DeliveryState, utc_text
from gateway.ledger.schema import cases, deliveries
from gateway.ledger.sharing_alarms import ReceivedAlarms
from gateway.ledger.sharing_answers import Answers
from gateway.ledger.sharing_received import ReceivedShares
from gateway.ledger.sharing_tables import shared_objects, shares
from gateway.ledger.statements import insert_within, put, rows, run, translated

UNFINISHED = (DeliveryState.QUEUED.value, DeliveryState.RETRYING.value)
CONCLUDED = (CaseState.ANALYSED.value, CaseState.NOT_ANALYSED.value)
GIVEN_UP = (DeliveryState.FAILED.value, DeliveryState.CANCELLED.value)
_ASKED_AT_ONCE = 400
"""Objects named in one question."""


class Stage(StrEnum):
    """What of a handover goes next, in their order."""

    ANNOUNCEMENT = "announcement"
    RESULTS = "results"
    MAPS = "maps"
    IMAGES = "images"
    OVER = "over"


STAGES: tuple[Stage, ...] = tuple(Stage)
_STAMPS: Mapping[Stage, str] = {
    Stage.ANNOUNCEMENT: "announced_at",
    Stage.RESULTS: "results_at",
    Stage.MAPS: "maps_at",
    Stage.IMAGES: "images_at",
}
"""What is noted when a stage is through."""


@dataclass(frozen=True, slots=True)
class Share:
    """One revision of a case on its way to one partner; `state` and `detail` are its delivery's."""

    delivery_id: str
    partner: str
    case_id: str
    revision: int
    asked_by: str = field(repr=False)
    asked_at: str
    opened_at: str
    is_open: bool
    with_images: bool
    stage: Stage
    objects: int
    accepted: int
    announced_at: str | None
    results_at: str | None
    maps_at: str | None
    images_at: str | None
    updated_at: str
    state: DeliveryState
    detail: str | None


@dataclass(frozen=True, slots=True)
class Follower:
    """A handover whose case has a newer result."""

    share: Share
    revision: int


class Sharing:
    """Handovers of all cases; what comes in from partners and the answers have readers of their own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.received = ReceivedShares(engine)
        self.alarms = ReceivedAlarms(engine)
        self.answers = Answers(engine)

    def queue(
        self, case_id: str, revision: int, partner: str, by: str, now: datetime, *, with_images: bool
    ) -> str:
        """Order a handover; one that is over is opened again and sends what the partner has not got yet."""
        key, at = delivery_id_of(case_id, revision, DeliveryKind.SHARE, partner), utc_text(now)
        what = {"id": key, "case_id": case_id, "revision": revision, "kind": DeliveryKind.SHARE.value}
        queued = {"state": DeliveryState.QUEUED.value, "attempts": 0, "queued_at": at, "updated_at": at}
        share = {"delivery_id": key, "partner": partner, "case_id": case_id, "revision": revision}
        asked = {"asked_by": by, "asked_at": at, "opened_at": at, "updated_at": at}
        begun = {"is_open": True, "with_images": with_images, "stage": Stage.ANNOUNCEMENT.value}
        with translated(), self._engine.begin() as connection:
            insert_within(connection, deliveries, {**what, "target": partner, **queued})
            is_new = insert_within(connection, shares, {**share, **asked, **begun})
        if not is_new:
            self.reopen(key, now, with_images=with_images)
        return key

    def reopen(self, key: str, now: datetime, *, with_images: bool = False) -> None:
        """Go through a handover once more; what is there stays, what was refused is offered again."""
        at = utc_text(now)
        closed = (shares.c.delivery_id == key) & ~shares.c.is_open
        fresh = {"is_open": True, "stage": Stage.ANNOUNCEMENT.value, "opened_at": at, "updated_at": at}
        again = {"state": DeliveryState.QUEUED.value, "detail": None, "updated_at": at, "done_at": None}
        with translated(), self._engine.begin() as connection:
            if with_images:
                mine = shares.c.delivery_id == key
                connection.execute(update(shares).where(mine).values(with_images=True))
                ending = update(shares).where(mine, shares.c.is_open, shares.c.stage == Stage.OVER.value)
                connection.execute(ending.values(stage=Stage.IMAGES.value))
            if connection.execute(update(shares).where(closed).values(**fresh)).rowcount:
                connection.execute(update(deliveries).where(deliveries.c.id == key).values(**again))
                partner = select(shares.c.partner).where(shares.c.delivery_id == key).scalar_subquery()
                refused = (shared_objects.c.partner == partner) & shared_objects.c.refusal.is_not(None)
                connection.execute(delete(shared_objects).where(refused))

    def open_of(self, partner: str) -> list[Share]:
        """Handovers to a partner that are under way, in the order in which they were asked for."""
        query = _joined().where(shares.c.partner == partner, shares.c.is_open)
        return [_share(row) for row in rows(self._engine, query.order_by(shares.c.asked_at))]

    def get(self, key: str) -> Share | None:
        """Return a handover, or None."""
        found = rows(self._engine, _joined().where(shares.c.delivery_id == key))
        return _share(found[0]) if found else None

    def of_cases(self, case_ids: Sequence[str]) -> dict[str, list[Share]]:
        """Handovers of each case, the latest revision last."""
        query = _joined().where(shares.c.case_id.in_(case_ids)).order_by(shares.c.partner, shares.c.revision)
        found: dict[str, list[Share]] = defaultdict(list)
        for row in rows(self._engine, query):
            found[row["case_id"]].append(_share(row))
        return found

    def outdated(self, partner: str) -> list[Follower]:
        """The latest handover of each case that has a newer result by now, unless somebody gave it up."""
        latest = (
            select(shares.c.case_id, func.max(shares.c.revision).label("revision"))
            .where(shares.c.partner == partner)
            .group_by(shares.c.case_id)
            .subquery()
        )
        query = (
            _joined()
            .add_columns(cases.c.revision.label("newer"))
            .join(latest, and_(latest.c.case_id == shares.c.case_id, latest.c.revision == shares.c.revision))
            .join(cases, cases.c.id == shares.c.case_id)
            .where(
                shares.c.partner == partner,
                cases.c.revision > shares.c.revision,
                cases.c.state.in_(CONCLUDED),
                deliveries.c.state.not_in(GIVEN_UP),
            )
        )
        plain = [dict(row) for row in rows(self._engine, query)]
        return [Follower(revision=row.pop("newer"), share=_share(row)) for row in plain]

    def progress(self, share: Share, objects: int, accepted: int, now: datetime) -> None:
        """So many objects of the present stage are there."""
        values = {"objects": objects, "accepted": accepted, "updated_at": utc_text(now)}
        run(self._engine, update(shares).where(shares.c.delivery_id == share.delivery_id).values(**values))

    def through(self, share: Share, now: datetime) -> None:
        """A stage is through and the partner knows; the first time is kept. The next one begins."""
        stamp, at = _STAMPS[share.stage], utc_text(now)
        follower = STAGES[STAGES.index(share.stage) + 1]
        values = {"stage": follower.value, "objects": 0, "accepted": 0, "updated_at": at}
        first = {stamp: func.coalesce(shares.c[stamp], at)}
        mine = (shares.c.delivery_id == share.delivery_id) & (shares.c.stage == share.stage.value)
        run(self._engine, update(shares).where(mine).values(**values, **first))

    def put_off(self, share: Share, now: datetime, detail: str) -> None:
        """The partner could not be reached, or not for long enough."""
        at = utc_text(now)
        mine = (deliveries.c.id == share.delivery_id) & deliveries.c.state.in_(UNFINISHED)
        values = {"state": DeliveryState.RETRYING.value, "detail": detail, "updated_at": at}
        statement = update(deliveries).where(mine)
        run(self._engine, statement.values(attempts=deliveries.c.attempts + 1, **values))

    def end(self, share: Share, state: DeliveryState, now: datetime, detail: str) -> None:
        """It is over, well or badly; a delivery that a person has ended stays as it is."""
        at = utc_text(now)
        ended = {"state": state.value, "detail": detail, "updated_at": at, "done_at": at}
        mine = (deliveries.c.id == share.delivery_id) & deliveries.c.state.in_(UNFINISHED)
        closing = update(shares).where(shares.c.delivery_id == share.delivery_id)
        with translated(), self._engine.begin() as connection:
            connection.execute(
                update(deliveries).where(mine).values(attempts=deliveries.c.attempts + 1, **ended)
            )
            connection.execute(closing.values(is_open=False, updated_at=at))

    def accepted(self, partner: str, objects: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Which of these (SOP instance UID, digest) a partner has answered for; the reason where it refused."""
        known: dict[tuple[str, str], str] = {}
        wanted = sorted(objects)
        pair = tuple_(shared_objects.c.sop_instance_uid, shared_objects.c.digest)
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            some = pair.in_(wanted[start : start + _ASKED_AT_ONCE])
            query = select(shared_objects).where(shared_objects.c.partner == partner, some)
            for row in rows(self._engine, query):
                known[row["sop_instance_uid"], row["digest"]] = row["refusal"] or ""
        return known

    def note(self, partner: str, answers: Mapping[tuple[str, str], str]) -> None:
        """Remember what a partner said of objects by (SOP instance UID, digest): empty where it took one."""
        fresh = [
            {"partner": partner, "sop_instance_uid": uid, "digest": digest, "refusal": reason or None}
            for (uid, digest), reason in answers.items()
        ]
        put(self._engine, shared_objects, fresh)

    def marks(self, case_ids: Sequence[str]) -> dict[str, tuple[str | int | None, ...]]:
        """What changes with anything that the case's page shows of the exchange."""
        query = select(shares.c.case_id, func.max(shares.c.updated_at).label("latest"))
        grouped = query.where(shares.c.case_id.in_(case_ids)).group_by(shares.c.case_id)
        sent = {row["case_id"]: row["latest"] for row in rows(self._engine, grouped)}
        came, said = self.received.marks(case_ids), self.answers.marks(case_ids)
        return {
            key: (sent.get(key), came.get(key), *said.get(key, ())) for key in sorted({*sent, *came, *said})
        }


def _joined() -> Select[tuple[object, ...]]:
    told = (deliveries.c.state, deliveries.c.detail)
    return select(*shares.c, *told).join(deliveries, deliveries.c.id == shares.c.delivery_id)


def _share(row: RowMapping | Mapping[str, Any]) -> Share:
    plain: dict[str, Any] = {
        **row,
        "stage": Stage(str(row["stage"])),
        "state": DeliveryState(str(row["state"])),
    }
    return Share(**plain)
