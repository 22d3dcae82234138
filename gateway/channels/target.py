"""Who gets a notice, by which way; what a sender says of it; and the site's side of all channels."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from gateway.team.contacts import ChannelKind, Contact, Device

DIGEST_LENGTH = 8
"""Hex digits of an address's digest: enough to tell a site's receivers apart."""


class Outcome(StrEnum):
    """How far a notice came."""

    SENT = "sent"
    """A service has it, and will carry it."""
    DELIVERED = "delivered"
    """The receiver itself has it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One way to one receiver.

    Attributes
    ----------
    address
        E-mail address, telephone number, topic or URL; empty for pushes.
    secret
        Signs webhooks.
    devices
        Everything that takes pushes of one person.
    """

    kind: ChannelKind
    address: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    devices: tuple[Device, ...] = ()

    @classmethod
    def of(cls, contact: Contact, devices: tuple[Device, ...] = ()) -> "Target":
        """The way that a contact names; `devices` are all of its person's."""
        taking = devices if contact.kind is ChannelKind.PUSH else ()
        return cls(contact.kind, contact.address, contact.secret, taking)


def redacted(target: Target) -> str:
    """Kind and digest of an address, for logs and pages; of pushes the number of devices.

    >>> redacted(Target(ChannelKind.APPRISE, "ntfy://token@example.org/stroke"))
    'ntfy#289aeac7'
    >>> redacted(Target(ChannelKind.PUSH))
    'push#0'
    """
    if target.kind is ChannelKind.PUSH:
        return f"push#{len(target.devices)}"
    return f"{NAMES.get(target.kind, _kind_name)(target)}#{digest(target.address)}"


def digest(address: str) -> str:
    """Short digest of an address."""
    return hashlib.sha256(address.encode()).hexdigest()[:DIGEST_LENGTH]


def scheme_of(url: str) -> str:
    """Scheme of an address; one that cannot be parsed has none.

    >>> scheme_of("JSON://host"), scheme_of("no scheme"), scheme_of("http://[")
    ('json', 'none', 'none')
    """
    try:
        return urlsplit(url).scheme or "none"
    except ValueError:
        return "none"


def _kind_name(target: Target) -> str:
    return target.kind.value


def _scheme_name(target: Target) -> str:
    return scheme_of(target.address)


NAMES: dict[ChannelKind, Callable[[Target], str]] = {
    ChannelKind.APPRISE: _scheme_name,
    ChannelKind.WEBHOOK: _scheme_name,
}
"""What stands before the digest, where the address tells more than the kind."""
