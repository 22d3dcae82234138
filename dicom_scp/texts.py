"""Text of small datasets, both ways: reading what a peer wrote, and writing so that it can be read there.

This serves the listener, which loads no DICOM library; names in images are read by `dicom_scp.charsets`.
"""

import unicodedata
from collections.abc import Iterable, Mapping

from dicom_scp.identifiers import Attribute, Dataset

CHARACTER_SET = 0x00080005
UTF_8 = "ISO_IR 192"

CODECS: Mapping[str, str] = {
    "": "utf-8",
    "ISO_IR 6": "utf-8",
    UTF_8: "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "tis_620",
}
"""Character sets a query may be written in (PS3.3 section C.12.1.1.2); undeclared text is UTF-8 in Vietnam."""

ASCII_SETS = frozenset({"", "ISO_IR 6"})
"""The default repertoire, which is declared by saying nothing."""

BINARY_VRS: Mapping[str, str] = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}
"""Numbers that are not written as text, and their format."""

_WITHOUT_PARTS = str.maketrans(
    {"đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
)
"""Letters that are no letter with a mark, though people write them as one."""


def declared(dataset: Dataset) -> str:
    """The first character set that a dataset declares, empty where it declares none."""
    text = dataset[CHARACTER_SET].text() if CHARACTER_SET in dataset else ""
    return text.split("\\", maxsplit=1)[0].strip().replace("ISO 2022 IR", "ISO_IR")


def codec_of(dataset: Dataset) -> str:
    """Python's name for the character set of a dataset."""
    return CODECS.get(declared(dataset), "utf-8")


def decoded(attribute: Attribute, codec: str) -> str:
    """Text of an element; whatever is UTF-8 is taken as such, since senders forget to declare it."""
    if not isinstance(attribute.value, bytes) or attribute.vr in BINARY_VRS:
        return ""
    raw = attribute.value.rstrip(b"\0 ")
    for name in ("utf-8", codec):
        try:
            return raw.decode(name).strip()
        except UnicodeDecodeError:
            continue
    return raw.decode("latin_1").strip()


def without_marks(text: str) -> str:
    """Latin letters without their marks; other scripts stay.

    >>> without_marks("NGUYỄN^VĂN Đức")
    'NGUYEN^VAN Duc'
    """
    apart = unicodedata.normalize("NFD", text.translate(_WITHOUT_PARTS))
    return unicodedata.normalize("NFC", "".join(c for c in apart if unicodedata.category(c) != "Mn"))


def can_carry(term: str, texts: Iterable[str]) -> bool:
    """Whether a character set has every letter.

    >>> can_carry("ISO_IR 100", ["é"]), can_carry("ISO_IR 100", ["Nguyễn"]), can_carry("", ["é"])
    (True, False, False)
    """
    try:
        for text in texts:
            text.encode(_writing(term))
    except UnicodeEncodeError:
        return False
    return True


def encoded(text: str, term: str) -> bytes:
    r"""Text in a character set; what it has no letter for loses its marks, or becomes a question mark.

    >>> encoded("Nguyễn é", "ISO_IR 100"), encoded("Nguyễn 王", "")
    (b'Nguyen \xe9', b'Nguyen ?')
    """
    codec = _writing(term)
    if can_carry(term, (text,)):
        return text.encode(codec)
    plain = "".join(c if can_carry(term, c) else without_marks(c) for c in unicodedata.normalize("NFC", text))
    return plain.encode(codec, "replace")


def _writing(term: str) -> str:
    return "ascii" if term in ASCII_SETS else CODECS[term]
