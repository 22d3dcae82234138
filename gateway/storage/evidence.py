"""Whether bytes are the ones that were received: in the spool, and in the archive.

The ledger knows the BLAKE3 digest of every dataset. A file is file meta information, which follows from the ledger as well,
and the dataset; the archive keeps files as they were uploaded, so the MD5 it states of one stands for our whole file.
"""

import hashlib
from datetime import timedelta
from enum import StrEnum

from blake3 import blake3

from dicom_scp.elements import PREAMBLE_BYTES
from dicom_scp.file_meta import FileMeta
from gateway.ledger.records import Stored
from triage.errors import InputError
from viewer_bridge.archive.orthanc import Orthanc

FRESH = timedelta(minutes=10)
"""Younger objects still are in memory as they came; older ones are compared with their digest before use."""

DAMAGED = "the stored file is damaged: its digest is not that of what was received"

_GROUP_LENGTH_AT = PREAMBLE_BYTES + 4 + 8
"""Where the length of the file meta information stands, four bytes (PS3.10 table 7.1-1)."""


_PIECE_BYTES = 1 << 20


class Held(StrEnum):
    """What the archive has under an object's UID."""

    SAME = "same"
    MISSING = "missing"
    OTHER = "other"
    DAMAGED = "damaged"


def meta_of(stored: Stored) -> FileMeta:
    """The file meta information that the object's file begins with."""
    return FileMeta(stored.sop_class_uid, stored.sop_instance_uid, stored.transfer_syntax_uid)


def dataset_of(file: bytes) -> memoryview:
    """What follows the file meta information, not copied; empty when there is none."""
    length = int.from_bytes(file[_GROUP_LENGTH_AT : _GROUP_LENGTH_AT + 4], "little")
    begin = (
        _GROUP_LENGTH_AT + 4 + length if file[PREAMBLE_BYTES : PREAMBLE_BYTES + 4] == b"DICM" else len(file)
    )
    return memoryview(file)[begin:]


def is_right_dataset(dataset: bytes | memoryview, stored: Stored) -> bool:
    """Whether these are the bytes that were received."""
    return len(dataset) == stored.size_bytes and blake3(dataset).hexdigest() == stored.digest


def head_of(stored: Stored) -> bytes:
    """What stands before the dataset in the object's file; empty when the ledger cannot say."""
    try:
        return meta_of(stored).encode()
    except InputError:
        return b""


def dataset_in(file: bytes, stored: Stored) -> memoryview | None:
    """The dataset in the object's file, wherever a damaged head says it begins; None when it is not the right one.

    It is a part of `file` and no copy: multi-frame objects have gigabytes.
    """
    begins = (len(file) - len(dataset_of(file)), len(head_of(stored)), len(file) - stored.size_bytes)
    found = (memoryview(file)[max(begin, 0) :] for begin in dict.fromkeys(begins))
    return next((dataset for dataset in found if is_right_dataset(dataset, stored)), None)


def look(orthanc: Orthanc, stored: Stored, file: bytes, *, thoroughly: bool) -> Held:
    """Compare the archive's copy of an object with our file of it.

    The archive's MD5 decides at once; where it says otherwise, or nothing, the archive's file is fetched and its
    dataset compared, since another sender may have put other file meta information before the same image. A thorough
    look lets the archive read its disk again.

    Raises
    ------
    TemporaryError
        The archive is away.
    """
    name = stored.archive_id or orthanc.instance_id(stored.sop_instance_uid)
    md5 = orthanc.md5(name) if name else None
    if md5 is None or not name:
        return Held.MISSING
    if thoroughly and md5 and not orthanc.is_intact(name):
        return Held.DAMAGED
    if md5 == hashlib.md5(file, usedforsecurity=False).hexdigest():
        return Held.SAME
    return Held.SAME if fetch(orthanc, stored) is not None else Held.OTHER


def fetch(orthanc: Orthanc, stored: Stored) -> memoryview | None:
    """The object's dataset from the archive; None when the archive has not got these bytes.

    Raises
    ------
    TemporaryError
        The archive is away.
    """
    try:
        return dataset_in(orthanc.file(stored.sop_instance_uid), stored)
    except InputError:
        return None
