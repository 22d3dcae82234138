"""How people are reached: the channels of a person in the order of her choice, and the devices that take pushes."""

from dataclasses import dataclass, field
from enum import StrEnum


class ChannelKind(StrEnum):
    """A way to somebody."""

    PUSH = "push"
    """Web Push to the installed page, on every device of the person."""
    EMAIL = "email"
    ZALO = "zalo"
    """A template message of the hospital's official account."""
    MQTT = "mqtt"
    WEBHOOK = "webhook"
    APPRISE = "apprise"
    """Any other service, by its Apprise address: Telegram, ntfy, Matrix, SMS gateways, Zalo bots."""


@dataclass(frozen=True, slots=True)
class Contact:
    """One channel of one person; `place` is the person's own order, the lowest is tried first.

    `address` is an e-mail address, a telephone number, a topic or a service's address; empty for PUSH, which goes to
    every device. `secret` signs webhooks.
    """

    id: str
    person_id: str
    place: int
    kind: ChannelKind
    address: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    active: bool = True


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that takes pushes (RFC 8030, RFC 8291); the three secrets of a subscription reach it and nobody else."""

    id: str
    person_id: str
    endpoint: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    label: str
    created_at: str
