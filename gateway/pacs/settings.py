"""The table ``[pacs]``: further nodes that results are sent to."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.section import AeTitle, Section

NodeObjects = Literal["pages", "reference", "segmentation", "maps", "report", "pdf", "key_objects", "source"]


class NodeTls(Section):
    """PEM files for TLS with mutual authentication towards a node."""

    certificate: Path
    """Ours."""
    key: Path
    """Its private key, not encrypted."""
    authorities: Path
    """Those who may vouch for the node."""
    check_host: bool = True
    """Whether the node's certificate must name its host; many devices carry certificates that name nothing."""


class PacsNode(Section):
    """A further PACS node that results are sent to by C-STORE, and which of them."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[a-z0-9-]+$")]
    """How deliveries and the console call it."""
    ae_title: AeTitle
    """How it is called on the network."""
    host: str
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """Where it listens."""
    calling_ae_title: AeTitle | None = None
    """How we present ourselves; empty: ``dicom.ae_title``."""
    objects: Annotated[tuple[NodeObjects, ...], Field(min_length=1)] = (
        "pages", "reference", "segmentation", "maps", "report", "pdf", "key_objects"
    )  # fmt: skip
    """Kinds of result objects; "source" adds the images of the analysed series. Notes that reject former objects always go."""
    results: Literal["all", "analysed"] = "all"
    """Whether a scan that could not be analysed is sent too, as the page that says why."""
    max_at_once: Annotated[int, Field(ge=1, le=16)] = 1
    """Associations at once."""
    tls: NodeTls | None = None
    """Without it nothing is encrypted."""


class Pacs(Section):
    """Where result objects go beside the archive."""

    nodes: tuple[PacsNode, ...] = ()
    """Each gets deliveries of its own."""

    @model_validator(mode="after")
    def _has_distinct_names(self) -> Self:
        names = [node.name for node in self.nodes]
        if len(set(names)) != len(names):
            raise ValueError("two nodes have the same name")
        return self
