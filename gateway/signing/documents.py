"""THE bytes of a report: kept once, before anything is built from them, and never made again.

A signature holds its time and often a random number, so two signatures of one report differ. Whoever needs the report
therefore reads it here: the DICOM copy, the copy for the medical record and the page carry the same bytes, whatever was
killed in between. A report has issues: the first as published, the second when a physician has signed it off, which
holds the first unchanged and goes on behind its end (ISO 32000-1, 7.5.6).
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

PUBLISHED, SIGNED_OFF = 1, 2
"""Issues of a report."""

_PDF, _SEAL = "report.pdf", "seal.json"


class Level(StrEnum):
    """How much a signature proves (ETSI EN 319 142-1)."""

    NONE = "none"
    BASIC = "B-B"
    TIME = "B-T"
    LONG = "B-LT"


@dataclass(frozen=True, slots=True)
class Seal:
    """What the gateway's signature on an issue is worth; `remarks` say what is missing, and why.

    Attributes
    ----------
    by
        Subject of the certificate; empty without a signature.
    at
        UTC ISO 8601, by this machine's clock.
    """

    level: Level
    by: str = ""
    at: str = ""
    remarks: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, plain: Mapping[str, object]) -> Self:
        """Read back what `to_json` wrote."""
        values = {**plain, "level": Level(str(plain["level"])), "remarks": tuple(plain["remarks"])}  # type: ignore[arg-type]  # our own file
        return cls(**values)  # type: ignore[arg-type]  # our own file

    def to_json(self) -> dict[str, object]:
        """As plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of a revision's report, on disk for good."""

    number: int
    path: Path
    seal: Seal

    @property
    def pdf(self) -> bytes:
        """Its bytes."""
        return self.path.read_bytes()

    @property
    def sha256(self) -> str:
        """Digest of its bytes."""
        return hashlib.sha256(self.pdf).hexdigest()


def issue(folder: Path, number: int) -> Issue | None:
    """An issue of the revision in this folder; None until it is kept."""
    place = _place(folder, number)
    try:
        seal = Seal.from_json(json.loads((place / _SEAL).read_text("utf-8")))
    except FileNotFoundError:
        return None
    return Issue(number, place / _PDF, seal)


def newest(folder: Path) -> Issue | None:
    """The report of the revision in this folder as it stands; None until there is one."""
    return issue(folder, SIGNED_OFF) or issue(folder, PUBLISHED)


def report_of(cases_dir: Path, case_id: str, revision: int) -> bytes | None:
    """The bytes of the report of a revision as it stands; None until it is drawn."""
    found = newest(cases_dir / case_id / f"r{revision}")
    return found.pdf if found else None


def keep(folder: Path, number: int, pdf: bytes, seal: Seal) -> Issue:
    """Keep an issue durably and return it; when another was kept before, that one stands and is returned."""
    place = _place(folder, number)
    scratch = place.with_name(f".{place.name}.{os.getpid()}")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        _write(scratch / _PDF, pdf)
        _write(scratch / _SEAL, json.dumps(seal.to_json(), ensure_ascii=False).encode())
        _sync(scratch)
        if not place.exists():
            scratch.rename(
                place
            )  # fails where somebody was faster: a folder never replaces one that is not empty
            _sync(folder)
    except OSError:
        if not place.exists():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    kept = issue(folder, number)
    if kept is None:
        raise FileNotFoundError(place)
    return kept


def _place(folder: Path, number: int) -> Path:
    return folder / f"report-{number}"


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    _sync(path)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
