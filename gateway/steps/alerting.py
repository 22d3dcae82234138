"""Telling the stroke team: the console first, then every channel of a level, then the next level."""

from collections.abc import Mapping, Sequence

import structlog

from gateway import casefolder
from gateway.alerts import channels
from gateway.alerts.message import Alert, alert_for
from gateway.alerts.settings import AlertLevel
from gateway.desk import Desk
from gateway.lanes import Priority, Queue
from gateway.ledger.announcements import Announcement, standing_of
from gateway.ledger.deliveries import TEAM
from gateway.ledger.letter import Cause
from gateway.ledger.records import Case, DeliveryKind, moment_of
from gateway.revision import changes
from triage.errors import InputError, TemporaryError
from triage.results import TriageResult

log = structlog.get_logger()

CONSOLE = "console"
"""The live console: handed over by being in the ledger, which the console watches."""
ARCHIVE = "archive"


def announce(desk: Desk, case_id: str, revision: int) -> None:
    """Queue everything that follows a result: alert, publication, EMR. A repeat queues nothing twice.

    A revision that changes nothing for the team does not ring: the alert before it stands, and goes on to the next
    level until somebody answers.
    """
    news = _decide(desk, case_id, revision)
    if news.rings:
        _ring(desk, news)
    order(desk, case_id, revision, DeliveryKind.PUBLISH, ARCHIVE)
    for destination in desk.config.emr.destinations:
        desk.ledger.letters.queue(case_id, revision, destination.name, Cause.RESULT, "", desk.now())


def order(desk: Desk, case_id: str, revision: int, kind: DeliveryKind, target: str) -> None:
    """Note a delivery and start its workflow."""
    key = desk.ledger.deliveries.queue(case_id, revision, kind, target, desk.now())
    priority = Priority.URGENT if kind is DeliveryKind.ALERT else Priority.NORMAL
    queue = Queue.URGENT if kind is DeliveryKind.ALERT else Queue.DELIVER
    desk.client.submit("deliver", key, kind.value, case_id, revision, target, queue=queue, priority=priority)


def escalate(desk: Desk, case_id: str, revision: int, level: int) -> None:
    """Queue the alert that `revision` rang to every channel of a level, unless it was answered or replaced."""
    if not _waits(desk, case_id, revision) or level >= len(desk.config.alerts.levels):
        return
    for target in channels_of(desk.config.alerts.levels[level]):
        order(desk, case_id, revision, DeliveryKind.ALERT, target)
    log.info("level alerted", case_id=case_id, revision=revision, level=level)


def nobody_answered(desk: Desk, case_id: str, revision: int) -> None:
    """Make the silence of the team visible."""
    if _waits(desk, case_id, revision):
        key = desk.ledger.deliveries.queue(case_id, revision, DeliveryKind.ALERT, TEAM, desk.now())
        desk.ledger.deliveries.failed(key, desk.now(), "nobody acknowledged this alert: call the stroke team")
        log.error("nobody acknowledged", case_id=case_id, revision=revision)


def send(desk: Desk, case: Case, target: str, key: str) -> str:
    """Hand the alert that stands to one channel."""
    known = {
        name: channel for level in desk.config.alerts.levels for name, channel in channels_of(level).items()
    }
    if target not in known:
        raise InputError(f"channel {target} is no longer configured")
    told = desk.ledger.announcements.of_case(case.id)
    alert = standing_of(case, told)
    channels.send(known[target], alert_of(desk, case, _latest(case, told)), key)
    for name in ("alert_sent_at", "alert_delivered_at"):
        desk.ledger.announcements.stamp(case.id, alert, name, desk.now())
    return "accepted by the channel"


def alert_of(desk: Desk, case: Case, news: Announcement) -> Alert:
    """What the team is told of a revision: no name, no number, no date of birth."""
    former = desk.ledger.announcements.get(case.id, news.former) if news.former else None
    return alert_for(
        TriageResult.from_json(news.result),
        case_id=case.id,
        revision=news.revision,
        link=desk.link(case.id),
        last_image_at=moment_of(case.times["last_image_at"] or ""),
        now=desk.now(),
        former=TriageResult.from_json(former.result) if former else None,
        supersedes=news.former,
        change=news.reasons,
    )


