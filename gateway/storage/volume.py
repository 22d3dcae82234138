"""On which disk the data lie, and the refusal to start without it.

A data directory carries a marker with an identifier. Where the directory lies on a volume of its own, a witness with
the same identifier stands beside the mount point, on the disk below: it is still there when the volume is not, and
then nothing may be written, since it would vanish under the next mount.

Every process of the gateway claims the volume before it does anything else, and several may start at once. A marker
gets its name by a hard link, which fails where the name is taken: the first one's stands and the others read it. It is
durable before any witness speaks of it, and read after the witnesses: whoever finds a witness finds the marker too.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import structlog

from dicom_scp.directories import make_directory, sync_directory
from triage.errors import ConfigError

log = structlog.get_logger()

MARKER = "volume.json"
MOUNT_TABLE = Path("/proc/self/mountinfo")
_MOUNT_POINT_FIELD = 4
"""Of a line of the mount table, counted from 0 (proc(5))."""


def claim(data_dir: Path, *, require_mount: bool, mount_table: Path = MOUNT_TABLE) -> None:
    """Make sure that the data directory is the one of the last time; mark it the first time.

    Raises
    ------
    ConfigError
        The volume is not mounted, it is another one, or it cannot be marked. Nothing was written.
    """
    here = data_dir.resolve()
    mount = _volume_of(here, _mount_points(mount_table))
    if require_mount and mount is None:
        raise ConfigError(
            f"storage.require_mount: {here} lies on no volume of its own; mount it, then start again"
        )
    testimony = {witness: _identity(witness) for witness in _witnesses(here)}
    marked = _identity(here / MARKER)
    for witness, identity in testimony.items():
        if identity != marked:
            what = "is not mounted" if marked is None else "is another one than before"
            raise ConfigError(
                f"site.data_dir: the volume of {here} {what}; mount the right one, "
                f"or delete {witness} to begin anew here"
            )
    identity = marked or _mark(here)
    if mount is not None:
        _bear_witness(mount, here, identity)


def _mark(here: Path) -> str:
    """The identifier of a data directory from now on: a new one, or that of a process which was faster."""
    try:
        make_directory(here)
        _write(here / MARKER, {"id": str(uuid4()), "device": here.stat().st_dev})
    except OSError as exc:
        raise ConfigError(f"site.data_dir: {here} cannot be used ({exc.strerror}); mend the disk") from exc
    return _identity(here / MARKER) or ""


def _mount_points(table: Path) -> set[Path]:
    try:
        lines = table.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return set()
    return {Path(_plain(line.split(" ")[_MOUNT_POINT_FIELD])) for line in lines}


def _plain(escaped: str) -> str:
    r"""A path of the mount table; blanks are written in octal there.

    >>> _plain(r"/mnt/my\040disk")
    '/mnt/my disk'
    """
    return escaped.replace(r"\040", " ").replace(r"\011", "\t").replace(r"\012", "\n").replace(r"\134", "\\")


def _volume_of(path: Path, mounts: Iterable[Path]) -> Path | None:
    """The mount point that a path lies on, other than the root of everything."""
    points = set(mounts) - {Path("/")}
    return next((level for level in (path, *path.parents) if level in points), None)


def _witnesses(path: Path) -> Iterator[Path]:
    """Witnesses beside a path and its parents that speak of it."""
    for level in (path, *path.parents):
        if level != level.parent and (witness := _witness_of(level, path)).exists():
            yield witness


def _witness_of(mount: Path, data_dir: Path) -> Path:
    inside = "-".join(data_dir.relative_to(mount).parts)
    return mount.parent / f".{mount.name}{'-' * bool(inside)}{inside}.stroke-gateway-volume"


def _bear_witness(mount: Path, data_dir: Path, identity: str) -> None:
    witness = _witness_of(mount, data_dir)
    if witness.exists():
        return
    try:
        _write(witness, {"id": identity})
    except OSError as exc:
        log.warning(
            "no witness beside the mount point; set storage.require_mount", mount=str(mount), why=exc.strerror
        )


def _identity(path: Path) -> str | None:
    """The identifier in a marker or a witness; None without one.

    Raises
    ------
    ConfigError
        It cannot be read.
    """
    try:
        return str(json.loads(path.read_text("utf-8"))["id"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise ConfigError(
            f"site.data_dir: {path} cannot be read ({type(exc).__name__}); mend the disk"
        ) from exc


def _write(path: Path, content: dict[str, str | int]) -> None:
    """Make a file and a durable name for it; one that is there already stays."""
    scratch = path.with_name(f"{path.name}.{uuid4().hex}")
    try:
        with scratch.open("w", encoding="utf-8") as file:
            file.write(json.dumps(content))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(scratch, path)
        sync_directory(path.parent)
    finally:
        scratch.unlink(missing_ok=True)
