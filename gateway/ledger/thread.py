"""What the team says about a case, in the order in which it was said."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from sqlalchemy import Engine, func, insert, select

from gateway.ledger.statements import rows, run
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

    def add(self, post: Post) -> None:
        """Write a post down; the ledger numbers it."""
        values = asdict(post)
        del values["id"]
        run(self._engine, insert(posts).values(**values))

    def of_case(self, case_id: str) -> list[Post]:
        """Everything that was said about a case, oldest first."""
        found = rows(self._engine, select(posts).where(posts.c.case_id == case_id).order_by(posts.c.id))
        return [Post(**{**row, "kind": PostKind(row["kind"])}) for row in found]

    def marks(self, case_ids: Sequence[str]) -> dict[str, int]:
        """The number of the latest post of each case that has one."""
        query = select(posts.c.case_id, func.max(posts.c.id).label("latest"))
        grouped = query.where(posts.c.case_id.in_(case_ids)).group_by(posts.c.case_id)
        return {row["case_id"]: row["latest"] for row in rows(self._engine, grouped)}
