"""Which channels there are, and when each is tried without disturbing anybody."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from gateway.alerts.settings import AlertLevel
from gateway.channels.target import Target, redacted
from gateway.ledger.people import People
from gateway.ledger.records import utc_text
from gateway.ledger.sources_health import Probe
from gateway.team.contacts import ChannelKind

AGAIN = (timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30))
"""After the first, the second and each further failure in a row, unless the usual time is shorter."""

KEY_LENGTH = 40


def targets_of(people: People, levels: Sequence[AlertLevel]) -> list[Target]:
    """Every channel of every active person, each device for itself, and those of the levels; with repetitions."""
    active = [person.id for person in people.all() if person.active]
    devices = people.devices_of(active)
    personal = [
        Target.of(contact)
        for contacts in people.contacts_of(active).values()
        for contact in contacts
        if contact.active and contact.kind is not ChannelKind.PUSH
    ]
    pushed = [Target(ChannelKind.PUSH, devices=(device,)) for mine in devices.values() for device in mine]
    shared = [Target(ChannelKind.APPRISE, address) for level in levels for address in level.apprise]
    signed = [
        Target(ChannelKind.WEBHOOK, each.url, each.secret) for level in levels for each in level.webhooks
    ]
    return [*personal, *pushed, *shared, *signed]


def key_of(target: Target) -> str:
    """Of the address, which itself is a secret and stays out of the ledger's health."""
    address = target.devices[0].endpoint if target.devices else target.address
    return hashlib.sha256(f"{target.kind}|{address}".encode()).hexdigest()[:KEY_LENGTH]


def label_of(target: Target) -> str:
    """What a page may show; a device by the digest of its address."""
    return f"push#{key_of(target)[:8]}" if target.devices else redacted(target)


def listed(
    targets: Iterable[Target], now: datetime, every: timedelta
) -> tuple[dict[str, Target], list[Probe]]:
    """Targets by key, and their rows as they begin: the first tries are spread over the whole interval."""
    targets = list(targets)
    by_key = {key_of(target): target for target in targets}
    users = Counter(map(key_of, targets))
    rows = [
        Probe(key, target.kind.value, label_of(target), users[key], first_at(key, now, every), utc_text(now))
        for key, target in by_key.items()
    ]
    return by_key, rows


def first_at(key: str, now: datetime, every: timedelta) -> str:
    """When a channel is tried first: chance by its key, the same each time."""
    return utc_text(now + every * (int(key[:8], 16) / 16**8))


def next_at(failures: int, now: datetime, every: timedelta) -> datetime:
    """When a channel is tried again after so many failures in a row.

    >>> now = datetime(2026, 3, 1)
    >>> [(next_at(failures, now, timedelta(hours=1)) - now).seconds // 60 for failures in (0, 1, 2, 9)]
    [60, 2, 10, 30]
    """
    return now + (min(AGAIN[min(failures, len(AGAIN)) - 1], every) if failures else every)


def dead_words(probe: Probe, failures: int, reason: str) -> str:
    """Why somebody is told of a channel."""
    used = f"{probe.used_by} {'place' if probe.used_by == 1 else 'places'}"
    return f"{probe.target} has failed {failures} probes in a row ({reason}); it is used in {used}, and alerts go by the next channel of each person"


def by_kind(channels: Iterable[Probe]) -> Mapping[str, list[Probe]]:
    """Channels of each kind."""
    found: dict[str, list[Probe]] = {}
    for each in channels:
        found.setdefault(each.kind, []).append(each)
    return found
