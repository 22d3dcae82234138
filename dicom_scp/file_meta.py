"""File meta information, written by us: what stands before a dataset on disk (PS3.10 section 7.1)."""

import struct
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from dicom_scp.elements import PREAMBLE_BYTES, is_uid
from triage.errors import InputError

IMPLEMENTATION_CLASS_UID = "2.25.47510840375724945889257881913489849809"
"""This software's implementation class UID (PS3.7 annex D.3.3.2), derived from a random UUID (PS3.5 annex B.2)."""

IMPLEMENTATION_VERSION_NAME = "STROKEGW_0_1"


_GROUP_LENGTH_AT = PREAMBLE_BYTES + 12
_PIECE_BYTES = 1 << 20


def dataset_size_if_whole(path: Path) -> int | None:
    """Bytes of the dataset in a file that is named after its digest; None where the content is not what the name says."""
    with path.open("rb") as file:
        beginning = file.read(_GROUP_LENGTH_AT + 4)
        file.seek(len(beginning) + int.from_bytes(beginning[_GROUP_LENGTH_AT:], "little"))
        digest, size_bytes = blake3(), 0
        while piece := file.read(_PIECE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
    return size_bytes if digest.hexdigest() == path.stem else None


@dataclass(frozen=True, slots=True)
class FileMeta:
    """What the file meta information says about a dataset (PS3.10 table 7.1-1).

    Raises
    ------
    InputError
        If one of the UIDs is not a UID.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not is_uid(getattr(self, name)):
                raise InputError(f"{name} is not a valid UID")

    def encode(self) -> bytes:
        """Preamble of zeros, prefix and file meta information, ready to be followed by the dataset."""
        group = b"".join(
            (
                struct.pack("<HH2sHI", 2, 0x01, b"OB", 0, 2) + b"\0\1",
                _element(0x02, b"UI", self.sop_class_uid),
                _element(0x03, b"UI", self.sop_instance_uid),
                _element(0x10, b"UI", self.transfer_syntax_uid),
                _element(0x12, b"UI", IMPLEMENTATION_CLASS_UID),
                _element(0x13, b"SH", IMPLEMENTATION_VERSION_NAME),
            )
        )
        return bytes(PREAMBLE_BYTES) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group


def _element(number: int, vr: bytes, text: str) -> bytes:
    padding = b"\0" if vr == b"UI" else b" "
    value = text.encode("ascii") + padding * (len(text) % 2)
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value
