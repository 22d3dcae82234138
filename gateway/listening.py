"""Configuration of the DICOM listener: who we are, who is let in, and what they may do."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.section import AeTitle, Port, Section


class DicomPeer(Section):
    """A DICOM peer that is let in, from where, and what it may do beyond verification."""

    ae_title: AeTitle
    addresses: tuple[str, ...] = ()
    """Addresses or networks such as ``10.1.2.0/24``; empty allows any."""
    may: tuple[Literal["store", "query", "commit", "worklist", "perform"], ...] = ("store",)
    """Retrieving by C-GET takes "store" as well, since it stores on the peer's own association; "perform" is for MPPS."""
    host: str = ""
    port: Port = 0
    """Where it listens itself: for reports of storage commitment, and as a destination of C-MOVE."""

    @model_validator(mode="after")
    def _has_whole_address(self) -> Self:
        if bool(self.host) != bool(self.port):
            raise ValueError("host and port of a peer belong together")
        return self


class DicomTls(Section):
    """PEM files for TLS with mutual authentication; without a port of its own TLS is all there is."""

    certificate: Path
    key: Path
    authorities: Path
    """Those who may vouch for peers."""
    port: Port | None = None


class Dicom(Section):
    """The DICOM listener."""

    ae_title: AeTitle = "STROKEGW"
    host: str = "0.0.0.0"  # noqa: S104 - scanners are other machines
    port: Port = 11112
    processes: Annotated[int, Field(ge=1, le=16)] = 1
    """Processes on the port; each takes as many associations as are allowed."""
    calling_ae_titles: tuple[AeTitle, ...] = ()
    peers: tuple[DicomPeer, ...] = ()
    """Empty lets everybody in who gets through the other rules."""
    tls: DicomTls | None = None
    storage_commitment: bool = False
    """Vouch for received objects; peers need "commit" in ``may``, and an address unless they wait for the report."""
    query_retrieve: bool = False
    """Answer C-FIND, C-MOVE and C-GET from the archive, for peers with "query" in ``may`` and nobody else."""
    maximum_associations: Annotated[int, Field(ge=1)] = 32
    associations_per_peer: Annotated[int, Field(ge=1)] = 24
    """From one address, so that no single sender can take them all."""
    free_bytes_floor: Annotated[int, Field(ge=0)] = 2 * 1024**3
