"""Objects of ours into Orthanc: in safe order, side by side where that is safe, each compared with what lies on disk.

An upload may be repeated at will. What it did is not believed but looked at: the MD5 that the archive states of each
object, and the members of each series. Three things are told apart. An archive that is away, or answers a server error,
ends the attempt and is tried again. An object that the archive refuses, changes, or knows already with other content is
named; the others still go. Nothing is ever deleted or replaced there: the archive is the site's, and which of two
contents is right is a person's decision.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from gateway.steps.parcels import Kind, Parcel, stages
from triage.errors import ConfigError, InputError, TemporaryError
from viewer_bridge.archive.orthanc import Orthanc, Stored

CONNECTIONS = 2
"""Uploads in flight. Measured on two busy cores, 95 objects of 14 MB: 1.0 s by one, 0.7 s by two, 1.1 s by four."""

OTHER_CONTENT = (
    "the archive holds other content under the UID of {name}: remove one of them, or let the archive overwrite "
    "(Orthanc's OverwriteInstances), then replay"
)
CHANGED = "the archive changes {name} when it stores it: its own scripts or plugins do that"
MORE = "the archive shows {count} objects more in the series of {name} than were made"


@dataclass(slots=True)
class _Handover:
    """What became of the objects of one attempt."""

    orthanc: Orthanc
    pause: Callable[[], None]
    taken: int = 0
    refused: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    fault: str = ""
    """Why it ended early. Not the error itself, which would keep the bytes of what was being sent."""


def hand_over(
    orthanc: Orthanc,
    parcels: Sequence[Parcel],
    *,
    connections: int = CONNECTIONS,
    pause: Callable[[], None] = lambda: None,
) -> int:
    """Store ordered objects and see that they are there; returns how many.

    Parameters
    ----------
    parcels
        In the order of `gateway.steps.parcels`.
    connections
        Uploads at once.
    pause
        Called before every upload: whoever can wait lets others pass.

    Raises
    ------
    TemporaryError
        The archive is away, or in trouble; what went is told.
    InputError
        The archive does not take all of it for good; the message says what and why.
    """
    work = _Handover(orthanc, pause)
    for stage in stages(parcels):
        _hand_over_stage(work, stage, connections)
        if work.fault:
            raise TemporaryError(f"{work.fault}; {work.taken} of {len(parcels)} objects are there")
        if work.refused and stage[0].kind is Kind.PAGES:
            break  # no numbers without the page that says what they are worth
    if work.refused:
        missing = len(parcels) - work.taken
        raise InputError(f"{missing} of {len(parcels)} objects are not in the archive: {work.refused[0]}")
    return work.taken


def _hand_over_stage(work: _Handover, stage: Sequence[Parcel], connections: int) -> None:
    with ThreadPoolExecutor(connections) as pool:
        names = list(pool.map(lambda parcel: _hand_over_one(work, parcel), stage))
    if not work.fault:
        with _noted(work):
            _count(work, stage, names)


def _hand_over_one(work: _Handover, parcel: Parcel) -> tuple[str, str] | None:
    """Store one object; returns the archive's names of its series and of itself, or None."""
    work.pause()
    if work.over.is_set():
        return None
    with _noted(work):
        file = parcel.path.read_bytes()
        answer = work.orthanc.upload(file)
        stated = work.orthanc.md5(answer.orthanc_id)
        if stated != hashlib.md5(file, usedforsecurity=False).hexdigest():
            _compare(work.orthanc, parcel, file, answer.status)
        return answer.series_id, answer.orthanc_id
    return None


@contextmanager
def _noted(work: _Handover) -> Iterator[None]:
    """Note how the block failed: for this object alone, or for all that follow."""
    try:
        yield
    except InputError as exc:
        work.refused.append(str(exc))
    except (
        TemporaryError,
        ConfigError,
    ) as exc:  # wrong credentials are mended by a person, and then it goes on
        work.fault = str(exc)
        work.over.set()
    except OSError as exc:
        work.fault = f"a result object cannot be read: {exc.strerror}"
        work.over.set()


def _compare(orthanc: Orthanc, parcel: Parcel, file: bytes, status: Stored) -> None:
    """See whether the archive's copy shows the same, which archives may compress as they store it.

    Raises
    ------
    InputError
        It does not.
    """
    if not _alike(file, orthanc.file(parcel.sop_instance_uid)):
        text = OTHER_CONTENT if status is Stored.ALREADY else CHANGED
        raise InputError(text.format(name=f"{parcel.kind} {parcel.sop_instance_uid}"))


def _alike(ours: bytes, theirs: bytes) -> bool:
    """Whether two files hold the same dataset, or the same one compressed without loss."""
    try:
        return bool(_plain(ours) == _plain(theirs))
    except (InvalidDicomError, ValueError, RuntimeError, NotImplementedError, AttributeError):
        return False


def _plain(file: bytes) -> Dataset:
    """The dataset without compression, and without the words that compressing adds (PS3.3 C.7.6.1.1.3)."""
    dataset = dcmread(io.BytesIO(file))
    if dataset.file_meta.TransferSyntaxUID.is_compressed and "PixelData" in dataset:
        dataset.decompress(generate_instance_uid=False)
    dataset.pop("DerivationDescription", None)
    return dataset


def _count(work: _Handover, stage: Sequence[Parcel], names: Sequence[tuple[str, str] | None]) -> None:
    """Compare the members of every series with what was stored."""
    expected: dict[str, set[str]] = {}
    shown: dict[str, Parcel] = {}
    for parcel, name in zip(stage, names, strict=True):
        if name:
            expected.setdefault(name[0], set()).add(name[1])
            shown[name[0]] = parcel
    for series_id, members in expected.items():
        found = work.orthanc.members(series_id)
        if missing := len(members - found):
            raise TemporaryError(
                f"the archive shows {len(found)} objects in a series of ours, and not {missing} that it took"
            )
        work.taken += len(members)
        if more := len(found - members):
            work.refused.append(MORE.format(count=more, name=_named(shown[series_id])))


def _named(parcel: Parcel) -> str:
    return f"{parcel.kind} {parcel.series_uid}"
