"""Why cases were not analysed, as codes that can be counted over months.

Refusals are sentences with figures in them. The table says by which words each is known; what no row knows is counted
as `OTHER`, never dropped. The sentences are those of `triage` and `dicom_scp`; a test reads them there.
"""

import re
from typing import NamedTuple

OTHER = "other"


class Reason(NamedTuple):
    """A code, what it means, and the words by which a refusal is known."""

    code: str
    text: str
    words: str


REASONS = (
    Reason("scan_too_short", "Scan too short, too few or too sparse frames",
           r"too short: at least|frames: at least|too sparse"),
    Reason("no_series", "No perfusion series after all", r"no (CT )?perfusion series|two frames"),
    Reason("no_bolus", "No contrast bolus, or it came too late", r"no contrast bolus|as the scan ends"),
    Reason("no_arterial_input", "No arterial input", r"no arterial"),
    Reason("motion", "Head could not be followed", r"head can be followed"),
    Reason("no_brain", "Too little brain in the scan", r"no brain found|brain tissue seen"),
    Reason("no_reference", "No normal tissue to compare with", r"no normally perfused tissue"),
    Reason("frames_missing", "Images missing", r"frames are missing|cut short|has no pixel data"),
    Reason("order_in_doubt", "Order or times of the images in doubt",
           r"order of the images is in doubt|one of them is wrong|more than one acquisition|share one SOP instance"),
    Reason("lossy", "Compressed with loss", r"compressed with loss"),
    Reason("geometry", "Images do not form one volume",
           r"different |field of view|no rows, columns|position (and|or) orientation|Hounsfield|not CT|16-bit"),
    Reason("undecodable", "Images cannot be read",
           r"cannot be decoded|do not fit its rows|not supported|damaged|not a DICOM file|NaN or infinity|fragments|functional groups"
           r"|frames apart|larger compressed"),
    Reason("no_answer", "The computation gave no answer",
           r"took longer than|analysis failed|left no result|analysis process|MiB of memory"),
)  # fmt: skip
"""In this order: the first whose words are found names the reason."""

TEXTS = {**{reason.code: reason.text for reason in REASONS}, OTHER: "Another reason"}


def code_of(reason: str | None) -> str:
    """The code of a refusal.

    >>> code_of("only 8 frames: at least 10 are needed"), code_of("the moon was full"), code_of(None)
    ('scan_too_short', 'other', 'other')
    """
    found = (known.code for known in REASONS if re.search(known.words, reason or ""))
    return next(found, OTHER)
