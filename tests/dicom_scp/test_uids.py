"""Which texts may serve as identities, and what a sender is told of the others."""

import struct

import pytest

from benchmarks.raw_sender import RawSender
from dicom_scp.arrival import StoreStatus
from dicom_scp.elements import is_uid

ODD_BUT_TAKEN = ["1.02.3", "1.2.826.0.1.007", "1.2.000", "9790.00727170976343643477368009189780409586", "1"]
REFUSED = [
    "......",
    ".1",
    "1.",
    "1..2",
    "",
    ".",
    "1.2.x",
    "1.2 ",
    "1,2",
    "1.-2",
    "\u0661.2",
    "1.2\n",
    "1" * 65,
]


@pytest.mark.parametrize("text", ["1.2.840.10008.1.1", "0.1", "2.25.0", "1." + "2" * 62, *ODD_BUT_TAKEN])
def test_numbers_with_dots_between_them_are_uids(text):
    assert is_uid(text)


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_none(text):
    assert not is_uid(text)


def renamed(dataset: bytes, uid: str) -> bytes:
    begin = dataset.index(struct.pack("<HH2s", 0x08, 0x18, b"UI"))
    value = uid.encode() + b"\0" * (len(uid) % 2)
    behind = begin + 8 + int.from_bytes(dataset[begin + 6 : begin + 8], "little")
    return dataset[: begin + 6] + struct.pack("<H", len(value)) + value + dataset[behind:]


def test_no_image_is_lost_over_a_zero_and_dots_alone_are_no_name(
    ct_slice, write, bytes_of, tmp_path, listening
):
    dataset = bytes_of(write(tmp_path / "a.dcm", ct_slice()))
    with listening() as gateway, RawSender(gateway.listener.port) as peer:
        peer.associate()
        for uid in ODD_BUT_TAKEN:
            assert peer.store(renamed(dataset, uid), uid) == StoreStatus.SUCCESS
        for uid in ("......", "1..2"):
            assert peer.store(renamed(dataset, uid), uid) == StoreStatus.DATASET_MISMATCH
            assert peer.store(renamed(dataset, uid), "1.2.3") == StoreStatus.CANNOT_UNDERSTAND
    assert [arrival.header.sop_instance_uid for arrival in gateway.arrivals] == ODD_BUT_TAKEN
