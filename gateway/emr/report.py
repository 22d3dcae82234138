"""One report as every format writes it: the result, whose it is, how far it may be relied on, and what it replaces."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from gateway.emr.filing import Filing
from gateway.emr.mapping import WITHDRAWN, Standing
from gateway.emr.recipient import Recipient
from triage.results import TriageResult

LONGEST_CONTROL_ID = 20
"""Characters of MSH-10 in HL7 v2.5.1."""

RESEARCH = "Research use, not for primary diagnosis. Computed without review by a physician."
SIGNED = "Research use, not for primary diagnosis. A physician has signed this result."
"""First words of every report."""


@dataclass(frozen=True, slots=True)
class Report:
    """What one letter says.

    Attributes
    ----------
    control_id
        Of this letter alone; a repeat of the same letter carries the same one.
    former_control_id
        Of the letter before, which the receiver may have; empty where there is none.
    standing
        Preliminary, final or corrected.
    change
        What is new since the letter before, in words that name nobody.
    sent_at, observed_at, computed_at
        When the letter, the images and the result were made; each with its zone.
    pdf
        The published report, where the destination wants it and there is one.
    filing
        Which series of reports it belongs to, and under which number that is filed.
    """

    result: TriageResult
    recipient: Recipient
    case_id: str
    revision: int
    control_id: str
    standing: Standing
    sent_at: datetime
    observed_at: datetime
    computed_at: datetime
    link: str
    edition: int = 1
    former_control_id: str = ""
    change: str = ""
    signed: bool = False
    pdf: bytes | None = field(default=None, repr=False)
    site: str = ""
    filing: Filing = field(default_factory=Filing)

    @property
    def is_withdrawn(self) -> bool:
        """Whether it takes an earlier one back that was about another patient; then it says nothing of the result."""
        return self.standing is WITHDRAWN

    @property
    def number(self) -> tuple[str, str]:
        """Number and issuer that it is filed under: those of the first letter, whatever becomes known of the order later."""
        if self.filing.under[0]:
            return self.filing.under
        order = self.recipient
        if order.filler:
            return order.filler, order.filler_issuer
        return order.accession_number or self.result.study_uid, ""

    @property
    def notice(self) -> str:
        """What every report says of itself."""
        return SIGNED if self.signed else RESEARCH

    @property
    def replacement(self) -> str:
        """Which report this one takes the place of, and what changed; empty for the first."""
        if self.edition == 1 and self.revision == 1:
            return ""
        if self.is_withdrawn:
            return f"Withdrawn: the report{self._former} is not about this patient. Do not use it.\n{self.change}"
        if self.filing.number > 1 and not self.former_control_id:
            return f"Revision {self.revision}; it was filed under another patient before.\n{self.change}"
        named = f"revision {self.revision - 1}" if self.revision > 1 else "the earlier one"
        replaced = f"{named}{self._former} and every earlier report"
        return f"Revision {self.revision}; it replaces {replaced}.\n{self.change}"

    @property
    def _former(self) -> str:
        return f" (message {self.former_control_id})" if self.former_control_id else ""


def control_id_for(key: str) -> str:
    """Control id of a letter: a repeat of the same letter carries the same one, so a receiver can tell.

    >>> control_id_for("emr:5f2c:r1:main")
    'MQVTYDRLUNWONWZF7AN5'
    """
    digest = hashlib.sha256(key.encode()).digest()
    return base64.b32encode(digest).decode()[:LONGEST_CONTROL_ID]
