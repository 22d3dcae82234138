"""Files in the spool that no arrival names: what a listener left that was killed before its commit.

No sender was told of success for such a file, so it may go; but its name is that of its content, and the same bytes may
be sent again at this very moment. That nothing with a row is ever lost rests on four things, none of them a clock that
somebody may set:

1. A file is suspected when two walks, hours apart by the monotonic clock, find the same inode, with the same change
   time, under its name while the ledger does not name it. Whoever stores these bytes anew links or renames another
   inode there; what began to be stored hours ago was refused or recorded long since.
2. It is not unlinked but renamed, to the same name below ``unclaimed``, while the ledger is held so that no arrival can
   be committed. A rename takes whatever is there in one step; what was taken is looked at afterwards, and anything but
   the suspected inode is synced and renamed back, and that synced too, before the ledger is let go. So no row appears
   while the file that it speaks of is away, and what a listener puts into the place afterwards is never touched.
3. What was set aside stays for a day, and goes back as soon as an arrival names it: a listener that slept for all these
   hours and commits after all, or a keeper killed in the middle of step 2, costs nothing. Only what has the content
   that its name says goes back: a name without an arrival may stand for anything after a power cut.
4. It is unlinked after that, while the ledger is held. Whoever sends the bytes afterwards, or sent them meanwhile, has
   them in their place, under an inode that was never here.
"""

import os
import re
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from dicom_scp.directories import make_directory, sync_directory
from dicom_scp.file_meta import dataset_size_if_whole
from gateway.desk import Desk

log = structlog.get_logger()

WALK_EVERY_S = 6 * 3600.0
"""Between two walks through the whole spool; a million files take about ten seconds of one core."""
PATIENCE_S = 3600.0
"""Time between the two walks that must agree. A listener commits within `BUSY_TIMEOUT_S` of the ledger, or refuses."""
KEPT_ASIDE_S = 24 * 3600.0

DATASETS, ASIDE = "datasets", "unclaimed"
_NAME = re.compile(r"[0-9a-f]{64}\.dcm")
_PREFIX_DIGITS = 16
"""Of a digest, as many as a 64-bit number holds: two that share them only keep a file longer."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """What tells one file from another that has had the same name; the change time is that of the last rename."""

    inode: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> "_Mark":
        state = path.stat(follow_symlinks=False)
        return cls(state.st_ino, state.st_mtime_ns, state.st_ctime_ns)

    def is_content_of(self, other: "_Mark") -> bool:
        """Whether it is the same file; a rename in between changed the change time."""
        return (self.inode, self.modified_ns) == (other.inode, other.modified_ns)


class Sweeper:
    """Walks and sets aside; what it suspects is forgotten with the process, which only makes it slower."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._spool = desk.config.spool_dir
        self._suspects: dict[str, tuple[_Mark, float]] = {}
        self._walked_at = -WALK_EVERY_S

    def turn(self, now_s: float | None = None) -> None:
        """Look after what is aside, and walk when it is time; `now_s` is the monotonic clock's.

        Raises
        ------
        TemporaryError
            The ledger is away.
        """
        now_s = time.monotonic() if now_s is None else now_s
        self._tend_aside()
        if now_s - self._walked_at >= WALK_EVERY_S:
            self._walked_at = now_s
            self._walk(now_s)

    def _walk(self, now_s: float) -> None:
        known, before = _sorted_prefixes(self._desk.ledger.holdings.digests()), self._suspects
        self._suspects = {}
        for path in _files(self._spool / DATASETS):
            if _contains(known, path.name):
                continue
            with suppress(FileNotFoundError):
                name, mark = str(path.relative_to(self._spool)), _Mark.of(path)
                first, since_s = before.get(name, (mark, now_s))
                if first == mark and now_s - since_s >= PATIENCE_S:
                    self._set_aside(name, mark)
                else:
                    self._suspects[name] = (mark, since_s if first == mark else now_s)

    def _set_aside(self, name: str, suspected: _Mark) -> None:
        """Step 2 of the argument above."""
        holdings, place, aside = self._desk.ledger.holdings, self._spool / name, self._aside_of(name)
        make_directory(aside.parent)
        with holdings.while_nobody_records():
            if holdings.is_recorded(name) or _Mark.of(place) != suspected:
                return
            place.rename(aside)
            if _Mark.of(aside).is_content_of(suspected):
                sync_directory(aside.parent)
                log.warning("a file that no arrival names was set aside", digest=place.stem)
            else:
                _give_back(aside, place)

    def _tend_aside(self) -> None:
        """Steps 3 and 4: give back what an arrival names, and remove what nobody has missed for a day."""
        for aside in _files(self._spool / ASIDE):
            name = self._name_of(aside)
            if self._desk.ledger.holdings.is_recorded(name) and dataset_size_if_whole(aside) is not None:
                _give_back(aside, self._spool / name)
                log.warning("an arrival names a file that was set aside: it is back", digest=aside.stem)
            elif time.time() - aside.stat().st_ctime > KEPT_ASIDE_S:
                self._remove(aside, name)

    def _remove(self, aside: Path, name: str) -> None:
        with self._desk.ledger.holdings.while_nobody_records():
            if not (
                self._desk.ledger.holdings.is_recorded(name) and dataset_size_if_whole(aside) is not None
            ):
                aside.unlink()
                log.warning("a file that no arrival names was removed", digest=aside.stem)

    def _aside_of(self, name: str) -> Path:
        return self._spool / ASIDE / Path(name).relative_to(DATASETS)

    def _name_of(self, aside: Path) -> str:
        return str(Path(DATASETS) / aside.relative_to(self._spool / ASIDE))


def waiting(spool: Path) -> tuple[int, int]:
    """Number and bytes of the files that are set aside."""
    sizes = [path.stat().st_size for path in _files(spool / ASIDE)]
    return len(sizes), sum(sizes)


def _give_back(aside: Path, place: Path) -> None:
    """Durably, and in place of what is there: a file under the same name that nobody may have synced yet."""
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.rename(place)
    sync_directory(place.parent)
    sync_directory(aside.parent)


def _files(folder: Path) -> Iterator[Path]:
    """Datasets below a folder of ``<transfer syntax>/<two digits>/<digest>.dcm``; nothing else is ours to judge."""
    for path in folder.glob("*/*/*.dcm"):
        if _NAME.fullmatch(path.name):
            yield path


def _sorted_prefixes(digests: Iterable[str]) -> "array[int]":
    return array("Q", sorted(int(digest[:_PREFIX_DIGITS], 16) for digest in digests))


def _contains(known: "array[int]", name: str) -> bool:
    prefix = int(name[:_PREFIX_DIGITS], 16)
    at = bisect_left(known, prefix)
    return at < len(known) and known[at] == prefix
