"""Words and figures of the console: short, the same everywhere, and honest about what is not known."""

from collections.abc import Mapping
from datetime import datetime

from gateway.ledger.records import moment_of
from triage.results import Interval
from viewer_bridge.figures import ONLY_TIME_TO_PEAK, floored, span

NOTHING = "–"
SECONDS_PER_MINUTE = 60
SECONDS_PER_HOUR = 3600
SECONDS_PER_DAY = 86_400

STATES = {
    "receiving": "Receiving",
    "analysing": "Analysing",
    "analysed": "Analysed",
    "not_analysed": "Not analysed",
    "no_perfusion": "No perfusion",
    "received": "Received",
}
SIDES = {
    "left": "LEFT hemisphere",
    "right": "RIGHT hemisphere",
    "bilateral": "BOTH hemispheres",
    "none": "No lesion found",
}
"""In capitals as on the pictures: the word that must not be misread."""
KINDS = {
    "alert": "Alert",
    "publish": "Archive",
    "emr": "EMR",
    "node": "PACS node",
    "aligned": "Motion-corrected series",
    "signoff": "Signed report",
    "availability": "Word of the images",
    "share": "Study",
}
DELIVERY_STATES = {
    "queued": "waiting",
    "retrying": "trying again",
    "delivered": "delivered",
    "failed": "failed",
    "superseded": "replaced by a newer result",
    "cancelled": "given up by a person",
}
RESULT_REPLACED = "late images replaced the earlier result"
ANSWERS = {
    "accept": ("Accept", "Send the patient"),
    "keep": ("Keep", "Treat the patient there"),
    "more_images": ("More images", "Send more images"),
    "taken": ("Taken", "Somebody there has the case"),
    "not_stroke": ("No stroke", "Somebody there has said so"),
}
"""What a hospital says to a case that was handed over: the word, and what it means there."""

CRITERIA = {
    "defuse3": "DEFUSE 3",
    "defuse_3": "DEFUSE 3",
    "extend": "EXTEND",
    "dawn": "DAWN",
    "epithet": "EPITHET",
}
"""Trials as they write themselves; another name is shown as it comes."""

PICTURES = {
    "summary": "Summary page",
    "cbf": "Map of cerebral blood flow",
    "cbv": "Map of cerebral blood volume",
    "mtt": "Map of the mean transit time",
    "tmax": "Map of Tmax",
    "ttp": ONLY_TIME_TO_PEAK,
}
"""What a picture shows, for those who do not see it."""

MAPS = {
    "ct": ("CT", "mean of all frames"),
    "tmax": ("Tmax", "time to maximum"),
    "cbf": ("CBF", "blood flow"),
    "cbv": ("CBV", "blood volume"),
    "mtt": ("MTT", "mean transit time"),
    "ttp": ("TTP", "time to peak"),
}
"""Short and long name of every layer of a slice."""

VIEWERS = {
    "viewer": "Open in the viewer",
    "site_viewer": "Open in the PACS",
    "weasis": "Open in Weasis",
    "orthanc_viewer": "Open in Orthanc’s viewer",
    "explorer": "Open in the archive",
}
"""Links of a case by what stands on their button."""
OUR_VIEWERS = frozenset(VIEWERS) - {"site_viewer"}
"""Those on our own origin."""

SEXES = {"F": "female", "M": "male", "O": "other"}


def receiver(kind: str, target: str) -> str:
    """What goes to whom.

    >>> receiver("alert", "console"), receiver("publish", "archive"), receiver("emr", "his")
    ('Alert to console', 'Archive', 'EMR his')
    """
    joint = " to " if kind in {"alert", "aligned", "availability", "share", "signoff"} else " "
    return KINDS[kind] if target == KINDS[kind].lower() else f"{KINDS[kind]}{joint}{target}"


def volume(ml: float | None) -> str:
    """A volume without its unit, to the digit that every report prints.

    >>> volume(83.4), volume(0.0), volume(None)
    ('83.4', '0.0', '–')
    """
    return NOTHING if ml is None else f"{ml:.1f}"


