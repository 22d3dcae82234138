"""Result objects of a revision on disk: what each is, and in which order they may be seen.

A reader may open the study at any moment of publishing, and a kill may make that moment long. So an object is shown only
when everything it must not be seen without is there already:

1. the pages, which say what the numbers are worth: without them nothing else goes;
2. the derived images, then the overlays and maps that lean on them, so that no overlay hangs in the air;
3. the report and the PDF, which point at all of these;
4. the key object note, which sends the reader to the pages: that it is there means that the rest is;
5. the note that rejects the objects of former revisions, so that at no moment there is none that counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path

from dicom_scp.elements import walk_path
from gateway.jobs.orders import REJECTION
from triage.errors import InputError
from viewer_bridge.objects.uids import Role, result_uid

SOP_CLASS, SOP_INSTANCE, SERIES = 0x00080016, 0x00080018, 0x0020000E
_WANTED = frozenset({SOP_CLASS, SOP_INSTANCE, SERIES})


class Kind(StrEnum):
    """What a result object is to those who receive it."""

    PAGES = "pages"
    REFERENCE = "reference"
    SEGMENTATION = "segmentation"
    MAPS = "maps"
    REPORT = "report"
    PDF = "pdf"
    KEY_OBJECTS = "key_objects"
    REJECTION = "rejection"
    ALIGNED = "aligned"
    """The motion-corrected images, which go alone."""


KINDS: Mapping[Role, Kind] = {
    Role.PAGES: Kind.PAGES,
    Role.REFERENCE: Kind.REFERENCE,
    Role.SEGMENTATION: Kind.SEGMENTATION,
    Role.REGIONS: Kind.SEGMENTATION,
    **dict.fromkeys([role for role in Role if role.startswith(("colour ", "map "))], Kind.MAPS),
    **dict.fromkeys([Role.MEASUREMENTS, Role.VERIFIED], Kind.REPORT),
    **dict.fromkeys([Role.REPORT, Role.SIGNED_REPORT], Kind.PDF),
    Role.KEY_OBJECTS: Kind.KEY_OBJECTS,
    Role.SUPERSEDED: Kind.REJECTION,
    Role.ALIGNED: Kind.ALIGNED,
    Role.PROJECTION: Kind.ALIGNED,
}
"""What the series of a role holds."""

_RANKS: Mapping[Kind, int] = {
    Kind.PAGES: 0,
    Kind.REFERENCE: 1,
    Kind.SEGMENTATION: 2,
    Kind.MAPS: 2,
    Kind.REPORT: 3,
    Kind.PDF: 3,
    Kind.KEY_OBJECTS: 4,
    Kind.REJECTION: 5,
    Kind.ALIGNED: 0,
}
"""Objects of one rank may go side by side."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """One object in its file."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    series_uid: str
    transfer_syntax_uid: str
    kind: Kind


def parcels_in(folder: Path, source_series_uid: str, revision: int) -> list[Parcel]:
    """Objects of a revision in the order in which they may be seen.

    What an object is follows from its series, whose UID is computed from the analysed one.

    Raises
    ------
    InputError
        A file is no DICOM file, or names no SOP instance.
    TemporaryError
        One cannot be read.
    """
    kinds = {result_uid(source_series_uid, role, revision): kind for role, kind in KINDS.items()}
    found = [_parcel(path, kinds) for path in sorted(folder.glob("*.dcm"))]
    return sorted(found, key=lambda parcel: _RANKS[parcel.kind])


def _parcel(path: Path, kinds: Mapping[str, Kind]) -> Parcel:
    found = walk_path(path, _WANTED)
    sop_class, uid, series = (found.uid(tag) for tag in (SOP_CLASS, SOP_INSTANCE, SERIES))
    if not (sop_class and uid and series):
        raise InputError(f"{path.name} names no SOP instance or series")
    kind = Kind.REJECTION if path.name == REJECTION else kinds.get(series, Kind.MAPS)
    return Parcel(path, sop_class, uid, series, found.transfer_syntax_uid, kind)


def stages(parcels: Sequence[Parcel]) -> list[list[Parcel]]:
    """Ordered parcels in groups, each of which must be there before the next begins."""
    return [list(group) for _, group in groupby(parcels, key=lambda parcel: _RANKS[parcel.kind])]
