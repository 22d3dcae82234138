"""The list of ways to somebody: what they are called, how far a call on one came, and the buttons of the list."""

# ruff: noqa: S106 - what a field for a secret is called is none
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.ledger.call import CallState
from gateway.team.contacts import ChannelKind
from viewer_bridge.report.wording.language import Language


@dataclass(frozen=True, slots=True)
class Kinds:
    """A name for every kind of channel, by its value."""

    push: str
    apprise: str
    email: str = "E-mail"
    zalo: str = "Zalo"
    mqtt: str = "MQTT"
    webhook: str = "Webhook"

    def of(self, kind: ChannelKind) -> str:
        """The name of a kind."""
        return str(getattr(self, kind.value))


@dataclass(frozen=True, slots=True)
class States:
    """How far a call came, by the state's value."""

    queued: str
    failed: str
    sent: str
    delivered: str
    opened: str
    escalated: str
    acknowledged: str
    closed: str

    def of(self, state: CallState) -> str:
        """A state in words."""
        return str(getattr(self, state.value))


@dataclass(frozen=True, slots=True)
class Channels:
    """Words of the list."""

    kinds: Kinds
    short: Kinds
    states: States
    device: str
    devices: str
    no_device: str
    none: str
    earlier: str
    later: str
    remove: str
    add: str
    what: str
    address: str
    no_address: str
    secret: str
    add_this: str

    def counted(self, devices: int) -> str:
        """A number of devices.

        >>> CHANNELS[Language.ENGLISH].counted(1), CHANNELS[Language.FRENCH].counted(2)
        ('1 device', '2 appareils')
        """
        return (self.device if devices == 1 else self.devices).format(n=devices)


CHANNELS: Mapping[Language, Channels] = {
    Language.VIETNAMESE: Channels(
        kinds=Kinds("Thông báo đến máy của tôi", "Ứng dụng nhắn tin hoặc SMS, theo địa chỉ Apprise"),
        short=Kinds("Thông báo đẩy", "Tin nhắn"),
        states=States(
            queued="đang gửi",
            failed="không đến được bằng kênh này",
            sent="đã gửi",
            delivered="đã đến máy",
            opened="đã mở",
            escalated="không trả lời",
            acknowledged="đã trả lời",
            closed="đã kết thúc",
        ),
        device="{n} thiết bị",
        devices="{n} thiết bị",
        no_device="chưa đến được máy nào",
        none="Chưa có kênh nào: cảnh báo không đến được",
        earlier="Đưa {kind} lên trước",
        later="Đưa {kind} xuống sau",
        remove="Xóa {kind}",
        add="Thêm kênh",
        what="Loại kênh",
        address="Địa chỉ",
        no_address="Thông báo đẩy không cần địa chỉ.",
        secret="Khóa bí mật để ký webhook, nếu có",
        add_this="Thêm kênh này",
    ),
    Language.ENGLISH: Channels(
        kinds=Kinds("Push to my devices", "Messenger or SMS by its Apprise address"),
        short=Kinds("Push", "Messenger"),
        states=States(
            queued="being sent",
            failed="not reached this way",
            sent="sent",
            delivered="on the device",
            opened="opened",
            escalated="no answer",
            acknowledged="answered",
            closed="settled",
        ),
        device="{n} device",
        devices="{n} devices",
        no_device="reaches nothing yet",
        none="No channel: no alert arrives",
        earlier="{kind} earlier",
        later="{kind} later",
        remove="Remove {kind}",
        add="Add a channel",
        what="What",
        address="Address",
        no_address="A push needs no address.",
        secret="Secret that signs a webhook, if it is one",
        add_this="Add the channel",
    ),
    Language.FRENCH: Channels(
        kinds=Kinds("Notification sur mes appareils", "Messagerie ou SMS par son adresse Apprise"),
        short=Kinds("Notification", "Messagerie"),
        states=States(
            queued="envoi en cours",
            failed="non joint par ce canal",
            sent="envoyé",
            delivered="sur l’appareil",
            opened="ouvert",
            escalated="sans réponse",
            acknowledged="a répondu",
            closed="réglé",
        ),
        device="{n} appareil",
        devices="{n} appareils",
        no_device="n’atteint encore rien",
        none="Aucun canal : aucune alerte n’arrive",
        earlier="{kind} plus tôt",
        later="{kind} plus tard",
        remove="Retirer {kind}",
        add="Ajouter un canal",
        what="Canal",
        address="Adresse",
        no_address="Une notification n’a pas d’adresse.",
        secret="Secret qui signe un webhook, si c’en est un",
        add_this="Ajouter ce canal",
    ),
}
