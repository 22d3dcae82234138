"""What of a case goes in which stage of a handover, and in which order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from gateway.desk import Desk
from gateway.jobs.orders import OBJECTS, SIGNED
from gateway.ledger.records import Case, Stored
from gateway.ledger.sharing import Share, Stage
from gateway.steps.parcels import Kind, Parcel, parcels_in
from gateway.storage.evidence import dataset_of
from triage.errors import TemporaryError

RESULTS = frozenset({Kind.PAGES, Kind.REPORT, Kind.PDF, Kind.KEY_OBJECTS, Kind.REJECTION})
"""What a physician decides by; everything else that was drawn are maps."""


@dataclass(frozen=True, slots=True)
class Load:
    """One object in its file; `stored` where it is one that was received, and may have left the spool."""

    path: Path
    sop_instance_uid: str
    digest: str
    size_bytes: int
    stored: Stored | None = None

    @property
    def key(self) -> tuple[str, str]:
        """By what a partner's word about it is remembered."""
        return self.sop_instance_uid, self.digest


def is_drawn(desk: Desk, share: Share) -> bool:
    """Whether the result objects are on disk; they appear together, seconds after the numbers."""
    return (desk.folder(share.case_id, share.revision) / OBJECTS).exists()


def loads_of(desk: Desk, case: Case, share: Share) -> list[Load]:
    """Objects of the handover's present stage in the order in which they go.

    Raises
    ------
    TemporaryError
        One cannot be read.
    InputError
        One of ours is no DICOM file.
    """
    chosen = _CHOSEN.get(share.stage)
    return chosen(desk, case, share) if chosen else []


def _results(desk: Desk, case: Case, share: Share) -> list[Load]:
    drawn, signed = _parcels(desk, case, share, OBJECTS), _parcels(desk, case, share, SIGNED)
    return [_load(parcel) for parcel in [*drawn, *signed] if parcel.kind in RESULTS]


def _maps(desk: Desk, case: Case, share: Share) -> list[Load]:
    return [_load(p) for p in _parcels(desk, case, share, OBJECTS) if p.kind not in RESULTS]


def _images(desk: Desk, case: Case, share: Share) -> list[Load]:
    """Every received image once; the perfusion series, which is the largest, comes last."""
    if not share.with_images:
        return []
    images = desk.ledger.arrivals.images(case.study_uid)
    series = dict.fromkeys(image.header.series_uid for image in images)
    ordered = sorted(series, key=lambda uid: uid == case.perfusion_series_uid)
    received = (stored for uid in ordered for stored in desk.ledger.holdings.of_series(case.study_uid, uid))
    return [
        Load(desk.spooled(one.path), one.sop_instance_uid, one.digest, one.size_bytes, one)
        for one in received
    ]


_CHOSEN: Mapping[Stage, Callable[[Desk, Case, Share], list[Load]]] = {
    Stage.RESULTS: _results,
    Stage.MAPS: _maps,
    Stage.IMAGES: _images,
}


def _parcels(desk: Desk, case: Case, share: Share, name: str) -> list[Parcel]:
    folder = desk.folder(share.case_id, share.revision) / name
    return parcels_in(folder, case.perfusion_series_uid or "", share.revision)


def _load(parcel: Parcel) -> Load:
    try:
        file = parcel.path.read_bytes()
    except OSError as exc:
        raise TemporaryError(f"a result object cannot be read: {exc.strerror}") from exc
    digest = blake3(dataset_of(file)).hexdigest()
    return Load(parcel.path, parcel.sop_instance_uid, digest, len(file))
