"""The table ``[channels]``: the site's own accounts with the services that carry alerts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.section import Section

ServiceUrl = Annotated[str, Field(pattern=r"^https?://[^/\s]+")]
Secret = Annotated[str, Field(repr=False)]
RemotePort = Annotated[int, Field(ge=1, le=65535)]

Part = Literal["headline", "lines", "link", "disclaimer"]
PARTS: Mapping[str, Part] = {"headline": "headline", "lines": "lines", "link": "link"}


class Push(Section):
    """Web Push; the key pair that identifies us is made at first use and lies in the data directory."""

    contact: Annotated[str, Field(pattern=r"^(mailto:[^@\s]+@[^@\s]+|https://\S+)$")] = (
        "mailto:stroke-gateway@localhost.localdomain"
    )
    """Whom a push service may write to about our traffic (RFC 8292, 2.1); Apple's refuses an address that is none."""
    ttl_s: Annotated[int, Field(ge=0, le=3600)] = 300
    """How long a push service keeps what it cannot deliver; the escalation does not wait longer."""


class Smtp(Section):
    """The hospital's mail server."""

    host: str = ""
    """Empty: no mail."""
    port: RemotePort = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """TLS after greeting, from the first byte, or none at all."""
    authorities: Path | None = None
    """PEM file of those who may vouch for the server; empty: the system's."""
    username: str = ""
    password: Secret = ""
    sender: Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")] = "stroke-gateway@localhost.localdomain"
    """Address that mail comes from."""
    max_connections: Annotated[int, Field(ge=1, le=32)] = 8
    """At once; many servers refuse more than ten or twenty from one host."""


class Mqtt(Section):
    """The broker that carries alerts to topics."""

    host: str = ""
    """Empty: no MQTT."""
    port: RemotePort = 8883
    tls: bool = True
    authorities: Path | None = None
    """PEM file of those who may vouch for the broker; empty: the system's."""
    certificate: Path | None = None
    """Ours, where the broker asks for one."""
    key: Path | None = None
    """Its private key, not encrypted."""
    username: str = ""
    password: Secret = ""
    topic_prefix: Annotated[str, Field(pattern=r"^[^#+\s]*$")] = "stroke-gateway/"
    """Before the topic of each contact."""


class Zalo(Section):
    """Template messages (ZNS) of the hospital's official account."""

    app_id: str = ""
    """Empty: no Zalo."""
    app_secret: Secret = ""
    refresh_token: Secret = ""
    """The first one, from the developer's page; each serves once, and the following ones lie in the data directory."""
    templates: Mapping[Literal["vi", "en", "fr"], str] = Field(default_factory=dict)
    """Number of the approved template by language; a language without one gets the Vietnamese."""
    fields: Mapping[str, Part] = Field(default=PARTS)
    """Names of the template's parameters, and what each of them carries."""
    longest_field: Annotated[int, Field(ge=10, le=400)] = 200
    """Characters of one parameter; the service refuses more than its template allows."""
    message_url: ServiceUrl = "https://business.openapi.zalo.me/message/template"
    token_url: ServiceUrl = "https://oauth.zaloapp.com/v4/oa/access_token"  # noqa: S105 - an address
    template_url: ServiceUrl = "https://business.openapi.zalo.me/template/info/v2"
    """Asked by the hourly probe, which disturbs nobody."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.app_id and not (self.app_secret and self.templates.get("vi")):
            raise ValueError("app_secret and templates.vi are needed with app_id")
        return self


class Channels(Section):
    """The site's accounts; what they carry is chosen per person and per level of escalation."""

    proxy: Annotated[str, Field(pattern=r"^$|^https?://", repr=False)] = ""
    """For services on the web; empty: the environment's HTTPS_PROXY and NO_PROXY."""
    push: Push = Push()
    smtp: Smtp = Smtp()
    mqtt: Mqtt = Mqtt()
    zalo: Zalo = Zalo()
