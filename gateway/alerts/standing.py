"""One alert as it is at one look: the case, everything that was said and sent about it, and the level that has the word."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.alerts.notice import NoticeKind
from gateway.alerts.settings import Alerts
from gateway.desk import Desk
from gateway.ledger.call import Call, case_subject
from gateway.ledger.records import Case, moment_of
from gateway.ledger.thread import PostKind
from gateway.team.answering import holder_of

ALARMS = frozenset({NoticeKind.ALERT.value, NoticeKind.ESCALATED.value})
"""Notices that ring; all others are quiet."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the level that has the word stands.

    Attributes
    ----------
    people, called, reached
        Who belongs to it, who of them has a channel, and who of those has accepted it by one.
    by_channel
        Whether it has channels of nobody in particular, too.
    given_up_at
        When it is given up because no channel of anybody has accepted; None where one has.
    look_at
        When something that is under way wants a look.
    """

    people: Sequence[str]
    called: frozenset[str]
    reached: frozenset[str]
    by_channel: bool
    given_up_at: datetime | None
    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert at one look: the case, the revision that rang, and every call so far."""

    desk: Desk
    case: Case
    revision: int
    calls: Sequence[Call]
    alerts: Alerts
    """Who is called: others, perhaps, for a case of another hospital."""

    @classmethod
    def read(cls, desk: Desk, case_id: str, revision: int) -> "Alert":
        """Read it as it is now."""
        received = desk.ledger.sharing.alarms.of_alert(case_id, revision)
        alerts = desk.config.alerts.for_received if received else desk.config.alerts
        return cls(desk, desk.case(case_id), revision, desk.ledger.calls.of_case(case_id), alerts)

    @property
    def subject(self) -> str:
        """What its calls are about."""
        return case_subject(self.case.id, self.revision)

    @property
    def now_s(self) -> float:
        """Seconds since the epoch."""
        return self.desk.now().timestamp()

    @property
    def mine(self) -> list[Call]:
        """Calls of this alert, without those of the revisions before."""
        return [call for call in self.calls if call.revision == self.revision]

    @property
    def waits(self) -> bool:
        """Whether it stands and nobody has answered it."""
        standing = self.desk.ledger.announcements.standing(self.case)
        return standing == self.revision and self.case.times["acknowledged_at"] is None

    def alarms(self, level: int) -> list[Call]:
        """Calls that rang at a level."""
        return [call for call in self.mine if call.step == level and not call.turn and call.notice in ALARMS]

    def alarmed(self, level: int) -> list[str]:
        """Whoever was called at a level."""
        return list(dict.fromkeys(call.person_id for call in self.alarms(level) if call.person_id))

    def called_at(self, level: int) -> datetime:
        """When a level was first called; now, if it was not before this look."""
        moments = [moment_of(at) for call in self.alarms(level) if (at := call.times["queued_at"])]
        return min(moments, default=self.desk.now())

    def declined(self) -> set[str | None]:
        """Whoever said that they cannot come."""
        return {call.person_id for call in self.mine if call.times["declined_at"]}

    def told(self, *, before: bool = False) -> list[str]:
        """Whoever was told of this alert, or of those `before` it, by a channel that accepted it."""
        sent = (
            call
            for call in self.calls
            if call.times["sent_at"] and (call.revision or 0) <= self.revision - before
        )
        return list(dict.fromkeys(call.person_id for call in sent if call.person_id))

    def holder_before(self) -> str | None:
        """Whoever had the case when newer images came."""
        holder = holder_of(self.desk.ledger.thread.of_case(self.case.id), 1)
        took = holder is not None and holder.kind is PostKind.TOOK and holder.revision < self.revision
        return holder.person_id if holder and took else None
