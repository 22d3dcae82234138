"""Objects nobody should send: public test files, a folder of hostile ones when there is one, and some of our own making."""

import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from benchmarks.faults.peer import CT, EXPLICIT, IMPLICIT
from benchmarks.faults.testimony import ct_dataset

CORPUS_VARIABLE = "STROKE_GATEWAY_HOSTILE_CORPUS"
"""Environment variable that names a folder of hostile files; they belong to others and are not part of the repository."""
BIG_ENDIAN, DEFLATED, JPEG2000 = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.90"
LARGEST_FILE_BYTES = 30_000_000
_UID = re.compile(rb"[0-9.]{1,64}")
NOT_DICOM = frozenset({".md", ".txt", ".json", ".py", ".pyc", ".zst"})
"""Names of what lies beside test files; many of those have no ending at all."""
_SOP_CLASS, _SOP_INSTANCE = (0x08, 0x16), (0x08, 0x18)


@dataclass(frozen=True, slots=True)
class Hostile:
    """Bytes to be sent as a dataset, and what the command says they are."""

    name: str
    dataset: bytes
    instance: bytes
    sop_class: str = CT
    syntax: str = EXPLICIT


def folder() -> Path | None:
    """The folder of hostile files, if there is one."""
    named = os.environ.get(CORPUS_VARIABLE, "")
    return Path(named) if named and Path(named).is_dir() else None


def why_no_folder() -> str:
    """The reason for which there are no hostile files of others."""
    return "" if folder() else f"no folder of hostile files: set {CORPUS_VARIABLE}"


def of_others() -> Iterator[Hostile]:
    """Files of the hostile folder."""
    root = folder()
    for path in sorted(root.rglob("*")) if root else ():
        if path.is_file() and path.suffix not in NOT_DICOM:
            yield of_file(path)


def of_libraries() -> Iterator[Hostile]:
    """Test files that come with pydicom, and with pydicom-data where it is installed."""
    for package in ("pydicom", "data_store"):
        spec = find_spec(package)
        for place in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(place, "data").rglob("*")):
                if (
                    path.is_file()
                    and path.suffix not in NOT_DICOM
                    and path.stat().st_size < LARGEST_FILE_BYTES
                ):
                    yield of_file(path)


def of_file(path: Path) -> Hostile:
    """What a careless sender would make of a file: its dataset, with the identifiers that it seems to have."""
    raw = path.read_bytes()
    meta, start = _meta(raw)
    dataset = raw[start:]
    sop_class = _value(dataset[:65_536], _SOP_CLASS) or meta.get(2, b"")
    instance = _value(dataset[:65_536], _SOP_INSTANCE) or meta.get(3, b"") or b"1.2.3"
    syntax = meta.get(0x10, b"").strip(b"\0 ")
    return Hostile(
        name=f"{path.parent.name}/{path.name}",
        dataset=dataset,
        instance=instance.strip(b"\0 ")[:1000],
        sop_class=_uid_or(sop_class, CT),
        syntax=_uid_or(syntax, EXPLICIT),
    )


def _uid_or(value: bytes, otherwise: str) -> str:
    value = value.strip(b"\0 ")
    return value.decode() if _UID.fullmatch(value) else otherwise


def _meta(raw: bytes) -> tuple[dict[int, bytes], int]:
    """File meta information by element, and where the dataset starts; both guessed where the file is broken."""
    found: dict[int, bytes] = {}
    at = 132 if raw[128:132] == b"DICM" else 0
    while raw[at : at + 2] == b"\2\0" and len(raw) >= at + 12:
        number, vr, length = struct.unpack_from("<H2sH", raw, at + 2)
        head = 8
        if vr in {b"OB", b"UN", b"OW", b"SQ", b"UT"}:
            (length,), head = struct.unpack_from("<I", raw, at + 8), 12
        if at + head + length > len(raw):
            break
        found[number] = raw[at + head : at + head + length]
        at += head + length
    return found, at


def _value(dataset: bytes, tag: tuple[int, int]) -> bytes:
    """Value of an element wherever its tag first appears."""
    at = dataset.find(struct.pack("<HH", *tag))
    if at < 0 or len(dataset) < at + 8:
        return b""
    explicit = dataset[at + 4 : at + 6] == b"UI"
    length = struct.unpack_from("<H" if explicit else "<I", dataset, at + (6 if explicit else 4))[0]
    return dataset[at + 8 : at + 8 + length] if length <= 1 << 16 else b""


