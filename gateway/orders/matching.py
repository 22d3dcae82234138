"""Which order a study belongs to: pure, and the same in whatever order messages and images came.

The rule is never to take somebody for somebody else. A number that is equal proves nothing against a name or a birth
date that differ; what is not proven is left to a person, with the reasons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.orders.evidence import StudyHeader, judge_person
from gateway.orders.match import Candidate, Certainty, Match
from gateway.orders.names import Agreement, compare_texts
from gateway.orders.order import Order, OrderPriority, OrderStatus
from gateway.orders.person import PatientIdentity

MOST_CANDIDATES = 8

ACCESSION = "the accession number is equal"
STUDY = "the order names this very study"
TIME = "it was planned for that time"

CANCELLED = "the order was cancelled"
OTHER_TIME, NO_TIME = "it was planned for another time", "order or images say no time"
OTHER_MODALITY, OTHER_ACCESSION = "it asks for another modality", "the accession number differs"
TAKEN = "another study belongs to it"
UNPROVEN = "nothing beside that proves that it is this patient"
SEVERAL = "several orders fit"

NOTHING_KNOWN = "no order fits"
NOT_COME = "no order with this accession number has come"
BY_PERSON = "a person has confirmed it"


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order that may be meant, who its patient is after all merges, and whether another study has it."""

    order: Order
    identity_key: str
    is_taken: bool = False


@dataclass(frozen=True, slots=True)
class _Weighed:
    """An order with what speaks for it and against it."""

    known: KnownOrder
    speaks_for: tuple[str, ...]
    speaks_against: tuple[str, ...]
    is_person: bool
    """Whether it is proven to be the same patient."""
    contradicts_person: bool

    @property
    def fits(self) -> bool:
        return self.is_person and not self.speaks_against

    def candidate(self) -> Candidate:
        unproven = () if self.is_person or self.contradicts_person else (UNPROVEN,)
        return Candidate(self.known.order.key, self.speaks_for, (*self.speaks_against, *unproven))


def match_study(
    header: StudyHeader,
    orders: Sequence[KnownOrder],
    people: Mapping[str, PatientIdentity],
    window: timedelta,
) -> Match:
    """Find the order of a study among those that may be meant.

    Parameters
    ----------
    orders
        Every order with the study's accession number or UID, and every order of whoever has one of its numbers.
    people
        Every patient of the records who has one of its numbers, by key.
    window
        How far a study may be from the time that its order was planned for.
    """
    named = [known for known in orders if _is_named(header, known.order)]
    others = [known for known in orders if known not in named]
    if named:
        return _by_accession(
            header, [_weigh(header, known, named=True, window=window) for known in named], people
        )
    weighed = [_weigh(header, known, named=False, window=window) for known in others]
    return _by_number(header, weighed, people)


def confirmed(order_key: str | None, identity_key: str | None, former: Match, by: str) -> Match:
    """What a person has said: this order, or none of them."""
    return Match(
        certainty=Certainty.CERTAIN if order_key else Certainty.NONE,
        order_key=order_key,
        identity_key=identity_key,
        reasons=(BY_PERSON,),
        candidates=former.candidates,
        confirmed_by=by,
    )


def priority_of(match: Match, orders: Sequence[KnownOrder]) -> OrderPriority:
    """The highest priority of any order that may be meant: too much haste harms nobody."""
    meant = {match.order_key, *(each.order_key for each in match.candidates)}
    found = {known.order.priority for known in orders if known.order.key in meant}
    return next(
        (each for each in (OrderPriority.STROKE, OrderPriority.URGENT) if each in found),
        OrderPriority.ROUTINE,
    )


def _is_named(header: StudyHeader, order: Order) -> bool:
    """Whether the images name the order itself, not only its patient."""
    same_number = bool(header.accession_number) and order.accession_number == header.accession_number
    return same_number or header.study_uid in order.study_uids


def _by_accession(
    header: StudyHeader, weighed: Sequence[_Weighed], people: Mapping[str, PatientIdentity]
) -> Match:
    fitting = [each for each in weighed if each.fits]
    open_questions = [each for each in weighed if not each.fits and not each.contradicts_person]
    patients = {each.known.identity_key for each in fitting}
    doubtful = any(each.known.identity_key not in patients for each in open_questions)
    chosen = _one_of_steps(header, fitting) if len(patients) == 1 and not doubtful else None
    if chosen is not None:
        return Match(Certainty.CERTAIN, chosen.known.order.key, chosen.known.identity_key, chosen.speaks_for)
    reasons = (
        (SEVERAL,)
        if len(fitting) > 1
        else tuple(dict.fromkeys(r for each in weighed for r in each.candidate().speaks_against))
    )
    return _uncertain(header, weighed, reasons, people)


