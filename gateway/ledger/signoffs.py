"""Which physician has signed off which revision of a result."""

from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Engine, RowMapping, select

from gateway.ledger.records import utc_text
from gateway.ledger.signoffs_tables import signoffs
from gateway.ledger.statements import insert_once, rows


class Identity(StrEnum):
    """How it is known who signs off."""

    STATED = "stated"
    """Typed by the signer, who had the site's access token; nobody proved it."""
    ACCOUNT = "account"
    """The signer had logged in with an account of their own."""


@dataclass(frozen=True, slots=True)
class SignOff:
    """A physician takes responsibility for one revision."""

    case_id: str
    revision: int
    physician: str = field(repr=False)
    role: str = field(repr=False)
    remark: str = field(repr=False)
    signed_at: str
    identity: Identity = Identity.STATED


class SignOffs:
    """Sign-offs of all cases; what was signed is never changed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(
        self,
        case_id: str,
        revision: int,
        physician: str,
        role: str,
        remark: str,
        now: datetime,
        identity: Identity = Identity.STATED,
    ) -> SignOff:
        """Write down that a revision is signed off, and return what stands: the first sign-off does."""
        fresh = SignOff(case_id, revision, physician, role, remark, utc_text(now), identity)
        if insert_once(self._engine, signoffs, asdict(fresh)):
            return fresh
        return self.of(case_id, revision) or fresh

    def of(self, case_id: str, revision: int) -> SignOff | None:
        """The sign-off of a revision, or None."""
        query = select(signoffs).where(signoffs.c.case_id == case_id, signoffs.c.revision == revision)
        found = rows(self._engine, query)
        return _signoff(found[0]) if found else None

    def of_case(self, case_id: str) -> list[SignOff]:
        """Every sign-off of a case, the latest revision last."""
        query = select(signoffs).where(signoffs.c.case_id == case_id).order_by(signoffs.c.revision)
        return [_signoff(row) for row in rows(self._engine, query)]


def _signoff(row: RowMapping) -> SignOff:
    return SignOff(**{**row, "identity": Identity(row["identity"])})
