"""Matching one study with everything that is known, and noting what came of it: for the worker's loop and for a person.

What messages carry because of a match has a name, its mark. When that changes, whatever was sent wants correction; that
is noted before the match itself, so that a kill in between asks once too often and never once too little.
"""

import hashlib
import json
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta

import structlog

from gateway.ledger.ledger import Ledger
from gateway.ledger.records import case_id_of
from gateway.orders.evidence import StudyHeader
from gateway.orders.match import Certainty, Match
from gateway.orders.matching import KnownOrder, confirmed, match_study, priority_of
from gateway.orders.order import Order
from gateway.orders.person import PatientIdentity
from gateway.orders.settings import Orders as Settings
from triage.errors import InputError

log = structlog.get_logger()

NOTHING = Match(Certainty.NONE)

ORDER_KNOWN = "The order of this study is known now."
ORDER_CHANGED = "The order of this study is another one, or has other numbers."
ORDER_UNSURE = "It is not certain any more which order this study belongs to."
DATA_CHANGED = "The patient's data or the order's numbers have been corrected, or records were merged."


class Matchmaker:
    """Matches studies by what the ledger knows."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self._orders = ledger.orders
        self._window = timedelta(hours=settings.window_hours)

    def settle(self, header: StudyHeader, now: datetime) -> Match:
        """Match a study; what a person has said of it stays, and may carry new data."""
        former = self._orders.matches.get(header.study_uid)
        known = tuple(self._known(header))
        if former is not None and former.confirmed_by is not None:
            return self._note(header, former, former, known, now)
        people: dict[str, PatientIdentity] = {}
        for number in header.numbers:
            people |= self._orders.patients_of_number(number)
        return self._note(header, former, match_study(header, known, people, self._window), known, now)

    def settle_known(self, study_uid: str, now: datetime) -> Match:
        """Match a study again, by what its images said when it was met."""
        return self.settle(self._header(study_uid), now)

    def follow_changes(self, reader: str, now: datetime) -> None:
        """Match every study again that changes of orders and patients concern since `reader` was here."""
        position, orders, identities = self._orders.matches.news(reader)
        if orders or identities:
            for study_uid in self._touched(orders, identities):
                self.settle_known(study_uid, now)
            self._orders.matches.came_to(reader, position)

    def confirm(self, study_uid: str, order_key: str | None, by: str, now: datetime) -> Match:
        """Note what a person has said: this order, or none.

        Raises
        ------
        InputError
            The order is none of the candidates that the person was shown.
        """
        former = self._orders.matches.get(study_uid) or NOTHING
        if order_key is not None and order_key not in {each.order_key for each in former.candidates}:
            raise InputError("this order is no candidate of the study any more: look at the page again")
        owners = self._orders.identity_keys([order_key] if order_key else [])
        chosen = confirmed(order_key, owners.get(order_key or ""), former, by)
        header = self._header(study_uid)
        return self._note(header, former, chosen, tuple(self._known(header)), now)

    def _touched(self, orders: Collection[str], identities: Collection[str]) -> list[str]:
        """Studies that a change may concern: through their order, their patient or a number of either."""
        heads = self._orders.followed(identities)
        owners = self._orders.identity_keys(orders)
        people = self._orders.identities({*heads.values(), *owners.values()})
        numbers = {number.value for person in people.values() for number in person.identifiers}
        families = self._orders.families(set(heads.values()))
        family = set(identities).union(*families.values())
        return self._orders.matches.studies_touched(orders, family, numbers)

    def _note(
        self,
        header: StudyHeader,
        former: Match | None,
        found: Match,
        known: tuple[KnownOrder, ...],
        now: datetime,
    ) -> Match:
        matches, mark = self._orders.matches, self._mark(found)
        priority = priority_of(found, known)
        now_noted = matches.noted(header.study_uid)
        if former == found and now_noted == (former, mark, priority):
            return found
        if mark != (now_noted[1] if now_noted else _mark_of(NOTHING, None, None)):
            matches.ask_correction(header.study_uid, mark, _reason(former or NOTHING, found), now)
        matches.decide(header.study_uid, found, header.to_json(), priority, mark, now)
        if former != found:
            case_id = case_id_of(header.study_uid)
            log.info(
                "study matched", case_id=case_id, certainty=found.certainty.value, priority=priority.value
            )
        return found

    def _header(self, study_uid: str) -> StudyHeader:
        plain = self._orders.matches.headers([study_uid]).get(study_uid, {})
        return StudyHeader.from_json({**plain, "study_uid": study_uid})

    def _known(self, header: StudyHeader) -> Iterator[KnownOrder]:
        """Orders that may be meant."""
        numbers = header.numbers
        found = self._orders.meant_by(header.study_uid, header.accession_number, numbers)
        studies = self._orders.matches.studies_of_orders(found)
        for key, (order, owner) in found.items():
            yield KnownOrder(order, owner, is_taken=bool(studies[key] - {header.study_uid}))

    def _mark(self, match: Match) -> str:
        key = match.identity_key
        person = self._orders.identities([key])[key] if key else None
        return _mark_of(match, person, self._orders.get(match.order_key) if match.order_key else None)


def _mark_of(match: Match, person: PatientIdentity | None, order: Order | None) -> str:
    """A name for what messages carry of patient and order."""
    told = [[each.value, each.kind, each.issuer] for each in person.identifiers] if person else None
    demographics = [person.name, person.birth_date, person.sex] if person else None
    numbers = [order.placer, order.filler, order.accession_number] if order else None
    carried = [match.certainty is Certainty.UNCERTAIN, told, demographics, numbers]
    return hashlib.sha256(json.dumps(carried).encode()).hexdigest()


def _reason(former: Match, now: Match) -> str:
    """Why a corrected message goes out, for its receiver."""
    if now.certainty is Certainty.UNCERTAIN and former.certainty is not Certainty.UNCERTAIN:
        return ORDER_UNSURE
    if former.order_key is None and now.order_key is not None:
        return ORDER_KNOWN
    return ORDER_CHANGED if former.order_key != now.order_key else DATA_CHANGED
