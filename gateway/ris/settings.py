"""The table ``[ris]``: worklist and procedure steps for scanners, notifications for those who wait for images."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.pacs.settings import NodeTls
from gateway.section import AeTitle, Hours, Seconds, Section

CharacterSet = Literal[
    "ISO_IR 6", "ISO_IR 100", "ISO_IR 101", "ISO_IR 144", "ISO_IR 148", "ISO_IR 192", "GB18030"
]


class Scanner(Section):
    """A scanner that reads one character set only."""

    ae_title: AeTitle
    character_set: CharacterSet
    """What it lacks is written without marks, and the answer says so; every letter stays in the order."""


class AvailabilityNode(Section):
    """Who is told, by Instance Availability Notification, that the images of a study are in the archive."""

    name: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9-]+$")]
    """How deliveries and the console call it."""
    ae_title: AeTitle
    """How it is called on the network."""
    host: str
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Where it listens."""
    retrieve_ae_title: AeTitle | None = None
    """From whom the images can be retrieved; empty: ``dicom.ae_title``."""
    tls: NodeTls | None = None
    """Without it nothing is encrypted."""


class Ris(Section):
    """Services for scanners beside storage."""

    worklist: bool = False
    """Answer worklist queries from the orders, for peers with "worklist" in ``may`` and nobody else."""
    performed_steps: bool = False
    """Take Modality Performed Procedure Steps, for peers with "perform" in ``may`` and nobody else."""
    scanners: tuple[Scanner, ...] = ()
    """Those that cannot read what the standard lets us answer."""
    availability: tuple[AvailabilityNode, ...] = ()
    """Each gets deliveries of its own."""
    settled_after_s: Seconds = 30.0
    """A study is told of when nothing more came for so long."""
    on_table_hours: Hours = 3.0
    """A step that began and never ended is taken to be over after so long."""

    @model_validator(mode="after")
    def _has_distinct_names(self) -> Self:
        for names in ([node.name for node in self.availability], [each.ae_title for each in self.scanners]):
            if len(set(names)) != len(names):
                raise ValueError("two entries have the same name")
        return self