def _one_of_steps(header: StudyHeader, fitting: Sequence[_Weighed]) -> _Weighed | None:
    """The order itself, or the step of it that this study is."""
    if len(fitting) == 1:
        return fitting[0]
    exact = [each for each in fitting if header.study_uid in each.known.order.study_uids]
    if len(exact) == 1:
        return exact[0]
    numbers = {(each.known.order.placer, each.known.order.filler) for each in fitting}
    same_order = len(numbers) == 1 and numbers != {("", "")}
    return (
        min(fitting, key=lambda each: (each.known.order.step_id, each.known.order.key))
        if same_order
        else None
    )


def _by_number(
    header: StudyHeader, weighed: Sequence[_Weighed], people: Mapping[str, PatientIdentity]
) -> Match:
    plausible = [each for each in weighed if not each.contradicts_person]
    fitting = [each for each in plausible if each.fits]
    unproven = [each for each in plausible if not each.is_person and not each.speaks_against]
    if len(fitting) == 1 and not unproven:
        only = fitting[0]
        return Match(Certainty.CERTAIN, only.known.order.key, only.known.identity_key, only.speaks_for)
    if fitting or unproven:
        reasons = (SEVERAL,) if len(fitting) + len(unproven) > 1 else (UNPROVEN,)
        return _uncertain(header, [*fitting, *unproven], reasons, people)
    near = [each for each in plausible if set(each.speaks_against) <= {TAKEN, NO_TIME, CANCELLED}]
    if near:
        return _uncertain(header, near, near[0].speaks_against, people)
    reason = NOT_COME if header.accession_number else NOTHING_KNOWN
    return Match(Certainty.NONE, identity_key=_person_among(header, people), reasons=(reason,))


def _uncertain(
    header: StudyHeader,
    weighed: Sequence[_Weighed],
    reasons: Sequence[str],
    people: Mapping[str, PatientIdentity],
) -> Match:
    likely = sorted(
        weighed, key=lambda each: (len(each.speaks_against), -len(each.speaks_for), each.known.order.key)
    )
    return Match(
        Certainty.UNCERTAIN,
        identity_key=_person_among(header, people),
        reasons=tuple(reasons) or (UNPROVEN,),
        candidates=tuple(each.candidate() for each in likely[:MOST_CANDIDATES]),
    )


def _person_among(header: StudyHeader, people: Mapping[str, PatientIdentity]) -> str | None:
    """The patient of the records, where exactly one is proven and nobody else is possible."""
    judged = {key: judge_person(header, person) for key, person in people.items()}
    possible = [key for key, (_, against, _) in judged.items() if not against]
    return possible[0] if len(possible) == 1 and judged[possible[0]][2] else None


def _weigh(header: StudyHeader, known: KnownOrder, *, named: bool, window: timedelta) -> _Weighed:
    order = known.order
    person_for, person_against, is_person = judge_person(header, order.patient)
    speaks_for, speaks_against = [], []
    if header.accession_number and order.accession_number == header.accession_number:
        speaks_for.append(ACCESSION)
    if header.study_uid in order.study_uids:
        speaks_for.append(STUDY)
    if order.status is OrderStatus.CANCELLED:
        speaks_against.append(CANCELLED)
    if not named:
        in_time = _timing(header, order, window)
        (speaks_for if in_time == TIME else speaks_against).append(in_time)
        speaks_against += [TAKEN] if known.is_taken else []
        if compare_texts(header.modality, order.modality) is Agreement.DIFFERS:
            speaks_against.append(OTHER_MODALITY)
        if compare_texts(header.accession_number, order.accession_number) is Agreement.DIFFERS:
            speaks_against.append(OTHER_ACCESSION)
    return _Weighed(
        known,
        (*speaks_for, *person_for),
        (*person_against, *speaks_against),
        is_person=is_person,
        contradicts_person=bool(person_against),
    )


def _timing(header: StudyHeader, order: Order, window: timedelta) -> str:
    planned = order.scheduled_at or order.ordered_at
    if header.study_at is None or planned is None:
        return NO_TIME
    return TIME if abs(header.study_at - planned) <= window else OTHER_TIME
