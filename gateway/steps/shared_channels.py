"""Channels of a level that belong to nobody in particular: a group's messenger, a machine of the hospital."""

from collections.abc import Mapping

from gateway.alerts import compose
from gateway.alerts.settings import AlertLevel
from gateway.channels import sending
from gateway.channels.target import Target, redacted
from gateway.desk import Desk
from gateway.ledger.announcements import standing_of
from gateway.ledger.records import Case, DeliveryKind
from gateway.steps.ordering import order
from gateway.team.contacts import ChannelKind
from triage.errors import InputError


def channels_of(level: AlertLevel) -> Mapping[str, Target]:
    """A level's channels by a name that shows no secret."""
    every = [Target(ChannelKind.APPRISE, url) for url in level.apprise]
    every += [Target(ChannelKind.WEBHOOK, hook.url, hook.secret) for hook in level.webhooks]
    return {redacted(target): target for target in every}


def order_level(desk: Desk, case_id: str, revision: int, level: AlertLevel) -> None:
    """Order the alert that `revision` rang to every channel of a level."""
    for target in channels_of(level):
        order(desk, case_id, revision, DeliveryKind.ALERT, target)


def send(desk: Desk, case: Case, target: str, key: str) -> str:
    """Hand the alert that stands to one channel."""
    levels = desk.config.alerts.every_level
    known = {name: channel for level in levels for name, channel in channels_of(level).items()}
    if target not in known:
        raise InputError(f"channel {target} is no longer configured")
    told = desk.ledger.announcements.of_case(case.id)
    notice = compose.alert_of(desk, case, compose.latest_of(case, told), desk.config.alerts.language)
    picture = compose.picture_of(desk, case.id, case.revision)
    sending.send(known[target], notice, key, desk.switchboard.site, picture)
    for name in ("alert_sent_at", "alert_delivered_at"):
        desk.ledger.announcements.stamp(case.id, standing_of(case, told), name, desk.now())
    return "accepted by the channel"
