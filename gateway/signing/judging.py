"""Whether a file is a report of this gateway: compared with what is kept here first, for that proves more than any signature.

A report names its document inside, so that the kept one is found; the name itself proves nothing, the bytes do.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case
from gateway.ledger.signoffs import SignOff
from gateway.signing import asking, documents
from gateway.signing.documents import PUBLISHED, SIGNED_OFF, Issue
from triage.errors import InputError

NAME = re.compile(
    rb"DocumentID[^u]{1,3}uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    rb".{0,200}?VersionID[^0-9]{1,3}([0-9]{1,6})",
    re.DOTALL,
)
"""The document's name and version in the file's metadata (`viewer_bridge.report.archival`)."""


class Finding(StrEnum):
    """What a file is."""

    KEPT = "kept"
    """Byte for byte what was issued here."""
    EXTENDED = "extended"
    """What was issued here, with something behind it that did not come from here."""
    CHANGED = "changed"
    """It says that it is a report from here, or is signed, and is not what was issued or signed."""
    FOREIGN = "foreign"
    """Signed and intact, but not from here."""
    UNKNOWN = "unknown"
    """Nothing can be said of it."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of a file.

    Attributes
    ----------
    case, revision
        Which report it is, or says it is.
    issue
        Which issue of that report its bytes are, or begin with; None when neither.
    outdated
        What has come since, in words; empty when it is the newest.
    signatures
        As `gateway.signing.verifying.Signature` has them.
    unreadable
        Why its signatures cannot be judged; empty when they were.
    """

    finding: Finding
    case: Case | None = None
    revision: int = 0
    issue: Issue | None = None
    outdated: str = ""
    signoff: SignOff | None = None
    signatures: Sequence[Mapping[str, Any]] = ()
    unreadable: str = ""


def judge(pdf: bytes, ledger: Ledger, cases_dir: Path, signing: Mapping[str, Any]) -> Judgement:
    """Say what a file is.

    Raises
    ------
    TemporaryError
        Its signatures could not be judged within the limits, or the ledger is away.
    ConfigError
        The site's authorities cannot be read.
    """
    case, revision = _named(pdf, ledger)
    issues = _issues(cases_dir, case, revision)
    found, unreadable = _signatures(pdf, signing)
    begun = next((issue for issue in reversed(issues) if pdf.startswith(issue.pdf)), None)
    return Judgement(
        _finding(pdf, case, begun, found, unreadable),
        case,
        revision,
        begun,
        _outdated(case, revision, begun, issues) if case else "",
        ledger.signoffs.of(case.id, revision) if case else None,
        found,
        unreadable,
    )


def _named(pdf: bytes, ledger: Ledger) -> tuple[Case | None, int]:
    """Which report a file says it is; the first name counts, for what follows was added."""
    said = NAME.search(pdf)
    if said is None:
        return None, 0
    return ledger.cases.get(said[1].decode()), int(said[2])


def _issues(cases_dir: Path, case: Case | None, revision: int) -> list[Issue]:
    if case is None:
        return []
    folder = cases_dir / case.id / f"r{revision}"
    found = (documents.issue(folder, number) for number in (PUBLISHED, SIGNED_OFF))
    return [issue for issue in found if issue is not None]


def _signatures(pdf: bytes, signing: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str]:
    try:
        return asking.signatures(pdf, signing), ""
    except InputError as exc:
        return [], str(exc)


def _finding(
    pdf: bytes,
    case: Case | None,
    begun: Issue | None,
    found: Sequence[Mapping[str, Any]],
    unreadable: str,
) -> Finding:
    if begun is not None:
        return Finding.KEPT if len(pdf) == len(begun.pdf) else Finding.EXTENDED
    if case is not None or not all(signature["unaltered"] for signature in found):
        return Finding.CHANGED
    return Finding.FOREIGN if found and not unreadable else Finding.UNKNOWN


def _outdated(case: Case, revision: int, begun: Issue | None, issues: Sequence[Issue]) -> str:
    return next(_news(case, revision, begun, issues), "")


def _news(case: Case, revision: int, begun: Issue | None, issues: Sequence[Issue]) -> Iterator[str]:
    if case.revision > revision:
        yield f"Late images have come since: revision {case.revision} takes the place of revision {revision}."
    if begun is not None and begun.number < max(issue.number for issue in issues):
        yield "A physician has signed this report off since: there is a copy with the sign-off in it."
