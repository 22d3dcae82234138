"""What others tell of a scan's time: when the patient was registered, when the scan was ordered, when it began.

Only what certainly belongs to the study counts: the order and the patient of `gateway.orders.matching`. A time that lies
after the scan, or so long before it that it belongs to another visit, is nobody's.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Engine, Select, func, select

from gateway.ledger.orders import Orders
from gateway.ledger.orders_tables import matches, orders
from gateway.ledger.performed_tables import links, steps
from gateway.ledger.records import Case, moment_of
from gateway.ledger.statements import rows
from gateway.ledger.visits_tables import visits
from gateway.statistics.intervals import DOOR, ORDERED, SCANNED

SAME_VISIT = timedelta(hours=12)
"""Between registration and scan: a stroke in the hospital itself has no door."""
SAME_ORDER = timedelta(hours=24)

Studies = Select[tuple[str]]


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of many studies, by study."""

    registered: Mapping[str, tuple[str, ...]]
    ordered: Mapping[str, str]
    begun: Mapping[str, str]

    @classmethod
    def of(cls, engine: Engine, studies: Studies) -> "Told":
        """Read it for a query's studies; raises TemporaryError when the database is away."""
        return cls(_registered(engine, studies), _ordered(engine, studies), _begun(engine, studies))

    def times(self, case: Case) -> Mapping[str, str]:
        """The times of one study's scan, as far as they are known and can be true."""
        first = case.times["first_image_at"]
        if first is None:
            return {}
        study = case.study_uid
        scanned = min(first, self.begun.get(study, first))
        since = {DOOR: self.registered.get(study, ()), ORDERED: filter(None, [self.ordered.get(study)])}
        longest = {DOOR: SAME_VISIT, ORDERED: SAME_ORDER}
        found = {
            name: min(near)
            for name, known in since.items()
            if (near := [at for at in known if _is_near(at, scanned, longest[name])])
        }
        return {**found, SCANNED: scanned}


def _is_near(at: str, scanned: str, longest: timedelta) -> bool:
    return timedelta(0) <= moment_of(scanned) - moment_of(at) <= longest


def _registered(engine: Engine, studies: Studies) -> dict[str, tuple[str, ...]]:
    """Every registration of each study's patient, under whichever record it was told."""
    chosen = matches.c.study_uid.in_(studies), matches.c.identity_key.is_not(None)
    found = rows(engine, select(matches.c.study_uid, matches.c.identity_key).where(*chosen))
    families = _families(engine, {row["identity_key"] for row in found})
    members = {member for family in families.values() for member in family}
    came: dict[str, list[str]] = defaultdict(list)
    for row in rows(engine, select(visits).where(visits.c.identity_key.in_(members))):
        came[row["identity_key"]].append(row["arrived_at"])
    return {
        row["study_uid"]: tuple(at for member in families[row["identity_key"]] for at in came[member])
        for row in found
    }


def _families(engine: Engine, keys: set[str]) -> dict[str, set[str]]:
    known = Orders(engine)
    heads = known.followed(keys)
    families = known.families(set(heads.values()))
    return {key: families[head] for key, head in heads.items()}


def _ordered(engine: Engine, studies: Studies) -> dict[str, str]:
    query = select(matches.c.study_uid, orders.c.ordered_at).join(orders, orders.c.key == matches.c.order_key)
    told = matches.c.study_uid.in_(studies), orders.c.ordered_at.is_not(None)
    return {row["study_uid"]: row["ordered_at"] for row in rows(engine, query.where(*told))}


def _begun(engine: Engine, studies: Studies) -> dict[str, str]:
    """When the first scan of each study began, by our clock."""
    query = select(links.c.study_uid, func.min(steps.c.created_at).label("at"))
    joined = query.join(steps, steps.c.uid == links.c.uid).where(links.c.study_uid.in_(studies))
    found = rows(engine, joined.where(steps.c.modality == "CT").group_by(links.c.study_uid))
    return {row["study_uid"]: row["at"] for row in found}
