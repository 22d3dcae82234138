"""Text of people: decoding declared, forgotten and misspelt character sets without ever failing."""

import re

from pydicom.charset import decode_bytes, python_encoding

_DELIMITERS = frozenset(b"\\^=\r\n\t\f")
_MULTI_BYTE = frozenset({"utf8", "gb18030", "gbk"})
_ESCAPE = b"\x1b"


def decode_text(raw: bytes, charsets: tuple[str, ...]) -> tuple[str, bool]:
    """Text of a person element, and whether its character set is in doubt.

    Undeclared or Latin text that is valid UTF-8 is UTF-8: senders forget to say so, and decoding it as declared would
    quietly turn a Vietnamese name into nonsense.

    Parameters
    ----------
    charsets
        Values of Specific Character Set, (0008,0005).

    Examples
    --------
    >>> decode_text("Nguyễn".encode(), ("ISO_IR 192",)), decode_text("Nguyễn".encode(), ())
    (('Nguyễn', False), ('Nguyễn', True))
    """
    raw = raw.rstrip(b"\0 ")
    if raw.isascii() and _ESCAPE not in raw:
        return raw.decode("ascii"), False
    codecs = [_codec(term) for term in charsets or ("",)]
    looks_utf8 = _ESCAPE not in raw and _is_utf8(raw)
    if looks_utf8 and codecs[0] not in _MULTI_BYTE:
        return raw.decode("utf-8"), True
    try:
        text = decode_bytes(raw, [codec or "utf-8" for codec in codecs], set(_DELIMITERS))
    except (UnicodeError, LookupError, UserWarning):
        return raw.decode("latin-1"), True
    doubtful = "" in codecs or "\N{REPLACEMENT CHARACTER}" in text or (looks_utf8 and codecs[0] != "utf8")
    return text, doubtful


def _codec(term: str) -> str:
    """Python's name for a defined term, in lower case; common misspellings of the prefix are understood."""
    codec: str = python_encoding.get(re.sub(r"^ISO[ _-]IR[ _-]?", "ISO_IR ", term), "")
    return codec.lower()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
