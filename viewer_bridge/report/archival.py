"""What makes a report one for archives: PDF/A-2b, so that it reads the same in thirty years without us.

Every face is embedded, colours are defined by a profile inside the file, and the metadata say which part of the standard
the file keeps. What the report is, they say by its document's name and version, never by a person.

References
----------
ISO 19005-2 (PDF/A-2): 6.2.3 (output intents), 6.6.2 (metadata), 6.6.4 (version identification). ICC.1:2001-04 (profile
format, version 2). IEC 61966-2-1 (sRGB).
"""

import re
import struct
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFStream, PDFString

from triage.errors import InputError

PART, CONFORMANCE = 2, "B"
"""PDF/A-2 because signatures by PAdES are newer than PDF/A-1; level b because the pictures are not described in words."""

PRODUCT = "stroke-gateway"
COLOURS = "sRGB IEC61966-2.1"

_PRIMARIES = {
    b"wtpt": (0.9642, 1.0, 0.8249),
    b"rXYZ": (0.4361, 0.2225, 0.0139),
    b"gXYZ": (0.3851, 0.7169, 0.0971),
    b"bXYZ": (0.1431, 0.0606, 0.7141),
}
"""White and the primaries of sRGB, adapted to D50 as profiles want them."""

_CURVE_POINTS = 1024
_HEADER_BYTES, _ENTRY_BYTES = 128, 12


@dataclass(frozen=True, slots=True)
class DocumentName:
    """Which document a file is, for whoever finds it alone.

    Attributes
    ----------
    uuid
        Of the document, whatever its version; opaque, so that it names nobody. Empty: it has no name.
    version
        Counts from 1.
    """

    uuid: str = ""
    version: int = 1


NAMELESS = DocumentName()


@dataclass(frozen=True, slots=True)
class Metadata:
    """What the file says of itself, once in its information dictionary and once as XMP."""

    title: str
    subject: str
    language: str
    created_at: datetime
    name: DocumentName = NAMELESS


@cache
def srgb_profile() -> bytes:
    """The colours of the report, as a profile of the ICC, version 2.1; made here, so that nobody's licence travels along.

    Examples
    --------
    >>> profile = srgb_profile()
    >>> len(profile) == int.from_bytes(profile[:4], "big"), profile[36:40]
    (True, b'acsp')
    """
    text = COLOURS.encode("ascii") + b"\0"
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(78)}
    tags[b"cprt"] = b"text" + bytes(4) + b"No copyright.\0"
    for tag, numbers in _PRIMARIES.items():
        tags[tag] = b"XYZ " + bytes(4) + b"".join(map(_fixed, numbers))
    curve = b"curv" + bytes(4) + struct.pack(">I", _CURVE_POINTS) + _curve()
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    place = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(tags)
    entries, body, known = b"", b"", dict[bytes, int]()
    for tag, content in tags.items():
        if content not in known:
            known[content] = place + len(body)
            body += content + bytes(-len(content) % 4)
        entries += tag + struct.pack(">II", known[content], len(content))
    return _header(place + len(body)) + struct.pack(">I", len(tags)) + entries + body


def _header(size: int) -> bytes:
    """A display's profile; its date is that of the standard, so that the same report has the same bytes."""
    made = struct.pack(">6H", 1999, 10, 18, 0, 0, 0)
    white = b"".join(map(_fixed, _PRIMARIES[b"wtpt"]))
    head = struct.pack(">I4sI", size, bytes(4), 0x02100000) + b"mntrRGB XYZ " + made + b"acsp"
    return (head + bytes(28) + white).ljust(_HEADER_BYTES, b"\0")


def _fixed(number: float) -> bytes:
    """A number as s15Fixed16."""
    return struct.pack(">i", round(number * 65536))


def _curve() -> bytes:
    """From stored to linear light (IEC 61966-2-1, 5.2)."""
    shares = (step / (_CURVE_POINTS - 1) for step in range(_CURVE_POINTS))
    linear = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return struct.pack(f">{_CURVE_POINTS}H", *(round(value * 65535) for value in linear))


