"""What gateways of two hospitals say to each other: addresses and limits of the exchange.

Four requests, all signed (`gateway.sharing.signature`), none with a person or a study in its address:

* ``POST announcements``: a study with its result, when it was scanned, and which stages are through; repeated at will. The
  first of a revision calls the receiving hospital's people.
* ``POST dicom-web/studies``: STOW-RS (PS3.18 section 10.5), in pieces by Content-Range where that helps; what a broken
  line has brought is kept under the digest of the whole.
* ``GET uploads/{digest}``: how much of a content is there, so that the rest goes on from its last byte.
* ``POST answers``: what the other hospital says to the study: a person's ``accept``, ``keep`` or ``more_images``; or what
  follows from its people's answers to the alert, ``taken`` and ``not_stroke``, with a role in place of a name. Each has an
  identifier, so that a repeat is the same answer, and a number that counts on from the one before.
"""

from typing import Final

EXCHANGE: Final = "/api/v1/exchange"
ANNOUNCEMENTS: Final = f"{EXCHANGE}/announcements"
STUDIES: Final = f"{EXCHANGE}/dicom-web/studies"
UPLOADS: Final = f"{EXCHANGE}/uploads"
ANSWERS: Final = f"{EXCHANGE}/answers"

PIECE_BYTES: Final = 1 << 20
"""One request brings no more: a line that fell silent is noticed within minutes, and proxies in between limit bodies."""

OFFSET_HEADER: Final = "Upload-Offset"
"""In an answer: so many bytes of the content are there."""

STORED_SEQUENCE, FAILED_SEQUENCE = "00081199", "00081198"
SOP_CLASS, SOP_INSTANCE, FAILURE_REASON = "00081150", "00081155", "00081197"
"""Elements of a STOW-RS answer (PS3.18 section 10.5.3.2, PS3.3 annex on the Store Instances Response module)."""

NOT_ANNOUNCED, MISMATCH, NOT_UNDERSTOOD = 0x0124, 0xA900, 0xC000
FAILURES: Final = {
    NOT_ANNOUNCED: "its study was not announced",
    MISMATCH: "its file names another object than its dataset",
    NOT_UNDERSTOOD: "cannot understand",
}
"""Failure reasons that are used, and what they mean (PS3.4 table B.2-1)."""
