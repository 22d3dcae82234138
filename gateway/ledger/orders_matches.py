"""Which study belongs to which order, and whose results want to be corrected."""

from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, and_, func, or_, select, update

from gateway.ledger.orders_tables import changes, corrections, matches, orders, positions
from gateway.ledger.records import utc_text
from gateway.ledger.schema import cases
from gateway.ledger.sources_phantoms import visible
from gateway.ledger.statements import insert_once, put, rows, run
from gateway.orders.match import Candidate, Certainty, Match
from gateway.orders.order import OrderPriority

CHANGES_AT_ONCE = 2000
CHANGES_OVERLAP = 200
"""Row numbers are given before commits become visible: look back so far, so that no commit is overtaken."""


class Matches:
    """Matches of all studies. A person's choice is never overwritten by a message."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, study_uid: str) -> Match | None:
        """What is known of a study's order; None while nobody has looked."""
        found = self._rows(select(matches).where(matches.c.study_uid == study_uid))
        return _match(found[0]) if found else None

    def of_studies(self, study_uids: Collection[str]) -> dict[str, Match]:
        """As `get`, for many."""
        found = self._rows(select(matches).where(matches.c.study_uid.in_(study_uids)))
        return {row["study_uid"]: _match(row) for row in found}

    def uncertain(self, limit: int) -> dict[str, Match]:
        """Studies of which a person has to say whose they are, youngest first."""
        chosen = select(matches).where(matches.c.certainty == Certainty.UNCERTAIN.value)
        found = self._rows(chosen.order_by(matches.c.decided_at.desc()).limit(limit))
        return {row["study_uid"]: _match(row) for row in found}

    def counts(self) -> dict[str, int]:
        """Number of studies by certainty."""
        query = select(matches.c.certainty, func.count().label("n")).group_by(matches.c.certainty)
        return {row["certainty"]: row["n"] for row in self._rows(query)}

    def priority_of(self, study_uid: str) -> OrderPriority:
        """The highest priority of any order that the study may belong to."""
        found = self._rows(select(matches.c.priority).where(matches.c.study_uid == study_uid))
        return OrderPriority(found[0]["priority"]) if found else OrderPriority.ROUTINE

    def orders_matched(self) -> Select[Any]:
        """Keys of the orders that have a study, as a sub-query."""
        return select(matches.c.order_key).where(matches.c.order_key.is_not(None))

    def studies_of_orders(self, keys: Collection[str]) -> dict[str, set[str]]:
        """Studies that belong to each of these orders, with certainty."""
        found: dict[str, set[str]] = {key: set() for key in keys}
        query = select(matches.c.order_key, matches.c.study_uid).where(matches.c.order_key.in_(keys))
        for row in self._rows(query):
            found[row["order_key"]].add(row["study_uid"])
        return found

    def headers(self, study_uids: Collection[str]) -> dict[str, Mapping[str, Any]]:
        """What the images of these studies say of person and order."""
        query = select(matches.c.study_uid, matches.c.header).where(matches.c.study_uid.in_(study_uids))
        return {row["study_uid"]: row["header"] for row in self._rows(query)}

    def unmatched_cases(self, limit: int) -> list[str]:
        """Studies of which nobody has looked for the order yet, youngest first."""
        query = select(cases.c.study_uid).where(
            cases.c.study_uid.not_in(select(matches.c.study_uid)), visible(cases.c.study_uid)
        )
        found = self._rows(query.order_by(cases.c.first_image_at.desc()).limit(limit))
        return [row["study_uid"] for row in found]

    def decide(
        self,
        study_uid: str,
        match: Match,
        header: Mapping[str, Any],
        priority: OrderPriority,
        mark: str,
        now: datetime,
    ) -> None:
        """Note a match; what a person has confirmed is replaced by another confirmation only."""
        values = {
            "study_uid": study_uid,
            "certainty": match.certainty.value,
            "order_key": match.order_key,
            "identity_key": match.identity_key,
            "priority": priority.value,
            "reasons": list(match.reasons),
            "candidates": [asdict(each) for each in match.candidates],
            "confirmed_by": match.confirmed_by,
            "header": dict(header),
            "accession_number": header.get("accession_number", ""),
            "patient_number": header.get("patient_number", ""),
            "mark": mark,
            "decided_at": utc_text(now),
        }
        if insert_once(self._engine, matches, values):
            return
        chosen = matches.c.study_uid == study_uid
        if match.confirmed_by is None:
            chosen = and_(chosen, matches.c.confirmed_by.is_(None))
        run(self._engine, update(matches).where(chosen).values(**values))

    def noted(self, study_uid: str) -> tuple[Match, str, OrderPriority] | None:
        """A match with what messages carried and the priority when it was last looked at; None while nobody has."""
        found = self._rows(select(matches).where(matches.c.study_uid == study_uid))
        return (
            (_match(found[0]), str(found[0]["mark"]), OrderPriority(found[0]["priority"])) if found else None
        )

    def news(self, reader: str) -> tuple[int, set[str], set[str]]:
        """How far the changes go, and the orders and patients that changed since `reader` was here."""
        known = self._rows(select(positions.c.position).where(positions.c.name == reader))
        start = known[0]["position"] if known else 0
        query = select(changes).where(changes.c.id > start - CHANGES_OVERLAP).order_by(changes.c.id)
        found = self._rows(query.limit(CHANGES_AT_ONCE))
        keys = {
            subject: {row["key"] for row in found if row["subject"] == subject}
            for subject in ("order", "identity")
        }
        last = max((row["id"] for row in found), default=start)
        return (last, keys["order"], keys["identity"]) if last > start else (start, set(), set())

    def came_to(self, reader: str, position: int) -> None:
        """Note how far a reader of the changes has come."""
        put(self._engine, positions, [{"name": reader, "position": position}])

    def studies_touched(
        self, order_keys: Collection[str], identity_keys: Collection[str], numbers: Collection[str]
    ) -> list[str]:
        """Studies whose match may be another one after these orders and patients have changed."""
        concerned = or_(orders.c.key.in_(order_keys), orders.c.identity_key.in_(identity_keys))
        accessions = select(orders.c.accession_number).where(concerned, orders.c.accession_number != "")
        studies = select(orders.c.study_uid).where(concerned, orders.c.study_uid != "")
        query = select(matches.c.study_uid).where(
            or_(
                matches.c.order_key.in_(order_keys),
                matches.c.identity_key.in_(identity_keys),
                matches.c.patient_number.in_(numbers),
                matches.c.accession_number.in_(accessions),
                matches.c.study_uid.in_(studies),
            )
        )
        return [row["study_uid"] for row in self._rows(query)]

    def ask_correction(self, study_uid: str, mark: str, reason: str, now: datetime) -> bool:
        """Note that what was sent of a study is no longer right; returns whether that was news."""
        query = select(corrections.c.number, corrections.c.mark).where(corrections.c.study_uid == study_uid)
        last = self._rows(query.order_by(corrections.c.number.desc()).limit(1))
        if last and last[0]["mark"] == mark:
            return False
        number = last[0]["number"] + 1 if last else 1
        new = {"study_uid": study_uid, "number": number, "mark": mark, "reason": reason}
        return insert_once(self._engine, corrections, {**new, "asked_at": utc_text(now)})

    def corrections_waiting(self) -> list[tuple[str, int, str]]:
        """Study, number and reason of each correction that nobody has started, oldest first."""
        query = select(corrections).where(corrections.c.started_at.is_(None)).order_by(corrections.c.asked_at)
        return [(row["study_uid"], row["number"], row["reason"]) for row in self._rows(query)]

    def correction_started(self, study_uid: str, number: int, now: datetime) -> None:
        """Its messages are on their way."""
        chosen = (corrections.c.study_uid == study_uid) & (corrections.c.number == number)
        run(self._engine, update(corrections).where(chosen).values(started_at=utc_text(now)))

    def _rows(self, query: Select[Any]) -> list[RowMapping]:
        return rows(self._engine, query)


def _match(row: RowMapping) -> Match:
    candidates = (
        Candidate(each["order_key"], tuple(each["speaks_for"]), tuple(each["speaks_against"]))
        for each in row["candidates"]
    )
    return Match(
        certainty=Certainty(row["certainty"]),
        order_key=row["order_key"],
        identity_key=row["identity_key"],
        reasons=tuple(row["reasons"]),
        candidates=tuple(candidates),
        confirmed_by=row["confirmed_by"],
    )
