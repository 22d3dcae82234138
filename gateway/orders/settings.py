"""Configuration of what the hospital sends: the table ``[orders]``."""

from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from gateway.orders.person import IdentifierKind
from gateway.section import HOME_ZONE, Hours, Port, Seconds, Section, Zone

Name = Annotated[str, Field(min_length=1, max_length=64)]


class OrdersTls(Section):
    """PEM files for messages over TLS (MLLPS)."""

    certificate: Path
    """Ours."""
    key: Path
    """Its private key, not encrypted."""
    authorities: Path | None = None
    """Those who may vouch for senders; without them senders need no certificate."""


class Issuer(Section):
    """What the numbers of one assigning authority are, and how we write that authority."""

    kind: IdentifierKind = IdentifierKind.HOSPITAL
    name: str = ""
    """Empty: as the messages write it. Several spellings of one authority get the same name here."""


class StrokeCode(Section):
    """Which orders are stroke codes."""

    procedure_codes: tuple[Name, ...] = ()
    priority_codes: tuple[Name, ...] = ("STROKE", "CODE STROKE", "STROKE CODE")
    """Of TQ1-9, OBR-27.6, ORC-7.6 or OBR-5."""
    marks: tuple[Name, ...] = ("STROKE", "ĐỘT QUỴ", "ĐỘT QUỊ")
    """Words in the text of procedure or priority; accents and case do not count. In the reason they count with urgency."""


class Orders(Section):
    """Orders and patients by HL7 v2 over MLLP."""

    port: Port | None = None
    """Without it nothing listens."""
    host: str = "0.0.0.0"  # noqa: S104 - the hospital's systems are other machines
    addresses: tuple[str, ...] = ()
    """Addresses or networks of senders, such as ``10.1.2.0/24``; empty allows any."""
    tls: OrdersTls | None = None
    """With it nothing is taken that is not encrypted."""
    maximum_connections: Annotated[int, Field(ge=1)] = 64
    connections_per_address: Annotated[int, Field(ge=1)] = 16
    idle_s: Seconds = 3600.0
    """A connection without a message for so long is closed; senders keep theirs open."""
    stall_s: Seconds = 30.0
    """From the first byte of a message to its last, and for taking our answer."""
    largest_message_bytes: Annotated[int, Field(ge=1024, le=64 << 20)] = 4 << 20
    undeclared_letters: Annotated[str, Field(pattern=r"^(windows-125[0-8]|iso8859-\d{1,2}|gb18030)$")] = (
        "windows-1252"
    )
    """What senders write that declare nothing (MSH-18), where it is not UTF-8."""
    time_zone: Zone = HOME_ZONE
    """Of times in messages and images that name no zone: the site's, unless senders keep another."""
    default_issuer: str = ""
    """Of patient numbers that come without one, in images too: the hospital's own."""
    issuers: dict[str, Issuer] = Field(default_factory=dict)
    """By assigning authority (PID-3.4), name or OID."""
    accession_fields: tuple[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{2}-\d{1,2}$")], ...] = (
        "IPC-1",
        "OBR-18",
    )
    """Where orders carry the accession number; the first that has one."""
    window_hours: Hours = 12.0
    """A study without accession number belongs to an order of its patient that was planned within so long."""
    expected_hours: Hours = 12.0
    """A stroke-code order without images is shown as expected for so long."""
    stroke: StrokeCode = StrokeCode()

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.time_zone)

    @model_validator(mode="after")
    def _has_known_networks(self) -> Self:
        for address in self.addresses:
            ip_network(address, strict=False)
        return self
