"""Telling the stroke team: the console first, then every channel of a level, then the next level."""

from collections.abc import Mapping

import structlog

from gateway.alerts import channels
from gateway.alerts.message import Alert, alert_for
from gateway.config import AlertLevel
from gateway.desk import Desk
from gateway.engine import Priority, Queue
from gateway.ledger.records import Case, DeliveryKind, moment_of
from triage.errors import InputError
from triage.types import TriageResult

log = structlog.get_logger()

CONSOLE = "console"
"""The live console: handed over by being in the ledger, which the console watches."""
ARCHIVE = "archive"


def announce(desk: Desk, case_id: str, revision: int) -> None:
    """Queue everything that follows a result: alert, publication, EMR. A repeat queues nothing twice."""
    case = desk.case(case_id)
    if revision > 1:
        desk.client.signal(_alert_key(case_id, revision - 1), "answered", "superseded")
    desk.client.submit(
        "alert", _alert_key(case_id, revision), case_id, revision, queue=Queue.ALERT, priority=Priority.URGENT
    )
    _show_on_console(desk, case)  # after the run that an acknowledgement on the console is sent to
    order(desk, case, DeliveryKind.PUBLISH, ARCHIVE)
    for destination in desk.config.emr.destinations:
        order(desk, case, DeliveryKind.EMR, destination.name)


def order(desk: Desk, case: Case, kind: DeliveryKind, target: str) -> None:
    """Note a delivery and start its workflow."""
    key = desk.ledger.deliveries.queue(case.id, case.revision, kind, target, desk.now())
    priority = Priority.URGENT if kind is DeliveryKind.ALERT else Priority.NORMAL
    queue = Queue.URGENT if kind is DeliveryKind.ALERT else Queue.DELIVER
    desk.client.submit(
        "deliver", key, kind.value, case.id, case.revision, target, queue=queue, priority=priority
    )


def escalate(desk: Desk, case_id: str, revision: int, level: int) -> None:
    """Queue the alert to every channel of a level."""
    case = desk.case(case_id)
    answered = case.revision != revision or case.times["acknowledged_at"]
    if answered or level >= len(desk.config.alerts.levels):
        return
    for target in channels_of(desk.config.alerts.levels[level]):
        order(desk, case, DeliveryKind.ALERT, target)
    log.info("level alerted", case_id=case_id, revision=revision, level=level)


def nobody_answered(desk: Desk, case_id: str, revision: int) -> None:
    """Make the silence of the team visible."""
    case = desk.case(case_id)
    if case.revision == revision and case.times["acknowledged_at"] is None:
        key = desk.ledger.deliveries.queue(case_id, revision, DeliveryKind.ALERT, "team", desk.now())
        desk.ledger.deliveries.failed(key, desk.now(), "nobody acknowledged this alert: call the stroke team")
        log.error("nobody acknowledged", case_id=case_id, revision=revision)


def send(desk: Desk, case: Case, target: str, key: str) -> str:
    """Hand the alert to one channel."""
    known = {
        name: channel for level in desk.config.alerts.levels for name, channel in channels_of(level).items()
    }
    if target not in known:
        raise InputError(f"channel {target} is no longer configured")
    channels.send(known[target], alert_of(desk, case), key)
    desk.ledger.cases.stamp(case.id, case.revision, "alert_sent_at", desk.now())
    return "accepted by the channel"


def alert_of(desk: Desk, case: Case) -> Alert:
    """What the team is told about a case's result: no name, no number, no date of birth."""
    return alert_for(
        TriageResult.from_json(case.result or {}),
        case_id=case.id,
        revision=case.revision,
        link=desk.link(case.id),
        last_image_at=moment_of(case.times["last_image_at"] or ""),
        now=desk.now(),
    )


def channels_of(level: AlertLevel) -> Mapping[str, channels.Channel]:
    """A level's channels by a name that shows no secret."""
    every = [channels.Channel(url) for url in level.apprise]
    every += [channels.Channel(hook.url, hook.secret) for hook in level.webhooks]
    return {channels.redacted(channel.url): channel for channel in every}


def _alert_key(case_id: str, revision: int) -> str:
    return f"alert:{case_id}:r{revision}"


def _show_on_console(desk: Desk, case: Case) -> None:
    key = desk.ledger.deliveries.queue(case.id, case.revision, DeliveryKind.ALERT, CONSOLE, desk.now())
    if desk.ledger.cases.stamp(case.id, case.revision, "alert_sent_at", desk.now()):
        desk.ledger.deliveries.delivered(key, desk.now(), alert_of(desk, case).headline)
