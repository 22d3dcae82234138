"""Answers to handovers: given to partners until they have them, received from partners; never changed, never removed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import NAMESPACE_OID, uuid4, uuid5

from sqlalchemy import ColumnElement, Engine, RowMapping, delete, func, select, update

from gateway.ledger.records import utc_text
from gateway.ledger.sharing_tables import exchange_nonces, share_answers
from gateway.ledger.statements import insert_once, insert_within, rows, run, translated
from gateway.ledger.thread import PostKind
from triage.errors import TemporaryError


class Word(StrEnum):
    """What an upper hospital says to a study."""

    ACCEPT = "accept"
    """Send the patient."""
    KEEP = "keep"
    """Treat the patient where he is."""
    MORE_IMAGES = "more_images"
    TAKEN = "taken"
    """Somebody there has the case. Nobody gives this answer: it follows from who took the alert."""
    NOT_STROKE = "not_stroke"
    """Somebody there has said to the alert that it is none."""


HELD: Mapping[Word, str] = {Word.TAKEN: PostKind.TOOK.value, Word.NOT_STROKE: PostKind.NOT_STROKE.value}
"""Words that follow from what somebody of the team said to the alert; `Answer.by` is a role then, and no name."""

TRIES = 20
"""For the next number, which another process may take at the same moment."""


class Direction(StrEnum):
    """Whose answer it is."""

    GIVEN = "given"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to one handover; `at` is by the clock of who gave it, `arrived_at` when the other side had it."""

    id: str
    direction: Direction
    partner: str
    case_id: str
    revision: int
    number: int
    word: Word
    remark: str = field(repr=False)
    by: str = field(repr=False)
    at: str
    arrived_at: str | None = None
    trouble: str | None = None


class Answers:
    """Answers of all cases, and the nonces of the requests that brought them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def give(
        self, partner: str, case_id: str, revision: int, word: Word, remark: str, by: str, now: datetime
    ) -> Answer:
        """Answer a partner; it is told until it has heard. Each further answer replaces the former."""
        key, at = str(uuid4()), utc_text(now)
        return self._add(Answer(key, Direction.GIVEN, partner, case_id, revision, 0, word, remark, by, at))

    def give_held(
        self, partner: str, case_id: str, revision: int, word: Word, role: str, at: str, post: int
    ) -> Answer:
        """Tell a partner who has its case, by role: once for each `post` of the thread that says so."""
        key = str(uuid5(NAMESPACE_OID, f"stroke-gateway|held|{partner}|{case_id}|{post}"))
        return self._add(Answer(key, Direction.GIVEN, partner, case_id, revision, 0, word, "", role, at))

    def _add(self, answer: Answer) -> Answer:
        """Write an answer of ours down under the next number.

        Raises
        ------
        TemporaryError
            Others took each number that was tried.
        """
        for _ in range(TRIES):
            with translated(), self._engine.begin() as connection:
                mine = _of(Direction.GIVEN, answer.partner, answer.case_id)
                last = connection.execute(select(func.max(share_answers.c.number)).where(mine)).scalar()
                fresh = replace(answer, number=(last or 0) + 1)
                if insert_within(connection, share_answers, asdict(fresh)):
                    return fresh
            if self.knows(answer.id):
                return answer
        raise TemporaryError("others answer at this moment: answer again")

    def receive(self, answer: Answer) -> bool:
        """Write down a partner's answer; returns whether it was new."""
        return insert_once(self._engine, share_answers, asdict(answer))

    def knows(self, answer_id: str) -> bool:
        """Whether an answer is written down."""
        query = select(share_answers.c.id).where(share_answers.c.id == answer_id)
        return bool(rows(self._engine, query))

    def untold(self, partner: str) -> list[Answer]:
        """Answers that a partner has not got yet, oldest first."""
        mine = (share_answers.c.direction == Direction.GIVEN.value) & (share_answers.c.partner == partner)
        query = select(share_answers).where(mine, share_answers.c.arrived_at.is_(None))
        return [_answer(row) for row in rows(self._engine, query.order_by(share_answers.c.at))]

    def told(self, answer: Answer, now: datetime) -> None:
        """The partner has it."""
        values = {"arrived_at": utc_text(now), "trouble": None}
        run(self._engine, update(share_answers).where(share_answers.c.id == answer.id).values(**values))

    def not_told(self, answer: Answer, trouble: str) -> None:
        """Why the partner has not got it yet."""
        statement = update(share_answers).where(share_answers.c.id == answer.id)
        run(self._engine, statement.values(trouble=trouble))

    def of_cases(self, case_ids: Sequence[str]) -> dict[str, list[Answer]]:
        """Answers of each case, the latest first."""
        query = select(share_answers).where(share_answers.c.case_id.in_(case_ids))
        found: dict[str, list[Answer]] = defaultdict(list)
        for row in rows(self._engine, query.order_by(share_answers.c.number.desc())):
            found[row["case_id"]].append(_answer(row))
        return found

    def marks(self, case_ids: Sequence[str]) -> dict[str, tuple[int, int, str | None]]:
        """Number of answers of each case, how many are there, and the latest trouble."""
        query = select(
            share_answers.c.case_id,
            func.count().label("n"),
            func.count(share_answers.c.arrived_at).label("there"),
            func.max(share_answers.c.trouble).label("trouble"),
        )
        grouped = query.where(share_answers.c.case_id.in_(case_ids)).group_by(share_answers.c.case_id)
        return {
            row["case_id"]: (row["n"], row["there"], row["trouble"]) for row in rows(self._engine, grouped)
        }

    def is_first_use(self, partner: str, nonce: str, now: datetime, remembered: timedelta) -> bool:
        """Note a request's nonce; False when it was used before. Older ones than `remembered` are forgotten."""
        old = exchange_nonces.c.at < utc_text(now - remembered)
        with translated(), self._engine.begin() as connection:
            connection.execute(delete(exchange_nonces).where(old))
            used = {"partner": partner, "nonce": nonce, "at": utc_text(now)}
            return insert_within(connection, exchange_nonces, used)


def _of(direction: Direction, partner: str, case_id: str) -> ColumnElement[bool]:
    return (
        (share_answers.c.direction == direction.value)
        & (share_answers.c.partner == partner)
        & (share_answers.c.case_id == case_id)
    )


def _answer(row: RowMapping) -> Answer:
    return Answer(**{**row, "direction": Direction(row["direction"]), "word": Word(row["word"])})
