"""Words and rows about people that several pages share: channels, roles, sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.channels.target import Target, redacted
from gateway.console.rota_week import TITLES
from gateway.team.contact_list import SHOWN_WHOLE
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import RIGHTS, Person, Right, Role
from viewer_bridge.report.wording.language import Language

LANGUAGES: Mapping[Language, str] = {
    Language.VIETNAMESE: "Tiếng Việt",
    Language.ENGLISH: "English",
    Language.FRENCH: "Français",
}
KINDS: Mapping[ChannelKind, tuple[str, str]] = {
    ChannelKind.PUSH: ("Push to my devices", ""),
    ChannelKind.EMAIL: ("E-mail", "name@hospital.example"),
    ChannelKind.ZALO: ("Zalo", "+84901234567"),
    ChannelKind.APPRISE: ("Messenger or SMS by its Apprise address", "ntfy://topic, tgram://…, zalo…"),
    ChannelKind.MQTT: ("MQTT topic", "stroke/night"),
    ChannelKind.WEBHOOK: ("Webhook", "https://…"),
}
"""What a kind is called, and what its address looks like."""

SHORT_KINDS: Mapping[ChannelKind, str] = {
    ChannelKind.PUSH: "Push",
    ChannelKind.EMAIL: "E-mail",
    ChannelKind.ZALO: "Zalo",
    ChannelKind.APPRISE: "Messenger",
    ChannelKind.MQTT: "MQTT",
    ChannelKind.WEBHOOK: "Webhook",
}

RIGHTS_SAID: Mapping[Right, str] = {
    Right.READ: "see cases",
    Right.NAMES: "see who the patient is",
    Right.ANSWER: "take, decline, comment",
    Right.JUDGE: "agree or reject",
    Right.SIGN: "sign off, orders",
    Right.OPERATE: "runs, destinations, storage, sources",
    Right.ARRANGE: "the rota",
    Right.ADMINISTER: "people",
    Right.AUDIT: "the access log",
}


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A channel as a list shows it."""

    id: str
    kind: str
    address: str = field(repr=False)
    reaches: bool
    """Whether anything would arrive: a push needs a device."""


def contact_rows(contacts: Sequence[Contact], devices: Sequence[Device]) -> list[ContactRow]:
    """Channels in their order; an address that is a secret shows its kind and digest only."""
    return [_row(contact, devices) for contact in contacts]


def _row(contact: Contact, devices: Sequence[Device]) -> ContactRow:
    title = SHORT_KINDS[contact.kind]
    if contact.kind is ChannelKind.PUSH:
        count = len(devices)
        return ContactRow(contact.id, title, f"{count} device{'s' * (count != 1)}", count > 0)
    whole = contact.kind in SHOWN_WHOLE
    return ContactRow(
        contact.id, title, contact.address if whole else redacted(Target.of(contact)), reaches=True
    )


def is_reachable(contacts: Sequence[Contact], devices: Sequence[Device]) -> bool:
    """Whether an alert would find somebody."""
    return any(row.reaches for row in contact_rows(contacts, devices))


def roles_of(person: Person) -> str:
    """Somebody's roles in words."""
    return ", ".join(TITLES[role][0] for role in Role if role in person.roles) or "no role"


def role_choices() -> list[tuple[Role, str, str]]:
    """Every role with its name and what it may do, in words."""
    return [
        (role, TITLES[role][0], "; ".join(RIGHTS_SAID[right] for right in Right if right in RIGHTS[role]))
        for role in Role
    ]
