"""What may be asked for in a worklist, how it is matched and how long it may be (PS3.4 table K.6-1)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dicom_scp.matching import Rule

STEPS = 0x00400100
START_DATE, START_TIME = 0x00400002, 0x00400003


@dataclass(frozen=True, slots=True)
class Key:
    """One attribute that may be asked for; `items` are those within a sequence."""

    vr: str
    rule: Rule = Rule.NONE
    items: Mapping[int, "Key"] = field(default_factory=dict)


def _text(vr: str) -> Key:
    return Key(vr, Rule.TEXT)


CODE = {0x00080100: Key("SH"), 0x00080102: Key("SH"), 0x00080103: Key("SH"), 0x00080104: Key("LO")}
REFERENCE = {0x00081150: Key("UI"), 0x00081155: Key("UI")}

STEP_KEYS: Mapping[int, Key] = {
    0x00080060: _text("CS"),                # Modality
    0x00321070: Key("LO"),                  # Requested Contrast Agent
    0x00400001: _text("AE"),                # Scheduled Station AE Title
    START_DATE: Key("DA", Rule.DATE),
    START_TIME: Key("TM", Rule.TIME),
    0x00400006: Key("PN", Rule.NAME),       # Scheduled Performing Physician's Name
    0x00400007: _text("LO"),                # Scheduled Procedure Step Description
    0x00400008: Key("SQ", items=CODE),      # Scheduled Protocol Code Sequence
    0x00400009: _text("SH"),                # Scheduled Procedure Step ID
    0x00400010: _text("SH"),                # Scheduled Station Name
    0x00400011: _text("SH"),                # Scheduled Procedure Step Location
    0x00400012: Key("LO"),                  # Pre-Medication
    0x00400020: _text("CS"),                # Scheduled Procedure Step Status
    0x00400400: Key("LT"),                  # Comments on the Scheduled Procedure Step
}  # fmt: skip
"""Within the Scheduled Procedure Step Sequence (PS3.4 table K.6-1)."""

KEYS: Mapping[int, Key] = {
    0x00080050: _text("SH"),                # Accession Number
    0x00080090: Key("PN", Rule.NAME),       # Referring Physician's Name
    0x00081110: Key("SQ", items=REFERENCE), # Referenced Study Sequence
    0x00081120: Key("SQ", items=REFERENCE), # Referenced Patient Sequence
    0x00100010: Key("PN", Rule.NAME),       # Patient's Name
    0x00100020: _text("LO"),                # Patient ID
    0x00100021: _text("LO"),                # Issuer of Patient ID
    0x00100030: Key("DA", Rule.DATE),       # Patient's Birth Date
    0x00100040: _text("CS"),                # Patient's Sex
    0x00101002: Key("SQ", items={0x00100020: Key("LO"), 0x00100021: Key("LO"), 0x00100022: Key("CS")}),
    0x00101030: Key("DS"),                  # Patient's Weight
    0x00102000: Key("LO"),                  # Medical Alerts
    0x00102110: Key("LO"),                  # Allergies
    0x001021C0: Key("US"),                  # Pregnancy Status
    0x00104000: Key("LT"),                  # Patient Comments
    0x0020000D: Key("UI", Rule.UID),        # Study Instance UID
    0x00321032: Key("PN", Rule.NAME),       # Requesting Physician
    0x00321033: Key("LO"),                  # Requesting Service
    0x00321060: _text("LO"),                # Requested Procedure Description
    0x00321064: Key("SQ", items=CODE),      # Requested Procedure Code Sequence
    0x00380010: _text("LO"),                # Admission ID
    0x00380050: Key("LO"),                  # Special Needs
    0x00380300: Key("LO"),                  # Current Patient Location
    0x00380500: Key("LO"),                  # Patient State
    STEPS: Key("SQ", items=STEP_KEYS),
    0x00401001: _text("SH"),                # Requested Procedure ID
    0x00401002: Key("LO"),                  # Reason for the Requested Procedure
    0x00401003: _text("SH"),                # Requested Procedure Priority
    0x00401004: Key("LO"),                  # Patient Transport Arrangements
    0x00401400: Key("LT"),                  # Requested Procedure Comments
    0x00402016: _text("LO"),                # Placer Order Number
    0x00402017: _text("LO"),                # Filler Order Number
    0x00403001: Key("LO"),                  # Confidentiality Constraint on Patient Data Description
}  # fmt: skip
"""All that may be asked for; what has no rule is returned and never matched (PS3.4 table K.6-1)."""
