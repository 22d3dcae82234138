"""The CT perfusion series among whatever files a folder holds."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dicom_scp.headers import ImageHeader, read_header
from dicom_scp.recognition import SeriesKind, SeriesLook, look_at_study
from triage.errors import InputError


def find_perfusion(folder: Path) -> tuple[Path, ...]:
    """Find the CT perfusion series among all files below a folder; of several, the one with most images.

    Raises
    ------
    InputError
        If there is none; the message says what was found instead.
    """
    files: dict[str, list[Path]] = {}
    headers: list[ImageHeader] = []
    skipped = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            header = read_header(path)
        except InputError:
            skipped += 1
            continue
        headers.append(header)
        files.setdefault(header.series_uid, []).append(path)
    looks = look_at_study(headers)
    found = [look for look in looks if look.kind is SeriesKind.PERFUSION]
    if not found:
        raise InputError(f"no CT perfusion series found; {_inventory(looks, skipped)}")
    return tuple(files[max(found, key=lambda look: look.images).series_uid])


def _inventory(looks: Sequence[SeriesLook], skipped: int) -> str:
    """What a folder holds, in words.

    >>> _inventory((), 3)
    '3 files are not DICOM instances'
    """
    kinds = Counter(look.kind for look in looks)
    found = [f"{count} {kind} series" for kind, count in kinds.items()]
    return ", ".join([*found, f"{skipped} files are not DICOM instances"])
