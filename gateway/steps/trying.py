"""A test alarm that somebody sends to themselves: the way of an alert, without a patient."""

from functools import partial

from gateway.alerts.calling import ring
from gateway.alerts.news import trial
from gateway.alerts.notice import Notice, NoticeKind
from gateway.desk import Desk
from gateway.engine import sleep, step, workflow
from gateway.ledger.call import Call
from gateway.team.people import Person
from viewer_bridge.report.wording.language import Language

LOOKS = 20
"""A test has its answer after a few looks; a channel that stays away is not tried for hours."""
SHORTEST_WAIT_S = 0.2


def ring_trial(desk: Desk, subject: str, person_id: str) -> float | None:
    """Call somebody, or go on calling; returns after how many seconds to look again, None when it is over."""
    link = f"{desk.config.http.base_url}/me"

    def compose(person: Person | None, _call: Call) -> Notice:
        return trial(subject, link, person.language if person else Language.ENGLISH)

    ringing = ring(desk, subject, 0, [person_id], compose, notice=NoticeKind.TEST)
    if ringing.look_at is None:
        return None
    return max((ringing.look_at - desk.now()).total_seconds(), SHORTEST_WAIT_S)


def register(desk: Desk) -> None:
    """Declare the workflow of a test alarm."""
    ring_again = step("ring_trial", partial(ring_trial, desk))

    @workflow("trial")
    def trial(subject: str, person_id: str) -> None:
        """One person, by the channels in their order, until one has it."""
        for _ in range(LOOKS):
            wait_s = ring_again(subject, person_id)
            if wait_s is None:
                return
            sleep(wait_s)
