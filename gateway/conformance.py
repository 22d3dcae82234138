"""``python -m gateway.conformance``: the DICOM conformance statement, written from the tables that the program itself uses.

The order is that of the template of PS3.2 annex A. What stands here in words says only how the tables are to be read; a
test fails when the file in ``docs/`` is not what this writes.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydicom.sr.coding import Code
from pydicom.uid import UID

from dicom_scp import requestor, tls, uids
from dicom_scp.arrival import StoreStatus
from dicom_scp.commitment import PUSH_MODEL, Failure
from dicom_scp.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_scp.listener import ListenerSettings
from dicom_scp.queries import FIND, GET, MOVE, Level, Status, sop_classes
from dicom_scp.reader import WANTED
from dicom_scp.services import UNCOMPRESSED
from dicom_scp.texts import CODECS
from gateway.feedback.bringing import LARGEST_BYTES as LARGEST_EDIT_BYTES
from gateway.markdown import named, statuses, table
from gateway.pacs.storing import STATUSES
from gateway.parameters import parameters
from gateway.release import SOFTWARE_VERSION
from gateway.retrieval.finding import KNOWN_TAGS
from gateway.ris import statement as ris
from gateway.steps.parcels import KINDS
from viewer_bridge import quantities
from viewer_bridge.objects import aligned_series, codes
from viewer_bridge.objects.origin import DOCUMENTS, MANUFACTURER
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role

FILE = Path(__file__).parent.parent / "docs" / "conformance-statement.md"

RLE, EXPLICIT = "1.2.840.10008.1.2.5", uids.EXPLICIT_VR
_CAPTURE = ("1.2.840.10008.5.1.4.1.1.7", RLE)
_MAP = ("1.2.840.10008.5.1.4.1.1.30", EXPLICIT)
_IMAGE = ("1.2.840.10008.5.1.4.1.1.2", EXPLICIT)
_SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", EXPLICIT)
_KEY_OBJECTS = ("1.2.840.10008.5.1.4.1.1.88.59", EXPLICIT)

CREATED = {
    **{role: _CAPTURE for role in Role if role.startswith("colour ")},
    **{role: _MAP for role in Role if role.startswith("map ")},
    Role.PAGES: _CAPTURE,
    Role.REFERENCE: _IMAGE,
    Role.ALIGNED: _IMAGE,
    Role.PROJECTION: _IMAGE,
    Role.SEGMENTATION: _SEGMENTATION,
    Role.REGIONS: _SEGMENTATION,
    Role.MEASUREMENTS: ("1.2.840.10008.5.1.4.1.1.88.34", EXPLICIT),
    Role.VERIFIED: ("1.2.840.10008.5.1.4.1.1.88.34", EXPLICIT),
    Role.REPORT: ("1.2.840.10008.5.1.4.1.1.104.1", EXPLICIT),
    Role.SIGNED_REPORT: ("1.2.840.10008.5.1.4.1.1.104.1", EXPLICIT),
    Role.KEY_OBJECTS: _KEY_OBJECTS,
    Role.SUPERSEDED: _KEY_OBJECTS,
}
"""SOP class and transfer syntax of the objects that a series of ours holds; a test compares them with the objects."""

SECTIONS = ("dicom", "pacs", "ris", "orthanc", "intake", "storage")
"""Of the configuration: what bears on DICOM."""

CONCEPTS = (codes, quantities, aligned_series)
"""Modules in which concepts stand."""


def statement() -> str:
    """The whole document."""
    return "\n\n".join([*_overview(), *_networking(), *_media_and_text(), *_security(), *_annexes()]) + "\n"


def _overview() -> Iterator[str]:
    yield "# DICOM conformance statement: stroke-gateway"
    yield (
        f"Product: stroke-gateway {SOFTWARE_VERSION}. Written by `python -m gateway.conformance` from the program's own "
        "tables, in the order of DICOM PS3.2 annex A; do not edit. **Research use. Not a medical device, not for primary "
        "diagnosis.** No certificate is claimed; a statement of conformance does not assure that two products work together."
    )
    yield "## 1 Conformance statement overview"
    yield (
        "The product receives studies from scanners, stores them durably, forwards them to an archive, analyses CT perfusion "
        "series and writes the results into the patient's study as DICOM objects. With storage commitment and query/retrieve "
        "switched on it stands in for a PACS node; with the worklist and procedure steps for the scanner's information system."
    )
    storing = [(*named(uid), "optional: C-GET", "yes") for uid in uids.STORAGE_CLASSES]
    others = [(*named(uids.VERIFICATION), "no", "yes"), (*named(PUSH_MODEL), "no", "option")]
    others += [(*named(uid), user, provider) for uid, user, provider in ris.SOP_CLASSES]
    asking = [(*named(uid), "no", "option") for model in (FIND, MOVE, GET) for uid in sop_classes(model)]
    yield "Network services of the listener:\n\n" + table(
        ("SOP class", "UID", "user (SCU)", "provider (SCP)"), [*others, *asking, *storing]
    )
    sent = dict.fromkeys(sop_class for sop_class, _ in CREATED.values())
    yield "Network services towards further PACS nodes, and what they are used for:\n\n" + table(
        ("SOP class", "UID", "user (SCU)", "provider (SCP)"),
        [(*named(uid), "yes", "see above") for uid in sent],
    )
    yield "Media services: none."


def _networking() -> Iterator[str]:
    settings = ListenerSettings()
    yield "## 2 Networking"
    yield "### 2.1 Implementation model"
    yield (
        "One application entity. Its listener stores every dataset byte for byte and answers success when the bytes are on "
        "disk and recorded, not before. A worker forwards them over HTTP to Orthanc, analyses, and stores results there; it "
        "opens associations to report storage commitment, to answer C-MOVE, to send results to further nodes, to tell of images, and "
        "once an hour, as `STROKEPHANTOM` (`silence.phantom.ae_title`), to send a made-up study to its own listener."
    )
    yield "### 2.2 Association policies"
    yield table(
        ("policy", "as acceptor", "as requestor"),
        [
            ("application context", "`1.2.840.10008.3.1.1.1`", "the same"),
            ("AE title", f"`{settings.ae_title}` (`dicom.ae_title`), checked", "the same, or `calling_ae_title` of a node"),
            ("largest PDU received", f"{settings.maximum_pdu_bytes} bytes", f"{requestor.MAXIMUM_PDU_BYTES} bytes"),
            ("associations at once", f"{settings.maximum_associations}, of them {settings.associations_per_peer} from one address",
             "`max_at_once` for each node, 1 by default"),
            ("asynchronous operations", "none", "none"),
            ("implementation class UID", f"`{IMPLEMENTATION_CLASS_UID}`", "the same"),
            ("implementation version name", f"`{IMPLEMENTATION_VERSION_NAME}`", "the same"),
            ("association request awaited", f"{settings.acse_timeout_s:g} s", f"answer {requestor.ACCEPT_S:g} s, connection {requestor.CONNECT_S:g} s"),
            ("idle association ended after", f"{settings.network_timeout_s:g} s", f"{requestor.ANSWER_S:g} s without an answer"),
            ("longest pause within a message", f"{settings.dimse_timeout_s:g} s", f"{requestor.ANSWER_S:g} s"),
            ("largest object", f"{settings.largest_instance_bytes >> 30} GiB", "as stored"),
        ],
    )  # fmt: skip
    yield "### 2.3 Presentation contexts"
    yield (
        "Storage, in every transfer syntax below, in our order of preference; the product answers with the first of them "
        "that is proposed. Everything else: "
        f"{' and '.join(UID(uid).name for uid in UNCOMPRESSED)}. Role selection is answered for storage commitment and for "
        "the storage classes of a C-GET. Extended negotiation: none."
    )
    yield table(("transfer syntax", "UID"), [named(uid) for uid in uids.TRANSFER_SYNTAXES])
    yield (
        "Towards nodes each kind of object is proposed in the transfer syntax in which it is stored, and in contexts of "
        "their own in explicit and implicit VR little endian; where only one of these is accepted it is converted, and the "
        "delivery says so."
    )
    yield "### 2.4 Statuses"
    yield "Of a C-STORE that the product answers:\n\n" + statuses(StoreStatus)
    yield "Of C-FIND, C-MOVE and C-GET that it answers:\n\n" + statuses(Status)
    yield "Reasons for which an instance is not committed:\n\n" + statuses(Failure)
    meanings = [
        (f"{code:04X}", f"{mask:04X}", verdict.value, meaning or "success")
        for code, mask, verdict, meaning in STATUSES
    ]
    yield "What an answer to a C-STORE of ours means; the first line that fits counts:\n\n" + table(
        ("status", "mask", "verdict", "meaning"), meanings
    )
    yield (
        "`later` is tried again with growing pauses of up to an hour, without end; `refused` ends the delivery with its "
        "reason after the other objects were sent; what was accepted is not sent again."
    )
    yield "### 2.5 Storage commitment"
    yield (
        "Push model, off unless `dicom.storage_commitment` is set. An instance is committed when its bytes were read again "
        "and have the digest of what was received. The report follows on the association of the request while that stays "
        "open, else on one of ours with reversed roles, to the host and port of the peer's `dicom.peers` entry."
    )
    yield "### 2.6 Query and retrieve"
    keys = [(level.value, ", ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in sorted(KNOWN_TAGS[level]))) for level in Level]  # fmt: skip
    yield (
        "Off unless `dicom.query_retrieve` is set, for peers with `query` in `may` alone; answered from the archive. "
        "C-MOVE goes to destinations of the configuration only. Keys by level:\n\n"
        + table(("level", "keys"), keys)
    )
    yield from ris.chapters(first=7)
    yield "### 2.10 Network interfaces and configuration"
    yield (
        "TCP/IP over whatever the operating system offers, IPv4 and IPv6. Parameters that bear on DICOM, with their "
        "defaults:\n\n" + table(("parameter", "default", "meaning"), parameters(SECTIONS))
    )
    yield "### 2.11 DICOMweb"
    yield (
        "At `/dicom-web` of the console's origin, for whoever may see whose images they are. QIDO-RS and WADO-RS are answered by "
        f"the archive. STOW-RS takes Segmentation and Label Map Segmentation of studies that have a case here, at most "
        f"{LARGEST_EDIT_BYTES >> 20} MiB, from whoever may judge a result; either all objects of a request are stored or none."
    )


def _media_and_text() -> Iterator[str]:
    yield "## 3 Media interchange"
    yield "None."
    yield "## 4 Support of character sets"
    yield (
        "Received objects are stored as they came, whatever their character set. A person's name is read by the declared "
        "set; undeclared or Latin text that is valid UTF-8 is read as UTF-8. Objects of ours are written in `ISO_IR 192`. "
        "Answers to worklist queries are written in the query's set where that has every letter, else in `ISO_IR 192` (section 2.7). "
        "Queries may be written in: " + ", ".join(f"`{name}`" for name in CODECS if name) + "."
    )


def _security() -> Iterator[str]:
    yield "## 5 Security"
    suites = ", ".join(f"`{suite}`" for suite in tls.CIPHERS.split(":"))
    yield (
        "BCP 195 TLS profile (PS3.15 annex B.9) with authentication of both sides, as acceptor (`dicom.tls`) and towards "
        f"nodes (`pacs.nodes.tls`): TLS 1.2 and 1.3; suites of TLS 1.2: {suites}; no renegotiation, no compression. Certificates "
        f"that end within {tls.WARNING_TIME.days} days are told. Peers are let in by called AE title, calling AE title and address "
        "(`dicom.peers`). Whose image it is appears in no log, no address and no file name."
    )


def _annexes() -> Iterator[str]:
    yield "## A Created objects"
    yield (
        "All in the patient's study, in series of our own with computed UIDs: the same analysis gives the same objects. "
        "Patient and study modules are copied from the analysed series. Motion-corrected series are made on request only, the "
        "signed report and the verified numbers when a physician signs off; further regions and the superseding note where there are any."
    )
    rows = []
    for role, kind in SERIES.items():
        sop_class, syntax = CREATED[role]
        rows.append(
            (
                kind.number(1),
                kind.description,
                kind.modality,
                *named(sop_class),
                UID(syntax).name,
                KINDS[role].value,
            )
        )
    head = ("series", "description", "modality", "SOP class", "UID", "transfer syntax", "rule `objects`")
    yield table(head, rows)
    yield (
        f"Manufacturer and model: {MANUFACTURER}. A later revision counts its series 100 lower, says REV in the description, and "
        f"names the series it supersedes, except in documents ({', '.join(sorted(DOCUMENTS))})."
    )
    yield "### A.1 Standard extended SOP classes"
    yield (
        "CT images of the motion-corrected series carry Temporal Position Identifier, Number of Temporal Positions and "
        "Temporal Resolution. Coloured maps are Secondary Captures that carry the position of the image below. Neither "
        "changes what the class says. Private attributes: none. Private transfer syntaxes: none."
    )
    yield "### A.2 Attributes used of received objects"
    yield ", ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in sorted(WANTED))
    yield "## B Coded terminology"
    yield (
        f"Scheme `{codes.LOCAL}` ({codes.LOCAL_NAME}) is declared in every object that uses it. Beside the codes below it has "
        "`criterion-NAME` for the imaging rule of every trial and the name of every remark about quality."
    )
    yield table(
        ("scheme", "value", "meaning"),
        sorted({code for module in CONCEPTS for code in _codes(vars(module).values())}),
    )


def _codes(values: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
    """Every concept of a table, whatever it is nested in."""
    for value in values:
        if isinstance(value, Code):
            yield value.scheme_designator, value.value, value.meaning
        elif isinstance(value, quantities.Quantity):
            yield codes.LOCAL, value.code, value.text
        elif isinstance(value, dict):
            yield from _codes(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from _codes(value)


def main() -> int:
    """Write the file."""
    FILE.write_text(statement(), "utf-8")
    sys.stdout.write(f"{FILE} is written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