def ratio(value: float | None) -> str:
    """A ratio; undefined when there is no core. Cut, not rounded: 1.796 does not meet a limit of 1.8.

    >>> ratio(1.796), ratio(None)
    ('1.79', '–')
    """
    return NOTHING if value is None else floored(value)


def interval(ends: Mapping[str, float | None] | None, decimals: int | None = None) -> str:
    """Ends of an interval as they are in a result; nothing where there is none.

    >>> interval({"low": 28.4, "high": 38.7}), interval({"low": 2.1, "high": None}, 2), interval(None)
    ('28–39', '2.10 or more', '')
    """
    if ends is None or ends["low"] is None:
        return ""
    return span(Interval(ends["low"], ends["high"]), decimals).replace("-", "–")


def fraction(value: float | None) -> str:
    """A ratio between nothing and one.

    >>> fraction(0.456), fraction(None)
    ('0.46', '–')
    """
    return NOTHING if value is None else f"{value:.2f}"


def cutoff(name: str) -> str:
    """Name of a volume by its cut-off.

    >>> cutoff("tmax_gt_10"), cutoff("rcbf_lt_30")
    ('Tmax > 10 s', 'rCBF < 30 %')
    """
    quantity, comparison, value = name.partition("_gt_") if "_gt_" in name else name.partition("_lt_")
    shown = {"tmax": ("Tmax", "s"), "rcbf": ("rCBF", "%")}
    title, unit = shown.get(quantity, (quantity, ""))
    return f"{title} {'>' if comparison == '_gt_' else '<'} {value} {unit}".strip() if value else name


def duration(seconds: float) -> str:
    """How long something took, as precisely as anybody cares.

    >>> [duration(s) for s in (3.14, 58.2, 150, 7500, 200000)]
    ['3.1 s', '58 s', '2 min 30 s', '2 h 5 min', '2 d 7 h']
    """
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < SECONDS_PER_MINUTE:
        return f"{whole} s"
    if whole < SECONDS_PER_HOUR:
        return f"{whole // SECONDS_PER_MINUTE} min {whole % SECONDS_PER_MINUTE} s"
    if whole < SECONDS_PER_DAY:
        return f"{whole // SECONDS_PER_HOUR} h {whole % SECONDS_PER_HOUR // SECONDS_PER_MINUTE} min"
    return f"{whole // SECONDS_PER_DAY} d {whole % SECONDS_PER_DAY // SECONDS_PER_HOUR} h"


def ago(moment: str, now: datetime) -> str:
    """How long ago a moment of the ledger was; the page's script says it the same way.

    >>> ago("2026-01-01T00:00:00.000000Z", moment_of("2026-01-01T00:05:10.000000Z"))
    '5 min ago'
    """
    seconds = (now - moment_of(moment)).total_seconds()
    steps = ((SECONDS_PER_DAY, "d"), (SECONDS_PER_HOUR, "h"), (SECONDS_PER_MINUTE, "min"))
    for size, unit in steps:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return "just now"


def absolute(moment: str) -> str:
    """A moment of the ledger for people, in UTC.

    >>> absolute("2026-01-02T03:04:05.678901Z")
    '2026-01-02 03:04:05.7 UTC'
    """
    return f"{moment[:10]} {moment[11:19]}.{round(int(moment[20:26]) / 100_000) % 10} UTC"


def seconds_between(start: str | None, end: str | None) -> float | None:
    """Seconds from one moment of the ledger to another, or None while one is missing."""
    if start is None or end is None:
        return None
    return (moment_of(end) - moment_of(start)).total_seconds()


def person_name(dicom: str) -> str:
    """A DICOM person name in the order of its components, without its alternative spellings.

    >>> person_name("NGUYỄN^VĂN A^^=x"), person_name("")
    ('NGUYỄN VĂN A', 'no name')
    """
    return " ".join(dicom.partition("=")[0].replace("^", " ").split()) or "no name"


def birth_date(dicom: str) -> str:
    """A DICOM date with hyphens; anything else as it comes.

    >>> birth_date("19500102"), birth_date("1950")
    ('1950-01-02', '1950')
    """
    return f"{dicom[:4]}-{dicom[4:6]}-{dicom[6:]}" if len(dicom) == 8 and dicom.isdecimal() else dicom
