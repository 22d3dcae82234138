"""What somebody with a pass for one study may read: that study, its case page, and the viewer's own files."""

import re
from urllib.parse import parse_qsl

from gateway.ledger.records import case_id_of

SEGMENT = r"[A-Za-z0-9_,-]+(\.[A-Za-z0-9_,-]+)*"
"""Part of an archive's address: never empty, never a dot or two."""

VIEWER_FILES = "/viewer/ohif/"
SEARCHES = frozenset({"/dicom-web/studies", "/dicom-web/series", "/dicom-web/instances"})
STUDY_KEYS = frozenset({"studyinstanceuid", "0020000d"})
"""How QIDO-RS names the study, by keyword or tag (PS3.18 10.6.1.2.1)."""


def may_read(study_uid: str, path: str, query: str) -> bool:
    """Whether an address shows nothing but this study.

    Examples
    --------
    >>> may_read("1.2", "/dicom-web/studies/1.2/series", ""), may_read("1.2", "/dicom-web/studies/1.23/series", "")
    (True, False)
    >>> may_read("1.2", "/dicom-web/studies", "StudyInstanceUID=1.2"), may_read("1.2", "/dicom-web/studies", "")
    (True, False)
    """
    return (
        path.startswith(VIEWER_FILES)
        or _of_study(study_uid).fullmatch(path) is not None
        or (path in SEARCHES and _asks_for(study_uid, query))
        or _of_case(case_id_of(study_uid), path, query)
    )


def _of_study(study_uid: str) -> re.Pattern[str]:
    return re.compile(rf"/dicom-web/studies/{re.escape(study_uid)}(/{SEGMENT})*")


def _asks_for(study_uid: str, query: str) -> bool:
    """Whether a search names this study, and no other beside it."""
    named = [value for key, value in parse_qsl(query, keep_blank_values=True) if key.lower() in STUDY_KEYS]
    return named == [study_uid]


def _of_case(case_id: str, path: str, query: str) -> bool:
    """The case's page, its changing part, its pictures, its report, what the interface says of it, and its live events."""
    pictures = rf"/cases/{case_id}/(pictures|r[0-9]+/tiles)/[a-z0-9-]+\.(png|webp|gz)"
    reports = rf"/cases/{case_id}/(report|r[0-9]+/report-[0-9]+)\.pdf"
    return (
        path in {f"/cases/{case_id}", f"/parts/cases/{case_id}", f"/api/v1/cases/{case_id}"}
        or re.fullmatch(f"{pictures}|{reports}", path) is not None
        or (path == "/api/v1/events" and query == f"case={case_id}")
    )
