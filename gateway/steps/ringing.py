"""An alert from its first call to its last: each look finds out what is due, does it, and says when to look again.

Nothing here waits for a channel. What was written down counts: answers in case and thread, calls in the ledger, moments in
the journal. So a look may be repeated, and comes to the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from gateway.alerts import compose, plan
from gateway.alerts.calling import Compose, Ringing, ring
from gateway.alerts.notice import NoticeKind
from gateway.alerts.plan import HOLDER_FIRST, Watch
from gateway.alerts.same_patient import holder_of_patient
from gateway.alerts.settings import AlertLevel
from gateway.alerts.standing import Alert, Standing
from gateway.desk import Desk
from gateway.ledger.deliveries import TEAM
from gateway.ledger.records import DeliveryKind
from gateway.ledger.troubles import TroubleKind
from gateway.steps.shared_channels import channels_of, order_level
from gateway.team.answering import holder_of, say
from gateway.team.rota import on_duty

log = structlog.get_logger()

HOLES = {
    TroubleKind.NOBODY_ON_DUTY: "nobody is on duty for '{level}': look at the rota, and call the team by telephone",
    TroubleKind.NOBODY_REACHED: "nobody of '{level}' has a channel: enter one for each on the page of people",
}
"""Why a level was passed over, with the next step."""

SILENCE = "nobody acknowledged this alert: call the stroke team"


def begin_alert(desk: Desk, case_id: str, revision: int) -> dict[str, Any]:
    """Fix, once and for all, when the alert began and who has the word first."""
    alert = Alert.read(desk, case_id, revision)
    began = desk.ledger.announcements.announced_at(case_id, revision) or desk.now()
    return plan.begin(alert.alerts, _first_level(alert), began.timestamp()).to_json()


def ring_first(desk: Desk, case_id: str, revision: int) -> None:
    """Begin to call the first level, before the alert's own run has begun; that goes on with it."""
    alert = Alert.read(desk, case_id, revision)
    if alert.waits:
        _call(alert, plan.begin(alert.alerts, _first_level(alert), desk.now().timestamp()))


def look_after(desk: Desk, case_id: str, revision: int, plain: dict[str, Any]) -> dict[str, Any]:
    """Do what is due for an alert; returns the watch with the moment of the next look, None at the end."""
    alert, watch = Alert.read(desk, case_id, revision), Watch.from_json(plain)
    if not alert.waits and not watch.settled:
        desk.ledger.calls.close(alert.subject, desk.now())
        watch = replace(watch, settled=True, until_s=alert.now_s + plan.TELL_S)
    if watch.settled:
        return _tell_others(alert, watch).to_json()
    if watch.silent:
        return replace(watch, look_s=None).to_json()
    return _go_on(alert, watch).to_json()


def _go_on(alert: Alert, watch: Watch) -> Watch:
    """Call whoever has the word; give it to the next level where its time is over or nobody can be had."""
    alerts = alert.alerts
    standing = _call(alert, watch)
    while (why := _why_over(alert, watch, standing)) and not plan.is_last(alerts, watch):
        alert.desk.ledger.calls.escalated(alert.subject, watch.level, alert.desk.now())
        log.info("next level", case_id=alert.case.id, revision=alert.revision, level=watch.level + 1, why=why)
        watch = plan.following(alerts, watch, alert.now_s)
        standing = _call(alert, watch)
    if alert.now_s >= watch.until_s:
        _nobody_answered(alert, watch)
        return replace(watch, silent=True, look_s=watch.until_s + plan.LATE_ANSWER_S)
    watch, again_at = _repeat(alert, watch, standing)
    looks = [_told_before(alert, watch, standing), standing.look_at, again_at]
    if not plan.is_last(alerts, watch):
        looks.append(standing.given_up_at)
    moments = [look.timestamp() for look in looks if look is not None]
    watch = replace(watch, called=True)
    return plan.next_look(_repeat_minutes(alert, watch), watch, min(moments, default=None))


def _call(alert: Alert, watch: Watch) -> Standing:
    """Call the people and channels of the level that has the word, or go on calling them."""
    level = plan.level_of(alert.alerts, watch)
    kind = NoticeKind.ESCALATED if watch.level > 0 else NoticeKind.ALERT
    people = alert.alarmed(watch.level) or _people(alert, watch.level, level)
    said = compose.of_result(alert.desk, alert.case, kind if watch.level > 0 else None)
    ringing = _ring(alert, watch, people, said, kind)
    if level is not None and not watch.called:
        order_level(alert.desk, alert.case.id, alert.revision, level)
    if not ringing.called:
        _tell_of_hole(alert, level, people)
    by_channel = level is not None and bool(channels_of(level))
    given_up_at = alert.called_at(watch.level) + timedelta(seconds=plan.UNREACHED_AFTER_S)
    return Standing(
        people,
        ringing.called,
        ringing.reached,
        by_channel,
        None if ringing.reached or by_channel else given_up_at,
        ringing.look_at,
    )


