"""One door to every channel: who sends what is in the table, and each sender keeps the same promises.

A sender returns when the receiver, or the service that carries the notice to it, has accepted the notice, and within
`LIMIT_S`. `TemporaryError` means: try again with the same key, or by another channel. `InputError` means: a person must
change something first. Addresses carry secrets, so no error says more of one than `redacted` does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gateway.alerts.notice import Notice
from gateway.channels import email, mqtt, other, webhook, webpush, zalo
from gateway.channels.limit import within
from gateway.channels.site import ChannelSite
from gateway.channels.target import Outcome, Target, redacted
from gateway.team.contacts import ChannelKind
from triage.errors import ConfigError, InputError

__all__ = ["LIMIT_S", "RECEIPTS", "ChannelSite", "Outcome", "Target", "check", "probe", "redacted", "send"]

LIMIT_S = 4.0
"""Longest time for one notice by one channel, whatever the other side does; two of them fit in the 10 s to the next."""

RECEIPTS = frozenset({ChannelKind.PUSH})
"""Kinds whose receiver confirms by itself: the service worker says that it has shown the notice."""


@dataclass(frozen=True, slots=True)
class Sender:
    """What a kind of channel can do; each raises `InputError` and `TemporaryError` alone."""

    send: Callable[[Target, Notice, str, ChannelSite, Path | None], Outcome]
    probe: Callable[[Target, ChannelSite], None]
    check: Callable[[Target, ChannelSite], None]


SENDERS: Mapping[ChannelKind, Sender] = {
    ChannelKind.PUSH: Sender(webpush.send, webpush.probe, webpush.check),
    ChannelKind.EMAIL: Sender(email.send, email.probe, email.check),
    ChannelKind.MQTT: Sender(mqtt.send, mqtt.probe, mqtt.check),
    ChannelKind.WEBHOOK: Sender(webhook.send, webhook.probe, webhook.check),
    ChannelKind.ZALO: Sender(zalo.send, zalo.probe, zalo.check),
    ChannelKind.APPRISE: Sender(other.send, other.probe, other.check),
}


def send(target: Target, notice: Notice, key: str, site: ChannelSite, picture: Path | None = None) -> Outcome:
    """Hand a notice over; `key` is the same at every repeat, and `picture` goes where pictures can.

    Raises
    ------
    TemporaryError
        Not accepted now.
    InputError
        Not accepted ever: a person must change the contact or the settings.
    """
    work = partial(SENDERS[target.kind].send, target, notice, key, site, picture)
    return within(LIMIT_S, work, redacted(target))


def probe(target: Target, site: ChannelSite) -> None:
    """Find out whether a notice could be sent, without disturbing anybody; raises like `send`."""
    within(LIMIT_S, partial(SENDERS[target.kind].probe, target, site), redacted(target))


def check(target: Target, site: ChannelSite) -> None:
    """Refuse at start what could never be delivered; a file of keys that is none is refused, too.

    Raises
    ------
    ConfigError
        The address cannot be used, or the site has no account for this kind.
    """
    try:
        SENDERS[target.kind].check(target, site)
    except InputError as exc:
        raise ConfigError(str(exc)) from exc
