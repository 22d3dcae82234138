"""The person and the order in an image: read for the medical record and the console, never by the listener.

Character sets need a DICOM library; the process that receives loads none, see `dicom_scp.uids`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from dicom_scp.charsets import decode_text
from dicom_scp.elements import walk_path

PERSON_TAGS = {
    "study_description":    0x00081030,
    "accession_number":     0x00080050,
    "referring_physician":  0x00080090,
    "institution":          0x00080080,
    "name":                 0x00100010,
    "patient_id":           0x00100020,
    "issuer":               0x00100021,
    "other_patient_ids":    0x00101000,
    "birth_date":           0x00100030,
    "sex":                  0x00100040,
    "study_id":             0x00200010,
    "study_date":           0x00080020,
    "study_time":           0x00080030,
    "placer_order_number":  0x00402016,
    "filler_order_number":  0x00402017,
}  # fmt: skip
"""Where the fields of `Patient` come from (PS3.6)."""

CHARACTER_SET = 0x00080005


@dataclass(frozen=True, slots=True)
class Patient:
    """The person and the order, for the medical record only: nothing here may be logged or put into a file name.

    `text_uncertain` is true when the declared character set cannot be right, so that a reader is warned.
    """

    name: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    other_patient_ids: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    study_id: str = field(default="", repr=False)
    study_date: str = field(default="", repr=False)
    study_time: str = field(default="", repr=False)
    study_description: str = field(default="", repr=False)
    referring_physician: str = field(default="", repr=False)
    institution: str = field(default="", repr=False)
    placer_order_number: str = field(default="", repr=False)
    filler_order_number: str = field(default="", repr=False)
    text_uncertain: bool = False


def read_patient(path: Path) -> Patient:
    """Read the person and the order of a DICOM file; raises like `dicom_scp.elements.walk_path`."""
    elements = walk_path(path, {CHARACTER_SET, *PERSON_TAGS.values()})
    charsets = elements.texts(CHARACTER_SET)
    decoded = {
        name: decode_text(elements.values.get(tag, b""), charsets) for name, tag in PERSON_TAGS.items()
    }
    uncertain = any(doubt for _, doubt in decoded.values())
    return Patient(**{name: text for name, (text, _) in decoded.items()}, text_uncertain=uncertain)
