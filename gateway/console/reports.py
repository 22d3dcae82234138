"""What the pages say of a report: its seal, its sign-off, and of a file that somebody wants checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.api.reception import Reception
from gateway.ledger.records import Case
from gateway.ledger.signoffs import SignOff
from gateway.signing import documents
from gateway.signing.documents import PUBLISHED, SIGNED_OFF, Issue, Level
from gateway.signing.judging import Finding, Judgement
from gateway.signing.signoff import obstacle

LEVELS: Mapping[Level, tuple[str, str]] = {
    Level.NONE: ("none", "No digital signature"),
    Level.BASIC: ("good", "Sealed by the gateway"),
    Level.TIME: ("good", "Sealed and time-stamped"),
    Level.LONG: ("good", "Sealed, time-stamped, verifiable for the long term"),
}
"""Of a seal: its light and its words."""

FINDINGS: Mapping[Finding, tuple[str, str, str]] = {
    Finding.KEPT: (
        "good",
        "Unchanged",
        "This file is the report that is kept here, byte for byte.",
    ),
    Finding.EXTENDED: (
        "warning",
        "Something was added",
        "The report that is kept here is in this file, but something was added behind it elsewhere. Use the kept one.",
    ),
    Finding.CHANGED: (
        "severe",
        "Changed",
        "This file is not what was issued or signed. Do not use it.",
    ),
    Finding.FOREIGN: (
        "warning",
        "Signed, but not issued here",
        "Its signatures are intact. This gateway knows no such report.",
    ),
    Finding.UNKNOWN: (
        "warning",
        "Nothing to go by",
        "This gateway knows no such report, and no signature says where the file comes from.",
    ),
}
"""Of a file: its light, a headline, and what to make of it."""


@dataclass(frozen=True, slots=True)
class ReportView:
    """The report of a case's present revision as its page shows it."""

    case: Case
    issue: Issue | None
    signoff: SignOff | None
    former: SignOff | None
    """Of an earlier revision, where this one is not signed off."""
    obstacle: str
    """Why it cannot be signed off now; empty when it can."""

    @property
    def light(self) -> tuple[str, str]:
        """How the newest issue is sealed."""
        return LEVELS[self.issue.seal.level if self.issue else Level.NONE]

    @property
    def waits_for_signature(self) -> bool:
        """Whether the sign-off is recorded and its copy of the report not there yet."""
        return self.signoff is not None and (self.issue is None or self.issue.number < SIGNED_OFF)


def of_case(reception: Reception, case: Case) -> ReportView:
    """The report of the present revision."""
    folder = reception.folder(case)
    everybody = reception.ledger.signoffs.of_case(case.id)
    present = next((one for one in everybody if one.revision == case.revision), None)
    former = next((one for one in reversed(everybody) if one.revision < case.revision), None)
    return ReportView(
        case,
        documents.newest(folder),
        present,
        None if present else former,
        obstacle(reception.ledger, case, folder),
    )


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was checked, as the page shows it."""

    judgement: Judgement

    @property
    def finding(self) -> tuple[str, str, str]:
        """Light, headline, sentence."""
        return FINDINGS[self.judgement.finding]

    @property
    def issue(self) -> str:
        """Which issue it is."""
        found = self.judgement.issue
        if found is None:
            return ""
        return "as published" if found.number == PUBLISHED else "with the physician's sign-off"
