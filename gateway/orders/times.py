"""Times in messages and images: digits with a zone, or without one, and then of the site.

References
----------
HL7 v2.5.1, 2.A.22 (DTM): ``YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]``. DICOM PS3.5 6.2 (DA, TM, DT).
"""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

_TIME = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?(?:([+-])(\d\d)(\d\d))?"
)


def moment_in(text: str, zone: tzinfo) -> datetime | None:
    """Read a time of HL7 or DICOM as aware UTC; None where it is none, or names no day.

    >>> moment_in("20260102030405", UTC), moment_in("20260102+0700", UTC), moment_in("2026", UTC)
    (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc), datetime.datetime(2026, 1, 1, 17, 0, tzinfo=datetime.timezone.utc), None)
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    sign, hours, minutes = found.groups()[7:]
    microsecond = int((found[7] or "0").ljust(6, "0"))
    try:
        shift = timedelta(hours=int(hours), minutes=int(minutes)) if sign else None
        own = timezone(-shift if sign == "-" else shift) if shift is not None else zone
        local = datetime(year, month, day, hour, minute, min(second, 59), microsecond, own)
        return local.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def date_in(text: str) -> str:
    """A day as YYYYMMDD, or empty where it is none.

    >>> date_in("19500102"), date_in("195001021200"), date_in("1950"), date_in("19501302")
    ('19500102', '19500102', '', '')
    """
    day = text.strip()[:8]
    return day if moment_in(day, UTC) is not None and len(day) == len("YYYYMMDD") else ""
