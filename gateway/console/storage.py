"""What the storage page shows: room, objects by state, what is held back, scrub, certificates."""

import shutil
from dataclasses import dataclass
from datetime import datetime

from gateway.api.reception import Reception
from gateway.certificates import Certificate, certificates_of
from gateway.ledger import views
from gateway.ledger.records import HELD_BACK, ObjectState, Round, Stored, case_id_of
from gateway.storage.scrub import NAME
from gateway.storage.unclaimed import waiting

HELD_BACK_SHOWN = 50
KIB = 1024
PERCENT = 100.0

STATES = {
    ObjectState.PENDING: ("Received", "waiting for the archive"),
    ObjectState.FORWARDED: ("Forwarded", "accepted by the archive, not yet seen there twice"),
    ObjectState.SEEN: ("Seen twice", "safe in the archive, still in the spool"),
    ObjectState.ARCHIVED: ("Archived", "in the archive only"),
    ObjectState.SHADOWED: ("Kept aside", "the archive has something else under this UID, or a damaged copy"),
    ObjectState.REFUSED: ("Refused", "the archive will not take it; kept in the spool"),
    ObjectState.QUARANTINED: ("Quarantined", "neither forwarded nor analysed; kept in the spool"),
}
"""Word and meaning, in the order in which an object passes through them."""


def size(count: float) -> str:
    """A number of bytes as people say it.

    >>> size(0), size(525_920), size(2 * 1024**3), size(13.7 * 1024**4)
    ('0 B', '514 KiB', '2.0 GiB', '13.7 TiB')
    """
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while count >= KIB and len(units) > 1:
        count /= KIB
        units.pop(0)
    return f"{count:.1f} {units[0]}" if units[0] in {"GiB", "TiB"} else f"{count:.0f} {units[0]}"


@dataclass(frozen=True, slots=True)
class Line:
    """Objects in one state."""

    name: str
    meaning: str
    count: int
    bytes: int
    wants_somebody: bool


@dataclass(frozen=True, slots=True)
class StorageView:
    """The storage of a site at one moment."""

    free_bytes: int
    total_bytes: int
    reserve_bytes: int
    comfort_bytes: int
    lines: tuple[Line, ...]
    held_back: tuple[Stored, ...]
    scrub: Round
    conflicts: tuple[int, int]
    unclaimed: tuple[int, int]
    """Number and bytes of the files that no arrival names."""
    certificates: tuple[Certificate, ...]
    now: datetime

    @property
    def is_refusing(self) -> bool:
        """Whether senders are turned away for want of room."""
        return self.free_bytes < self.reserve_bytes

    @property
    def spool_bytes(self) -> int:
        """Bytes of all datasets in the spool."""
        return sum(line.bytes for line in self.lines if line.name != STATES[ObjectState.ARCHIVED][0])

    @property
    def used_percent(self) -> float:
        """How full the volume is."""
        return PERCENT * (1 - self.free_bytes / self.total_bytes)

    @property
    def reserve_percent(self) -> float:
        """Where on the bar the reserve begins."""
        return max(0.0, PERCENT * (1 - self.reserve_bytes / self.total_bytes))

    @property
    def scrub_percent(self) -> float:
        """How far the present round has come."""
        return (
            min(PERCENT, PERCENT * self.scrub.checked_bytes / self.spool_bytes)
            if self.spool_bytes
            else PERCENT
        )

    @property
    def is_scrubbing(self) -> bool:
        """Whether a round is under way."""
        return self.scrub.position > 0

    @property
    def held_back_count(self) -> int:
        """Objects that want a person, those not listed too."""
        return sum(line.count for line in self.lines if line.wants_somebody)

    @property
    def renewals(self) -> list[str]:
        """What to know about certificates that want renewal."""
        return [item.sentence(self.now) for item in self.certificates if item.wants_renewal(self.now)]

    def state_of(self, stored: Stored) -> str:
        """The state of an object in a word."""
        return STATES[stored.state][0]

    def case_of(self, stored: Stored) -> str:
        """Identifier of an object's case."""
        return case_id_of(stored.study_uid)


def view_of(reception: Reception) -> StorageView:
    """Look at disk and ledger."""
    disk = shutil.disk_usage(reception.config.site.data_dir)
    return StorageView(
        free_bytes=disk.free,
        total_bytes=disk.total,
        reserve_bytes=reception.config.dicom.free_bytes_floor,
        comfort_bytes=reception.config.storage.comfort_free_bytes,
        lines=_lines(views.object_sums(reception.ledger.engine)),
        held_back=tuple(reception.ledger.holdings.held_back(HELD_BACK_SHOWN)),
        scrub=reception.ledger.holdings.round(NAME),
        conflicts=views.conflict_counts(reception.ledger.engine),
        unclaimed=waiting(reception.config.spool_dir),
        certificates=certificates_of(reception.config),
        now=reception.now(),
    )


def _lines(sums: dict[str, tuple[int, int]]) -> tuple[Line, ...]:
    shown = ((state, name, meaning, *sums.get(state, (0, 0))) for state, (name, meaning) in STATES.items())
    return tuple(
        Line(name, meaning, count, total, wants_somebody=bool(count) and state in HELD_BACK)
        for state, name, meaning, count, total in shown
    )
