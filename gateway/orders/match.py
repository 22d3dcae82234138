"""What is known of a study's order: certain, uncertain with candidates, or nothing."""

from dataclasses import dataclass, field
from enum import StrEnum


class Certainty(StrEnum):
    """How sure it is which order a study belongs to."""

    CERTAIN = "certain"
    UNCERTAIN = "uncertain"
    """A person has to say; until then no number of an order leaves the house."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order that a study may belong to, with what speaks for it and against it."""

    order_key: str
    speaks_for: tuple[str, ...] = ()
    speaks_against: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """Which order, and which patient of the records, a study belongs to.

    Attributes
    ----------
    order_key, identity_key
        Set only when certain; the patient may be certain where no order is.
    reasons
        Why, in words that name nobody.
    candidates
        Orders to choose from when uncertain.
    confirmed_by
        A person who has chosen; the choice stands whatever messages come later.
    """

    certainty: Certainty
    order_key: str | None = None
    identity_key: str | None = None
    reasons: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = field(default=())
    confirmed_by: str | None = None