def _people(alert: Alert, place: int, level: AlertLevel | None) -> list[str]:
    """Who belongs to a level at this moment; whoever has the case already is among the first."""
    if place == HOLDER_FIRST:
        holder = holder_of_patient(alert.desk, alert.case, alert.desk.now())
        return [holder] if holder else []
    first = [holder] if place == 0 and (holder := alert.holder_before()) else []
    found = dict.fromkeys([*first, *_of_role(alert.desk, level)])
    return [person_id for person_id in found if person_id not in alert.declined()]


def _of_role(desk: Desk, level: AlertLevel | None) -> list[str]:
    if level is None or level.role is None:
        return []
    if level.who == "everybody":
        return [person.id for person in desk.ledger.people.with_role(level.role)]
    zone = ZoneInfo(desk.config.site.time_zone)
    return list(on_duty(desk.ledger.rota.read(), level.role, desk.now(), zone))


def _first_level(alert: Alert) -> int:
    """The first that was called, or would be now."""
    for place in (HOLDER_FIRST, 0):
        if alert.alarmed(place):
            return place
    return HOLDER_FIRST if _people(alert, HOLDER_FIRST, None) else 0


def _why_over(alert: Alert, watch: Watch, standing: Standing) -> str | None:
    """Why the next level is to be called now; None while this one has the word."""
    given_up_at = standing.given_up_at
    reasons = {
        "time": alert.now_s >= watch.until_s,
        "nobody there": not standing.called and not standing.by_channel,
        "declined": bool(standing.people) and alert.declined() >= set(standing.people),
        "nobody reached": given_up_at is not None and alert.desk.now() >= given_up_at,
    }
    return next((why for why, is_so in reasons.items() if is_so), None)


def _repeat(alert: Alert, watch: Watch, standing: Standing) -> tuple[Watch, datetime | None]:
    """Tell those again, quietly, who were called and have said nothing; returns when that wants a look."""
    due = plan.repeats_due(_repeat_minutes(alert, watch), watch, alert.now_s)
    if due == 0:
        return watch, None
    people = [person_id for person_id in standing.people if person_id not in alert.declined()]
    said = compose.of_result(alert.desk, alert.case, NoticeKind.REPEAT)
    ringing = _ring(alert, watch, people, said, NoticeKind.REPEAT, turn=due)
    return replace(watch, repeats=due), ringing.look_at


def _repeat_minutes(alert: Alert, watch: Watch) -> float | None:
    level = plan.level_of(alert.alerts, watch)
    return level.repeat_minutes if level else None


def _told_before(alert: Alert, watch: Watch, standing: Standing) -> datetime | None:
    """Tell those of the revision that stands no longer who are not called now, quietly, what holds instead."""
    if watch.level > 0 or not (former := alert.told(before=True)):
        return None
    people = [person_id for person_id in former if person_id not in standing.people]
    said = compose.of_result(alert.desk, alert.case, quiet=True)
    return _ring(alert, watch, people, said, NoticeKind.REVISED).look_at


def _tell_others(alert: Alert, watch: Watch) -> Watch:
    """Tell those who were called who has the case; of newer images their own alert tells."""
    desk, standing = alert.desk, alert.desk.ledger.announcements.standing(alert.case)
    if standing != alert.revision or alert.now_s >= watch.until_s:
        return replace(watch, look_s=None)
    holder = holder_of(desk.ledger.thread.of_case(alert.case.id), alert.revision)
    people = [person_id for person_id in alert.told() if holder is None or person_id != holder.person_id]
    said = compose.of_answer(desk, alert.case, alert.revision, holder)
    look_at = _ring(alert, watch, people, said, NoticeKind.TAKEN).look_at
    return replace(watch, look_s=look_at.timestamp() if look_at else None)


def _nobody_answered(alert: Alert, watch: Watch) -> None:
    """Make the silence of the team visible, in the case and to IT."""
    desk, deliveries = alert.desk, alert.desk.ledger.deliveries
    desk.ledger.calls.escalated(alert.subject, watch.level, desk.now())
    key = deliveries.queue(alert.case.id, alert.revision, DeliveryKind.ALERT, TEAM, desk.now())
    deliveries.failed(key, desk.now(), SILENCE)
    say(desk.ledger, alert.case, SILENCE, desk.now())
    desk.ledger.troubles.open(TroubleKind.NOBODY_REACHED, TEAM, SILENCE, desk.now())
    log.error("nobody acknowledged", case_id=alert.case.id, revision=alert.revision)


def _tell_of_hole(alert: Alert, level: AlertLevel | None, people: Sequence[str]) -> None:
    """Say in the case, and to IT, that a level has nobody who could hear it."""
    if level is None or level.role is None:
        return
    kind = TroubleKind.NOBODY_REACHED if people else TroubleKind.NOBODY_ON_DUTY
    text = HOLES[kind].format(level=level.name)
    say(alert.desk.ledger, alert.case, text, alert.desk.now())
    alert.desk.ledger.troubles.open(kind, level.role.value, text, alert.desk.now())


def _ring(
    alert: Alert, watch: Watch, people: Sequence[str], said: Compose, notice: NoticeKind, turn: int = 0
) -> Ringing:
    picture = compose.picture_of(alert.desk, alert.case.id, alert.case.revision)
    return ring(
        alert.desk, alert.subject, watch.level, people, said, notice=notice, turn=turn, picture=picture
    )