def declare_colours(document: Any) -> None:
    """Give reportlab's document its output intent."""
    stream = PDFStream(PDFDictionary({"N": 3}), srgb_profile())
    intent = {
        "Type": PDFName("OutputIntent"),
        "S": PDFName("GTS_PDFA1"),
        "OutputConditionIdentifier": PDFString(COLOURS),
        "Info": PDFString(COLOURS),
        "DestOutputProfile": document.Reference(stream),
    }
    catalog = document.Catalog
    catalog.__NoDefault__ = [*catalog.__NoDefault__, "OutputIntents"]
    catalog.OutputIntents = PDFArray([PDFDictionary(intent)])


def xmp(metadata: Metadata) -> bytes:
    """The metadata as XMP (ISO 16684-1), equal to those of the information dictionary."""
    moment = metadata.created_at.isoformat(timespec="seconds")
    title, subject = (_in_languages(text) for text in (metadata.title, metadata.subject))
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdf="http://ns.adobe.com/pdf/1.3/"'
        ' xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">'
        f"<dc:title>{title}</dc:title><dc:description>{subject}</dc:description>"
        f"<dc:language><rdf:Bag><rdf:li>{metadata.language}</rdf:li></rdf:Bag></dc:language>"
        f"<dc:creator><rdf:Seq><rdf:li>{PRODUCT}</rdf:li></rdf:Seq></dc:creator>"
        "<dc:format>application/pdf</dc:format>"
        f"<xmp:CreateDate>{moment}</xmp:CreateDate><xmp:ModifyDate>{moment}</xmp:ModifyDate>"
        f"<xmp:CreatorTool>{PRODUCT}</xmp:CreatorTool><pdf:Producer>{PRODUCT}</pdf:Producer><pdf:Keywords/>"
        f"{_named(metadata.name)}"
        f"<pdfaid:part>{PART}</pdfaid:part><pdfaid:conformance>{CONFORMANCE}</pdfaid:conformance>"
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )
    return packet.encode("utf-8")


def with_line_ends(pdf: bytes) -> bytes:
    """Put a line's end before every ``endstream`` of reportlab's file, which leaves it out (ISO 19005-2, 6.1.7.1).

    Examples
    --------
    >>> with_line_ends(b"no table")
    Traceback (most recent call last):
    ...
    triage.errors.InputError: the report's file has no table of its objects
    """
    found = _TABLE.search(pdf)
    if found is None:
        raise InputError("the report's file has no table of its objects")
    entries = found[1].split(b"\n")[:-1]
    offsets = {number: int(entry[:10]) for number, entry in enumerate(entries) if entry[17:18] == b"n"}
    order = sorted(offsets, key=lambda number: offsets[number])
    ends = [*(offsets[number] for number in order[1:]), found.start()]
    body = bytearray(pdf[: offsets[order[0]]])
    for number, end in zip(order, ends, strict=True):
        chunk = pdf[offsets[number] : end]
        entries[number] = b"%010d 00000 n " % len(body)
        without = chunk.removesuffix(_STREAM_END)
        body += chunk if without == chunk else without + b"\n" + _STREAM_END
    head = b"xref\n0 %d\n" % len(entries)
    place = b"startxref\n%d\n%%%%EOF\n" % len(body)
    return bytes(body) + head + b"\n".join(entries) + b"\n" + found[2] + place


_STREAM_END = b"endstream\nendobj\n"
_TABLE = re.compile(
    rb"xref\n0 \d+\n((?:\d{10} \d{5} [fn] \n)+)(trailer\n.*?)startxref\n\d+\n%%EOF\n\Z", re.DOTALL
)


def _in_languages(text: str) -> str:
    return f'<rdf:Alt><rdf:li xml:lang="x-default">{escape(text)}</rdf:li></rdf:Alt>'


def _named(name: DocumentName) -> str:
    if not name.uuid:
        return ""
    return f"<xmpMM:DocumentID>uuid:{name.uuid}</xmpMM:DocumentID><xmpMM:VersionID>{name.version}</xmpMM:VersionID>"
