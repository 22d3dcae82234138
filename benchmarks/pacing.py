"""Scanners that say when each image was acknowledged: one at its own pace, one as fast as the network goes.

Studies are written once and renewed for every turn: the same pixels under UIDs that nobody has seen.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest import dataset_of
from benchmarks.raw_sender import RawSender
from benchmarks.running import NO_NAGLE
from benchmarks.scanner import Part, Written
from dicom_scp.wire import PduType

STORESCU = "/usr/bin/storescu"
"""dcmtk's own, which tells every acknowledgement and keeps the order of its arguments."""

HEADER_BYTES = 4096
"""All identifiers stand before this; pixels behind it are left alone."""

_DRAWN = re.compile(rb"1\.2\.826\.0\.1\.3680043\.8\.498\.(\d{30,38})")
"""pydicom's root and a drawn number; the UIDs of pydicom itself are shorter."""
TURN_DIGITS = 7

SENDER_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class Image:
    """One image as it goes over the wire."""

    uid: str
    path: Path
    part: Part

    @property
    def dataset(self) -> bytes:
        """The file's dataset."""
        return dataset_of(self.path)


@dataclass(frozen=True, slots=True)
class Turn:
    """One sending of a study: its new identity and its images in the order in which they are reconstructed."""

    study_uid: str
    images: tuple[Image, ...]

    @property
    def last_perfusion(self) -> Image:
        """After this image the clock runs."""
        return [image for image in self.images if image.part is Part.PERFUSION][-1]

    def remove(self) -> None:
        """Delete the files: they are as large as what the gateway keeps."""
        shutil.rmtree(self.images[0].path.parent)


def renewed(text: bytes, turn: int) -> bytes:
    """Give all drawn UIDs in `text` the number of this turn; their length stays.

    >>> renewed(b"1.2.826.0.1.3680043.8.498.11111111222222223333333344444444", 5)
    b'1.2.826.0.1.3680043.8.498.90000005222222223333333344444444'
    """
    fresh = b"9%0*d" % (TURN_DIGITS, turn)
    return _DRAWN.sub(lambda found: found[0].replace(found[1], fresh + found[1][len(fresh) :]), text)


def take_turn(written: Written, folder: Path, turn: int) -> Turn:
    """Write a study anew into a folder of its own below `folder`: scout, still images, angiography, and the perfusion series last."""
    target = folder / str(turn)
    target.mkdir(parents=True)
    order = sorted(written.files, key=lambda part: part is Part.PERFUSION)
    images = tuple(
        _renew(path, target / f"{part}{number:05d}.dcm", part, turn)
        for part in order
        for number, path in enumerate(written.files[part])
    )
    return Turn(renewed(written.study_uid.encode(), turn).decode(), images)


def _renew(source: Path, target: Path, part: Part, turn: int) -> Image:
    content = source.read_bytes()
    head = renewed(content[:HEADER_BYTES], turn)
    target.write_bytes(head + content[HEADER_BYTES:])
    # Media Storage SOP Instance UID (0002,0003), UI, explicit VR little endian as all file meta information
    at = head.index(b"\x02\x00\x03\x00UI") + 8
    uid = head[at : at + int.from_bytes(head[at - 2 : at], "little")].rstrip(b"\0").decode()
    return Image(uid, target, part)


def send_paced(port: int, images: Sequence[Image], per_s: float) -> float:
    """Send over one association, image by image as they are reconstructed; returns when the last was acknowledged.

    Raises
    ------
    ConnectionError
        The association or an image was refused.
    """
    with RawSender(port) as sender:
        if sender.associate() != PduType.ASSOCIATE_AC:
            raise ConnectionError("the association was refused")
        began = time.monotonic()
        acknowledged_at = 0.0
        for number, image in enumerate(images):
            time.sleep(max(0.0, began + number / per_s - time.monotonic()))
            if sender.store(image.dataset, image.uid):
                raise ConnectionError("an image was refused")
            acknowledged_at = time.time()
        sender.release()
    return acknowledged_at


def send_fast(port: int, images: Sequence[Image], called: str = "STROKEGW") -> float:
    """Send with dcmtk's storescu; returns when the last image was acknowledged.

    Raises
    ------
    ConnectionError
        Not every image was acknowledged.
    """
    command = [STORESCU, "-v", "-aec", called, "127.0.0.1", str(port), *(str(image.path) for image in images)]
    acknowledged, at = 0, 0.0
    with subprocess.Popen(
        command, env={**os.environ, **NO_NAGLE}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as sender:
        for line in sender.stdout or ():
            if "Received Store Response (Success)" in line:
                acknowledged, at = acknowledged + 1, time.time()
    if acknowledged != len(images):
        raise ConnectionError(f"storescu: {acknowledged} of {len(images)} images were acknowledged")
    return at
