"""What the team says about a case, in the order in which it was said."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, func, insert, select

from gateway.ledger.records import utc_text
from gateway.ledger.statements import rows, translated
from gateway.ledger.thread_tables import posts


class PostKind(StrEnum):
    """What somebody did or said."""

    TOOK = "took"
    DECLINED = "declined"
    NOT_STROKE = "not_stroke"
    HANDED_OVER = "handed_over"
    CALLED = "called"
    """Dialled somebody's number from the page."""
    COMMENT = "comment"
    SYSTEM = "system"
    """Said by the gateway: that nobody was on duty, that nobody answered."""


@dataclass(frozen=True, slots=True)
class Post:
    """One word about a case; `person_id` is None for the gateway and for whoever came with the site's token."""

    case_id: str
    revision: int
    kind: PostKind
    person_id: str | None
    name: str = field(repr=False)
    text: str = field(repr=False)
    at: str
    id: int = 0


class Thread:
    """The posts of all cases."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, post: Post) -> int:
        """Write a post down; returns the number that the ledger gives it."""
        values = asdict(post)
        del values["id"]
        with translated(), self._engine.begin() as connection:
            return int(connection.execute(insert(posts).values(**values).returning(posts.c.id)).scalar_one())

    def of_cases(self, case_ids: Sequence[str]) -> dict[str, list[Post]]:
        """Everything that was said about each case, oldest first."""
        found: dict[str, list[Post]] = {case_id: [] for case_id in case_ids}
        for row in rows(
            self._engine, select(posts).where(posts.c.case_id.in_(case_ids)).order_by(posts.c.id)
        ):
            found[row["case_id"]].append(Post(**{**row, "kind": PostKind(row["kind"])}))
        return found

    def of_case(self, case_id: str) -> list[Post]:
        """Everything that was said about a case, oldest first."""
        return self.of_cases([case_id])[case_id]

    def takers_since(self, moment: datetime) -> dict[str, Post]:
        """The last word of whoever took a case since a moment, by case; cases that somebody called no stroke are not among them."""
        ends = (PostKind.TOOK.value, PostKind.NOT_STROKE.value)
        query = (
            select(posts).where(posts.c.at >= utc_text(moment), posts.c.kind.in_(ends)).order_by(posts.c.id)
        )
        last = {row["case_id"]: row for row in rows(self._engine, query)}
        took = [row for row in last.values() if row["kind"] == PostKind.TOOK.value and row["person_id"]]
        return {row["case_id"]: Post(**{**row, "kind": PostKind.TOOK}) for row in took}

    def marks(self, case_ids: Sequence[str]) -> dict[str, int]:
        """The number of the latest post of each case that has one."""
        query = select(posts.c.case_id, func.max(posts.c.id).label("latest"))
        grouped = query.where(posts.c.case_id.in_(case_ids)).group_by(posts.c.case_id)
        return {row["case_id"]: row["latest"] for row in rows(self._engine, grouped)}
