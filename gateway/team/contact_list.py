"""A person's channels as a list: what may stand in it, and in which order."""

import re
from collections.abc import Callable, Mapping, Sequence
from uuid import uuid4

from gateway.team.contacts import ChannelKind, Contact
from triage.errors import InputError, require

TRIAL = "test:"
"""What the calls of a test alarm are about begins so."""

MOST_CONTACTS = 12
LONGEST_ADDRESS = 500

_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
_PHONE = re.compile(r"\+?[0-9]{8,15}")
_TOPIC = re.compile(r"[^#+\s]+")
_WEB = re.compile(r"https?://[^/\s]+\S*")
_SERVICE = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_SPACING = re.compile(r"[ ().-]")

ADDRESSES: Mapping[ChannelKind, tuple[re.Pattern[str], str]] = {
    ChannelKind.PUSH: (re.compile(""), "a push goes to every device of the person and has no address"),
    ChannelKind.EMAIL: (_EMAIL, "write an e-mail address, such as name@hospital.example"),
    ChannelKind.ZALO: (_PHONE, "write a telephone number with its country, such as +84901234567"),
    ChannelKind.MQTT: (_TOPIC, "write a topic without + and #, such as stroke/night"),
    ChannelKind.WEBHOOK: (_WEB, "write an address that begins with https://"),
    ChannelKind.APPRISE: (_SERVICE, "write the service's address as Apprise does, such as ntfy://topic"),
}
"""What an address of each kind looks like, and what is said of one that does not."""

SHOWN_WHOLE = frozenset({ChannelKind.EMAIL, ChannelKind.ZALO, ChannelKind.MQTT})
"""Addresses that carry no secret."""

_CLEANED: Mapping[ChannelKind, Callable[[str], str]] = {
    ChannelKind.PUSH: lambda _: "",
    ChannelKind.ZALO: lambda text: _SPACING.sub("", text),
}


def a_contact(person_id: str, kind: ChannelKind, address: str, secret: str = "") -> Contact:
    """A new channel of a person.

    Raises
    ------
    InputError
        The address is none of this kind.
    """
    written = address.strip()
    clean = _CLEANED[kind](written) if kind in _CLEANED else written
    pattern, advice = ADDRESSES[kind]
    require(len(clean) <= LONGEST_ADDRESS and pattern.fullmatch(clean) is not None, advice)
    return Contact(str(uuid4()), person_id, 0, kind, clean, secret.strip())


def added(contacts: Sequence[Contact], fresh: Contact) -> list[Contact]:
    """The list with one more at its end.

    Raises
    ------
    InputError
        It stands there already, or the list is long enough.
    """
    require(len(contacts) < MOST_CONTACTS, f"at most {MOST_CONTACTS} channels: remove one first")
    known = {(contact.kind, contact.address) for contact in contacts}
    require((fresh.kind, fresh.address) not in known, "this channel is in the list already")
    return [*contacts, fresh]


def raised(contacts: Sequence[Contact], contact_id: str) -> list[Contact]:
    """The list with one a place further up; the first one stays where it is.

    Raises
    ------
    InputError
        It is not in the list.
    """
    place = _place(contacts, contact_id)
    above = max(place - 1, 0)
    rest = [contact for contact in contacts if contact.id != contact_id]
    return [*rest[:above], contacts[place], *rest[above:]]


def lowered(contacts: Sequence[Contact], contact_id: str) -> list[Contact]:
    """The list with one a place further down; raises as `raised` does."""
    return raised(list(contacts)[::-1], contact_id)[::-1]


def removed(contacts: Sequence[Contact], contact_id: str) -> list[Contact]:
    """The list without one; raises as `raised` does."""
    place = _place(contacts, contact_id)
    return [*contacts[:place], *contacts[place + 1 :]]


def _place(contacts: Sequence[Contact], contact_id: str) -> int:
    for place, contact in enumerate(contacts):
        if contact.id == contact_id:
            return place
    raise InputError("this channel is not in the list any more: load the page again")
