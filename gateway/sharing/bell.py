"""The bell: whatever a partner has handed over, people here are called for; and the partner hears who took it.

Both follow from what is in the ledger. So a kill between the letter and the call only delays the call, and whoever repeats a
turn calls nobody twice: an alert has one run, a call one identifier, an answer one for each word of the thread.
"""

from datetime import timedelta

import structlog

from gateway.alerts.compose import role_of
from gateway.desk import Desk
from gateway.journal import unforeseen
from gateway.ledger.sharing_alarms import Owed, ReceivedAlarm
from gateway.ledger.sharing_answers import HELD
from gateway.steps import alerting
from gateway.team.answering import say
from triage.errors import GatewayError, TemporaryError

log = structlog.get_logger()

LOOK_EVERY_S = 0.25
"""Between looks, as the engine between those at its queues."""
AWAY_S = 1.0
"""Until the next look while the ledger is away, or after a mistake."""

ANSWERS_FOR = timedelta(days=7)
"""So long after a case came its partner is told who has it."""

JOINED = "{partner} hands this case over and waits for an answer; the alert is that of our own analysis"
"""What the thread says where nobody is called again for the same images."""


class Bell:
    """Who looks whether somebody is to be called; of several workers, one at a time."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._alarms = desk, desk.ledger.sharing.alarms

    def turn(self) -> float:
        """Call people for everything that waits, and tell partners what they wait for; returns the seconds until the next turn."""
        try:
            for owed in self._alarms.owed(self._desk.now() - ANSWERS_FOR):
                self._tell(owed)
            rang = [self._has_rung(alarm) for alarm in self._alarms.waiting()]
        except TemporaryError as exc:
            log.warning("bell cannot look now", reason=str(exc))
            return AWAY_S
        return LOOK_EVERY_S if all(rang) else AWAY_S

    def close(self) -> None:
        """Nothing is held."""

    def _has_rung(self, alarm: ReceivedAlarm) -> bool:
        """Call people for one result; whatever goes wrong is tried again, and delays no other."""
        try:
            self._ring(alarm)
        except Exception as exc:  # noqa: BLE001 - see above
            reason = str(exc) if isinstance(exc, GatewayError) else str(unforeseen(exc))
            log.error("nobody called yet for a received case", case_id=alarm.case_id, reason=reason)  # noqa: TRY400
            return False
        return True

    def _ring(self, alarm: ReceivedAlarm) -> None:
        if not self._alarms.is_overtaken(alarm):
            number = self._alarms.number(alarm)
            if number is None:
                self._join(alarm)
            else:
                alerting.announce_received(self._desk, alarm, number)
        self._alarms.settle(alarm, self._desk.now())

    def _join(self, alarm: ReceivedAlarm) -> None:
        """Say in the thread that another hospital asks, too."""
        case, partner = self._desk.case(alarm.case_id), self._desk.config.sharing.title_of(alarm.partner)
        say(self._desk.ledger, case, JOINED.format(partner=partner), self._desk.now())

    def _tell(self, owed: Owed) -> None:
        """Write down for the partner who has its case: the courier brings it."""
        post, people = owed.post, self._desk.ledger.people
        role = role_of(people.get(post.person_id) if post.person_id else None)
        word = next(word for word, kind in HELD.items() if kind == post.kind.value)
        what = (word, role.value if role else "", post.at, post.id)
        self._desk.ledger.sharing.answers.give_held(owed.partner, post.case_id, owed.revision, *what)
        log.info("partner is told who has its case", case_id=post.case_id, partner=owed.partner, word=word)