def channels_of(level: AlertLevel) -> Mapping[str, channels.Channel]:
    """A level's channels by a name that shows no secret."""
    every = [channels.Channel(url) for url in level.apprise]
    every += [channels.Channel(hook.url, hook.secret) for hook in level.webhooks]
    return {channels.redacted(channel.url): channel for channel in every}


def alert_key(case_id: str, revision: int) -> str:
    """Name of the run that alerts the team, to which an answer goes."""
    return f"alert:{case_id}:r{revision}"


def _decide(desk: Desk, case_id: str, revision: int) -> Announcement:
    """Compare a result with what the team was told last; what was decided once stands."""
    known = desk.ledger.announcements.of_case(case_id)
    if said := next((told for told in known if told.revision == revision), None):
        return said
    present = _result(desk, case_id, revision)
    former = max((told for told in known if told.rings), key=lambda told: told.revision, default=None)
    reasons = changes(TriageResult.from_json(former.result), present) if former else ()
    overtaken = former is not None and former.revision > revision
    news = Announcement(
        case_id=case_id,
        revision=revision,
        former=former.revision if former and not overtaken else None,
        rings=former is None or bool(reasons and not overtaken),
        reasons=() if overtaken else reasons,
        result=present.to_json(),
    )
    desk.ledger.announcements.record(news, desk.now())
    log.info("revision announced", case_id=case_id, revision=revision, rings=news.rings, reasons=news.reasons)
    return news


def _result(desk: Desk, case_id: str, revision: int) -> TriageResult:
    """A revision's result; the ledger has the newest, and late images may have re-opened the case since."""
    case = desk.case(case_id)
    if case.revision == revision and case.result:
        return TriageResult.from_json(case.result)
    return casefolder.load_result(desk.folder(case_id, revision))


def _ring(desk: Desk, news: Announcement) -> None:
    """Begin an alert in place of the one before."""
    run = alert_key(news.case_id, news.revision)
    desk.client.submit("alert", run, news.case_id, news.revision, queue=Queue.ALERT, priority=Priority.URGENT)
    _show_on_console(desk, news)  # after the run that an acknowledgement on the console is sent to
    if news.former:
        _dismiss(desk, news.case_id, news.former)


def _dismiss(desk: Desk, case_id: str, alert: int) -> None:
    """Let the run of a replaced alert end early; untold, it does nothing at each level and ends by itself."""
    try:
        desk.client.signal(alert_key(case_id, alert), "answered", "superseded")
    except TemporaryError as exc:
        log.warning("replaced alert not told", case_id=case_id, revision=alert, reason=str(exc))


def _show_on_console(desk: Desk, news: Announcement) -> None:
    deliveries = desk.ledger.deliveries
    key = deliveries.queue(news.case_id, news.revision, DeliveryKind.ALERT, CONSOLE, desk.now())
    desk.ledger.announcements.stamp(news.case_id, news.revision, "alert_sent_at", desk.now())
    deliveries.delivered(key, desk.now(), alert_of(desk, desk.case(news.case_id), news).headline)


def _waits(desk: Desk, case_id: str, alert: int) -> bool:
    """Whether the alert that a revision rang stands and nobody has answered it."""
    case = desk.case(case_id)
    return desk.ledger.announcements.standing(case) == alert and case.times["acknowledged_at"] is None


def _latest(case: Case, told: Sequence[Announcement]) -> Announcement:
    """The newest word that goes with the alert that stands: the same alert, by the images that have come since."""
    alert = standing_of(case, told)
    mine = [news for news in told if news.revision >= alert]
    alone = Announcement(
        case.id, case.revision, former=None, rings=True, reasons=(), result=case.result or {}
    )
    return mine[-1] if mine else alone
