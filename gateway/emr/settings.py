"""Configuration of the medical records that get the results."""

from typing import Annotated

from pydantic import Field

from gateway.section import Seconds, Section


class EmrDestination(Section):
    """An HL7 v2 receiver over MLLP."""

    name: Annotated[str, Field(min_length=1, pattern=r"^[a-z0-9-]+$")]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    receiving_application: str = "EMR"
    receiving_facility: str = ""
    timeout_s: Seconds = 10.0


class Emr(Section):
    """Where results go as HL7 messages."""

    destinations: tuple[EmrDestination, ...] = ()
