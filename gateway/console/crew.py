"""Words and rows about people that several pages share: channels, roles, sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.channels.target import Target, redacted
from gateway.console.words.channels import CHANNELS, Channels
from gateway.console.words.roles import ROLES
from gateway.team.contact_list import SHOWN_WHOLE
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import RIGHTS, Person, Right, Role
from viewer_bridge.report.wording.language import Language

LANGUAGES: Mapping[Language, str] = {
    Language.VIETNAMESE: "Tiếng Việt",
    Language.ENGLISH: "English",
    Language.FRENCH: "Français",
}
EXAMPLES: Mapping[ChannelKind, str] = {
    ChannelKind.PUSH: "",
    ChannelKind.EMAIL: "name@hospital.example",
    ChannelKind.ZALO: "+84901234567",
    ChannelKind.APPRISE: "ntfy://topic, tgram://…, zalo…",
    ChannelKind.MQTT: "stroke/night",
    ChannelKind.WEBHOOK: "https://…",
}
"""What an address of each kind looks like, in the order in which the kinds are offered."""

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


ENGLISH = CHANNELS[Language.ENGLISH]


def contact_rows(
    contacts: Sequence[Contact], devices: Sequence[Device], words: Channels = ENGLISH
) -> list[ContactRow]:
    """Channels in their order; an address that is a secret shows its kind and digest only."""
    return [_row(contact, devices, words) for contact in contacts]


def _row(contact: Contact, devices: Sequence[Device], words: Channels) -> ContactRow:
    title = words.short.of(contact.kind)
    if contact.kind is ChannelKind.PUSH:
        return ContactRow(contact.id, title, words.counted(len(devices)), bool(devices))
    whole = contact.kind in SHOWN_WHOLE
    return ContactRow(
        contact.id, title, contact.address if whole else redacted(Target.of(contact)), reaches=True
    )


def is_reachable(contacts: Sequence[Contact], devices: Sequence[Device]) -> bool:
    """Whether an alert would find somebody."""
    return any(row.reaches for row in contact_rows(contacts, devices))


def roles_of(person: Person) -> str:
    """Somebody's roles in words."""
    return ROLES[Language.ENGLISH].listed(person.roles)


def role_choices() -> list[tuple[Role, str, str]]:
    """Every role with its name and what it may do, in words."""
    return [
        (
            role,
            ROLES[Language.ENGLISH].title(role).one,
            "; ".join(RIGHTS_SAID[right] for right in Right if right in RIGHTS[role]),
        )
        for role in Role
    ]
