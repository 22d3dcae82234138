"""Calls to one person: to take over a case that somebody hands on, and a test alarm that somebody sends to themselves."""

from collections.abc import Callable
from functools import partial

from gateway.alerts import compose
from gateway.alerts.calling import ring
from gateway.alerts.news import trial
from gateway.alerts.notice import Notice, NoticeKind
from gateway.desk import Desk
from gateway.engine import sleep, step, workflow
from gateway.ledger.call import Call, case_subject
from gateway.team.answering import holder_of
from gateway.team.people import Person
from viewer_bridge.report.wording.language import Language

LOOKS = 20
"""One person is reached after a few looks; a channel that stays away is not tried for hours."""

HANDED_ON = -2
"""The step of such calls, which is no level of an escalation."""


def ring_summoned(desk: Desk, case_id: str, revision: int, person_id: str, number: int) -> float | None:
    """Call whoever is asked to take a case over, or go on; returns after how many seconds to look again, None at the end.

    Parameters
    ----------
    number
        Of the post that asks; asked again, they are called again.
    """
    case = desk.case(case_id)
    holder = holder_of(desk.ledger.thread.of_case(case_id), revision)
    overtaken = desk.ledger.announcements.standing(case) != revision
    if overtaken or (holder is not None and holder.person_id == person_id):
        return None
    ringing = ring(
        desk,
        case_subject(case_id, revision),
        HANDED_ON,
        [person_id],
        compose.of_result(desk, case, NoticeKind.HANDED),
        notice=NoticeKind.HANDED,
        turn=number,
        picture=compose.picture_of(desk, case_id, case.revision),
    )
    return ringing.wait_s(desk.now())


def ring_trial(desk: Desk, subject: str, person_id: str) -> float | None:
    """Call whoever tries their channels: the way of an alert, without a patient; returns like `ring_summoned`."""
    link = f"{desk.config.http.base_url}/me"

    def said(person: Person | None, _call: Call) -> Notice:
        return trial(subject, link, person.language if person else Language.ENGLISH)

    return ring(desk, subject, 0, [person_id], said, notice=NoticeKind.TEST).wait_s(desk.now())


def register(desk: Desk) -> None:
    """Declare both workflows."""
    summon_again = step("ring_summoned", partial(ring_summoned, desk))
    try_again = step("ring_trial", partial(ring_trial, desk))

    @workflow("summon")
    def summon(case_id: str, revision: int, person_id: str, number: int) -> None:
        """A colleague, by the channels in their order, until one has it."""
        _pursue(partial(summon_again, case_id, revision, person_id, number))

    @workflow("trial")
    def trial_alarm(subject: str, person_id: str) -> None:
        """One person, by the channels in their order, until one has it."""
        _pursue(partial(try_again, subject, person_id))


def _pursue(look: Callable[[], float | None]) -> None:
    """Look, and look again, until there is nothing more to do."""
    for _ in range(LOOKS):
        wait_s = look()
        if wait_s is None:
            return
        sleep(wait_s)