def _explicit(group: int, number: int, vr: bytes, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    if vr in {b"OB", b"OW", b"SQ", b"UN", b"UT"}:
        return struct.pack("<HH2sHI", group, number, vr, 0, size) + value
    return struct.pack("<HH2sH", group, number, vr, size & 0xFFFF) + value


def nested(depth: int, *, is_defined: bool) -> bytes:
    """Sequences within sequences."""
    inner = b""
    if is_defined:
        for _ in range(depth):
            inner = _explicit(0x40, 0xA730, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(inner)) + inner)
        return inner
    opened = _explicit(0x40, 0xA730, b"SQ", b"", 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    closed = struct.pack("<HHIHHI", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    return opened * depth + closed * depth


def _between(instance: str, extra: bytes) -> bytes:
    """A healthy image with `extra` before its pixels."""
    whole = ct_dataset(instance, 1, 2000)
    at = whole.index(struct.pack("<HH", 0x7FE0, 0x10))
    return whole[:at] + extra + whole[at:]


EXTRAS: dict[str, Callable[[], bytes]] = {
    **{f"nested {n} defined": (lambda n=n: nested(n, is_defined=True)) for n in (10, 31, 33, 50, 400)},
    **{f"nested {n} undefined": (lambda n=n: nested(n, is_defined=False)) for n in (33, 50, 1000, 100_000)},
    "length beyond the end": lambda: _explicit(0x20, 0x4000, b"UT", b"short", 0x7FFFFFF0),
    "length 0xFFFFFFFE": lambda: _explicit(0x20, 0x9999, b"UN", b"short", 0xFFFFFFFE),
    "undefined length without an end": lambda: _explicit(0x20, 0x9222, b"SQ", b"", 0xFFFFFFFF),
    "a delimiter out of nowhere": lambda: struct.pack("<HHI", 0xFFFE, 0xE0DD, 0) * 50,
    "a VR that is none": lambda: _explicit(0x20, 0x4000, b"\xff\xff", b"ab"),
    "tags going down": lambda: _explicit(0x08, 0x60, b"CS", b"MR") * 3,
    "odd lengths": lambda: _explicit(0x20, 0x4000, b"LT", b"odd"),
    "200,000 elements": lambda: b"".join(_explicit(0x21, n & 0xFFFF, b"SH", b"") for n in range(200_000)),
    "rows and columns of lies": lambda: b"".join(
        _explicit(0x28, n, b"US", b"\xff\xff") for n in (0x10, 0x11, 0x100, 0x101)
    ),
    "frames 2^31": lambda: _explicit(0x28, 8, b"IS", b"2147483647"),
    "numbers that are none": lambda: (
        _explicit(0x20, 0x32, b"DS", rb"nan\inf\1e999") + _explicit(0x20, 0x13, b"IS", b"9" * 4000)
    ),
    "a name with everything": lambda: _explicit(
        0x10, 0x10, b"PN", b"<script>\x1b]0;x\x07\r\n=1+1^%s^../../etc\0"
    ),
    "private group of noise": lambda: _explicit(0x09, 0x10, b"LO", b"NOISE ") + bytes(range(256)) * 64,
    "1 MB of PatientID": lambda: _explicit(0x10, 0x20, b"UT", b"A" * (1 << 20)),
}
UIDS: dict[str, bytes] = {
    "path traversal": b"../../../../escaped",
    "absolute path": b"/escaped.dcm",
    "NUL inside": b"1.2.3\x004.5",
    "newline": b"1.2.3\n4",
    "format string": b"%s%n%x",
    "65 characters": b"1." + b"2" * 63,
    "1 MB": b"1." + b"2" * (1 << 20),
    "empty": b"",
    "leading zeros": b"1.02.3",
    "dots only": b"......",
    "UTF-8": "1.2.３".encode(),
}


def of_our_own() -> Iterator[Hostile]:
    """Generated objects; they need nothing."""
    for number, (name, make) in enumerate(EXTRAS.items(), 1):
        instance = f"1.2.826.0.1.3680043.10.8.{number}"
        yield Hostile(name, _between(instance, make()), instance.encode())
    for number, (name, uid) in enumerate(UIDS.items(), 1):
        instance = f"1.2.826.0.1.3680043.10.7.{number}"
        healthy = ct_dataset(instance, 1, 500)
        shorter = uid[:60_000]
        yield Hostile(f"UID in the command: {name}", healthy, shorter)
        replaced = healthy.replace(_ui(0x08, 0x18, instance.encode()), _ui(0x08, 0x18, shorter))
        yield Hostile(f"UID in the dataset: {name}", replaced, instance.encode())
        yield Hostile(f"UID in both: {name}", replaced, shorter)
        study = f"1.2.826.0.1.3680043.10.2.{1}".encode()
        yield Hostile(
            f"study UID: {name}",
            healthy.replace(_ui(0x20, 0x0D, study), _ui(0x20, 0x0D, shorter)),
            instance.encode(),
        )
    yield from _odd_wholes()


def _ui(group: int, number: int, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    return _explicit(group, number, b"UI", value)


def _odd_wholes() -> Iterator[Hostile]:
    instance = "1.2.826.0.1.3680043.10.6.1"
    healthy = ct_dataset(instance, 2, 3000)
    uid = instance.encode()
    yield Hostile("empty dataset", b"", uid)
    yield Hostile("one byte", b"\x08", uid)
    yield Hostile("noise", bytes(range(256)) * 40, uid)
    yield Hostile("zeros", bytes(1 << 20), uid)
    yield Hostile("cut in the middle", healthy[: len(healthy) // 2], uid)
    yield Hostile("a whole file as dataset", b"MZ" + bytes(126) + b"DICM" + healthy, uid)
    yield Hostile("an ELF as dataset", b"\x7fELF" + bytes(124) + b"DICM" + healthy, uid)
    yield Hostile("HTML as dataset", b"<html><script>alert(1)</script>" * 50, uid)
    yield Hostile("said to be implicit", healthy, uid, syntax=IMPLICIT)
    yield Hostile("said to be big endian", healthy, uid, syntax=BIG_ENDIAN)
    yield Hostile("said to be JPEG 2000", healthy, uid, syntax=JPEG2000)
    yield Hostile("said to be deflated", healthy, uid, syntax=DEFLATED)
    squeezer = zlib.compressobj(9, wbits=-15)
    head = squeezer.compress(healthy) + squeezer.flush(zlib.Z_FULL_FLUSH)
    mebibyte = squeezer.compress(bytes(1 << 20)) + squeezer.flush(zlib.Z_FULL_FLUSH)
    yield Hostile("deflated 400 MB", head + 400 * mebibyte + squeezer.flush(), uid, syntax=DEFLATED)
    yield Hostile("no UIDs at all", _explicit(0x08, 0x60, b"CS", b"CT"), uid)
