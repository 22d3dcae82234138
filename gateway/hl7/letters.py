"""Which letters a message is written in: what its header says, weighed against its bytes.

Senders say less than the truth: nothing at all, Latin where they write UTF-8, or a character set that their database
had years ago. A message is never refused for that; what was decided against the header's word is told as a remark.

References
----------
HL7 v2.5.1, 2.15.9.18 (MSH-18) and table 0211.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

UTF_8 = "utf-8"

CODECS: Mapping[str, str] = {
    "": "ascii",
    "ASCII": "ascii",
    "ISOIR6": "ascii",
    **{f"8859{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in (*range(1, 12), *range(13, 17))},
    **{f"ISOIR{number}": name for number, name in (("100", "iso8859-1"), ("192", UTF_8), ("166", "iso8859-11"))},
    **{f"{prefix}{page}": f"cp{page}" for prefix in ("WINDOWS", "CP", "WIN") for page in range(1250, 1259)},
    **dict.fromkeys(("UNICODEUTF8", "UTF8", "UNICODE", "ISO10646UTF8"), UTF_8),
    **dict.fromkeys(("UNICODEUTF16", "UTF16"), "utf-16"),
    **dict.fromkeys(("UNICODEUTF32", "UTF32"), "utf-32"),
    **dict.fromkeys(("GB180302000", "GB18030", "GBK", "GB2312", "CNS116431992GB"), "gb18030"),
    **dict.fromkeys(("BIG5", "CNS116431992"), "big5"),
    **dict.fromkeys(("KSX1001", "ISOIR149", "EUCKR"), "euc_kr"),
    **dict.fromkeys(("ISOIR87", "ISOIR159", "ISOIR14", "ISO2022JP"), "iso2022_jp_2"),
    **dict.fromkeys(("SHIFTJIS", "SJIS"), "shift_jis"),
    "TIS620": "tis_620",
    "KOI8R": "koi8_r",
}  # fmt: skip
"""Names of table 0211 and those that people write instead, without their punctuation, to Python's codecs."""

MULTI_BYTE = frozenset({UTF_8, "utf-16", "utf-32", "gb18030", "big5", "euc_kr", "iso2022_jp_2", "shift_jis"})
"""Text in these is hardly ever valid by accident, so their declaration is believed when it fits."""

MARKS = ((b"\xef\xbb\xbf", UTF_8), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
         (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))  # fmt: skip
"""Byte order marks, the longer first."""

WIDE = (
    (b"M\0\0\0S", "utf-32-le"),
    (b"\0\0\0M\0", "utf-32-be"),
    (b"M\0S\0H\0", "utf-16-le"),
    (b"\0M\0S\0H", "utf-16-be"),
)
"""How a message begins in wide letters without a mark."""

ESCAPE_BYTE = b"\x1b"
LONGEST_DECLARATION = 40
_HEADER_SHOWN = 4096
"""Bytes in which MSH-18 is looked for."""


@dataclass(frozen=True, slots=True)
class Letters:
    """A message as text.

    Attributes
    ----------
    codec
        Python's name of what it was written in; an answer is written in the same.
    declared
        MSH-18, shortened.
    in_doubt
        Whether letters may be wrong: neither the declaration nor UTF-8 fits the bytes, or nothing was declared.
    remarks
        What was decided against the header's word.
    """

    text: str = field(repr=False)
    codec: str
    declared: str
    in_doubt: bool = False
    remarks: tuple[str, ...] = ()


def read_letters(raw: bytes, undeclared: str = "windows-1252") -> Letters:
    r"""Decide in which letters a message is written, and decode it; never fails.

    Parameters
    ----------
    undeclared
        What a site's senders write when they declare nothing and it is not UTF-8.

    Examples
    --------
    >>> read_letters("MSH|^~\\&|HÀ".encode()).text
    'MSH|^~\\&|HÀ'
    """
    for mark, codec in MARKS:
        if raw.startswith(mark):
            body = raw[len(mark) :]
            return _judged(body, codec, _declared(body.decode(codec, "replace")), "a byte order mark says")
    for beginning, codec in WIDE:
        if raw.startswith(beginning):
            return _judged(raw, codec, _declared(raw.decode(codec, "replace")), "its zero bytes say")
    return _by_declaration(raw, _declared(raw[:_HEADER_SHOWN].decode("latin-1")), undeclared)


def codec_of(declared: str) -> str | None:
    """Python's codec for a value of MSH-18, or None where it is unknown.

    >>> codec_of("UNICODE UTF-8"), codec_of("8859/15"), codec_of("windows-1258"), codec_of("Klingon")
    ('utf-8', 'iso8859-15', 'cp1258', None)
    """
    return CODECS.get(re.sub(r"[^A-Z0-9]", "", declared.upper()))


def _declared(text: str) -> str:
    """MSH-18's first repetition."""
    header = re.split(r"[\r\n]", text, maxsplit=1)[0]
    at = header.find("MSH")
    if at < 0 or len(header) < at + len("MSH|"):
        return ""
    fields = header[at:].split(header[at + 3])
    if len(fields) < 18:
        return ""
    repetition = fields[1][1:2] or "~"
    return fields[17].split(repetition)[0].strip()[:LONGEST_DECLARATION]


def _judged(raw: bytes, codec: str, declared: str, evidence: str) -> Letters:
    """Text in a codec that the bytes themselves have named."""
    text, in_doubt = raw.decode(codec, "replace").lstrip("\ufeff"), False
    if "\N{REPLACEMENT CHARACTER}" in text:
        in_doubt = True
    agrees = (codec_of(declared) or "").split("-le")[0] in codec if declared else True
    remark = () if agrees else (f"MSH-18 says {_quoted(declared)}, but {evidence} {codec}",)
    return Letters(text, codec, declared, in_doubt, remark)


def _by_declaration(raw: bytes, declared: str, undeclared: str) -> Letters:
    codec = codec_of(declared)
    if raw.isascii() and ESCAPE_BYTE not in raw:
        # Wide letters are never plain ASCII, so a header that says so is wrong and does no harm.
        return Letters(raw.decode("ascii"), UTF_8 if codec in {None, "utf-16", "utf-32"} else codec, declared)
    unfit = "unknown" if codec is None else "not what its bytes are"
    as_utf_8 = _decoded(raw, UTF_8)
    if as_utf_8 is not None and (codec not in MULTI_BYTE or codec == UTF_8):
        remark = () if codec == UTF_8 else (f"MSH-18 says {_quoted(declared)}; its letters are UTF-8",)
        return Letters(as_utf_8, UTF_8, declared, remarks=remark)
    if codec not in {None, "ascii"} and (text := _decoded(raw, str(codec))) is not None:
        return Letters(text, str(codec), declared)
    if as_utf_8 is not None:
        return Letters(
            as_utf_8, UTF_8, declared, remarks=(f"MSH-18 says {_quoted(declared)}; its letters are UTF-8",)
        )
    fallback = undeclared if codec in {None, "ascii"} else str(codec)
    remark = (f"MSH-18 says {_quoted(declared)}, which is {unfit}; read as {fallback}: letters may be wrong",)
    return Letters(raw.decode(fallback, "replace"), fallback, declared, in_doubt=True, remarks=remark)


def _decoded(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeError:
        return None


def _quoted(declared: str) -> str:
    """A declaration for a remark; nothing but letters that a name of a character set may have."""
    return re.sub(r"[^A-Za-z0-9 /_.:-]", "?", declared) or "nothing"
