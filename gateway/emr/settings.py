"""Configuration of the medical records that get the results: ``[[emr.destinations]]``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, model_validator

from gateway.emr.mapping import MAPPING, SYSTEMS
from gateway.section import Seconds, Section
from viewer_bridge.report.wording.language import Language

RETELLINGS: Mapping[str, frozenset[str]] = {
    "P": frozenset("PRS"),
    "F": frozenset("F"),
    "C": frozenset("CPR"),
}
"""Status to the codes of HL7 table 0123 that may be sent in its place; nothing unsigned is ever called final."""


class Override(Section):
    """What one row of `gateway.emr.mapping` is called here; what is not named stays."""

    code: Annotated[str, Field(min_length=1)] | None = None
    text: Annotated[str, Field(min_length=1)] | None = None
    scheme: Annotated[str, Field(min_length=1)] | None = None
    omit: bool = False
    """It is not sent at all."""


class EmrTls(Section):
    """PEM files for TLS with mutual authentication."""

    certificate: Path
    """Ours."""
    key: Path
    """Its private key, not encrypted."""
    authorities: Path
    """Those who may vouch for the receiver."""
    check_host: bool = True
    """Whether the receiver's certificate must name its host."""


class Destination(Section):
    """What all receivers of results have in common."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9-]+$")]
    """How deliveries and the console call it."""
    timeout_s: Seconds = 10.0
    """Longest wait for one message."""
    language: Language = Language.ENGLISH
    """Of names and sentences; codes are the same in all."""
    overrides: dict[str, Override] = Field(default_factory=dict)
    """By key of the row in the mapping; ``stroke-gateway emr preview`` shows what becomes of it."""
    systems: dict[str, str] = Field(default_factory=dict)
    """FHIR systems of further coding schemes, and of issuers of numbers, by how the message calls them."""

    @model_validator(mode="after")
    def _names_what_there_is(self) -> Self:
        for key in self.overrides:
            if key not in MAPPING:
                raise ValueError(f"overrides: there is no {key!r}; there are {', '.join(MAPPING)}")
        return self


class Hl7Destination(Destination):
    """A receiver of HL7 v2.5.1 over MLLP."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    receiving_application: str = "EMR"
    receiving_facility: str = ""
    tls: EmrTls | None = None
    """Without it nothing is encrypted."""
    statuses: dict[Literal["P", "F", "C"], str] = Field(default_factory=dict)
    """What is sent in place of a status in OBR-25 and OBX-11, for receivers that know fewer."""

    @model_validator(mode="after")
    def _is_honest(self) -> Self:
        for status, sent in self.statuses.items():
            if sent not in RETELLINGS[status]:
                allowed = ", ".join(sorted(RETELLINGS[status]))
                raise ValueError(f"statuses: {status} may be sent as {allowed}, not as {sent}")
        return self


class OruDestination(Hl7Destination):
    """Observations: ORU^R01."""

    kind: Literal["oru"] = "oru"
    include_pdf: bool = False
    """Whether the report goes along as an observation."""


class MdmDestination(Hl7Destination):
    """The report as a document: MDM^T02."""

    kind: Literal["mdm"]
    replacing_event: Literal["T02", "T10"] = "T02"
    """Event of a corrected document: T10, document replacement, where the receiver knows it."""
    include_pdf: Literal[True] = True


class HttpDestination(Destination):
    """A receiver behind a web address."""

    url: str

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("url: not a usable http or https address; credentials have keys of their own")
        return self


class FhirDestination(HttpDestination):
    """A FHIR R4 server, by its base address."""

    kind: Literal["fhir"]
    token: str = Field(default="", repr=False)
    """Sent as bearer token."""
    username: str = ""
    password: str = Field(default="", repr=False)
    """Both are sent by basic authentication."""
    include_pdf: bool = True
    """Whether the report goes along as a DocumentReference."""

    @model_validator(mode="after")
    def _knows_one_way_in(self) -> Self:
        if self.token and self.username:
            raise ValueError("token and username: choose one of the two")
        return self


class WebhookDestination(HttpDestination):
    """A receiver of signed JSON."""

    kind: Literal["webhook"]
    secret: str = Field(min_length=16, repr=False)
    include_pdf: bool = False
    """Whether the report goes along, in base 64."""


def _kind_of(value: Any) -> str:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind or "oru"


EmrDestination = OruDestination | MdmDestination | FhirDestination | WebhookDestination

AnyDestination = Annotated[
    Annotated[OruDestination, Tag("oru")]
    | Annotated[MdmDestination, Tag("mdm")]
    | Annotated[FhirDestination, Tag("fhir")]
    | Annotated[WebhookDestination, Tag("webhook")],
    Discriminator(_kind_of),
]


class Emr(Section):
    """Where results go; each destination has a queue of its own."""

    destinations: tuple[AnyDestination, ...] = ()

    @model_validator(mode="after")
    def _has_distinct_names(self) -> Self:
        names = [destination.name for destination in self.destinations]
        if len(set(names)) != len(names):
            raise ValueError("two destinations have the same name")
        return self


def system_of(scheme: str, destination: Destination) -> str:
    """The FHIR system of a coding scheme.

    >>> system_of("LN", WebhookDestination(name="a", kind="webhook", url="http://a", secret="0" * 16))
    'http://loinc.org'
    """
    return destination.systems.get(scheme) or SYSTEMS.get(scheme) or f"urn:hl7:scheme:{scheme}"
