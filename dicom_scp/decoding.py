"""Stored pixels of one file into Hounsfield units: read in place, inflated or decompressed, a frame at a time."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from dicom_scp.codestreams import require_honest
from dicom_scp.fragments import frame_parts
from dicom_scp.inflation import Inflated
from dicom_scp.pixels import AIR_HU, ENCODED, PixelFormat
from triage.errors import InputError, TemporaryError
from triage.types import Float32

Stored = NDArray[np.int16] | NDArray[np.uint16]

DECODER_FAULTS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    UserWarning,
    ValueError,
)
"""What decoders raise when the bytes are not what the header says."""

_buffers = threading.local()


def read_hu(path: Path, formats: Sequence[PixelFormat], images: Sequence[Float32]) -> None:
    """Read frames of one file into `images`, float32 ``(Y, X)`` each.

    Raises
    ------
    InputError
        If the pixels do not fill the images, or cannot be decoded.
    TemporaryError
        If the file cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as stream:
            _read_all(stream, formats, images)
    except OSError as exc:
        raise TemporaryError(f"cannot read a stored instance: {exc.strerror}") from exc


def _read_all(stream: BinaryIO, formats: Sequence[PixelFormat], images: Sequence[Float32]) -> None:
    syntax = formats[0].transfer_syntax_uid
    if syntax in ENCODED:
        parts = frame_parts(stream.fileno(), formats[0])
        for pixel_format, image in zip(formats, images, strict=True):
            _to_hu(_decode(stream.fileno(), parts[pixel_format.frame], pixel_format), pixel_format, image)
    elif syntax == uid.DeflatedExplicitVRLittleEndian:
        stream.seek(formats[0].start)
        _read_inflated(Inflated(stream), formats, images)
    else:
        for pixel_format, image in zip(formats, images, strict=True):
            _to_hu(_read_plain(stream.fileno(), pixel_format), pixel_format, image)


def _buffer(pixel_format: PixelFormat) -> Stored:
    """Stored values of one frame; a thread has one buffer, since the first touch of memory costs more than reading."""
    kept = getattr(_buffers, "kept", None)
    if kept is None or kept.nbytes != pixel_format.frame_bytes:
        kept = _buffers.kept = np.empty((pixel_format.rows, pixel_format.columns), dtype="<i2")
    shape = (pixel_format.rows, pixel_format.columns)
    return cast("Stored", kept.reshape(shape).view(pixel_format.stored_dtype))


def _read_plain(descriptor: int, pixel_format: PixelFormat) -> Stored:
    stored = _buffer(pixel_format)
    where = pixel_format.offset + pixel_format.frame * pixel_format.frame_bytes
    if os.preadv(descriptor, [stored.data.cast("B")], where) != stored.nbytes:
        raise InputError("the pixel data of an image are cut short")
    return stored


def _read_inflated(stream: Inflated, formats: Sequence[PixelFormat], images: Sequence[Float32]) -> None:
    """In the order of the file, so that it is inflated once."""
    for k in sorted(range(len(formats)), key=lambda k: formats[k].frame):
        stored = _buffer(formats[k])
        stream.seek(formats[k].offset + formats[k].frame * formats[k].frame_bytes)
        raw = stream.read(stored.nbytes)
        if len(raw) != stored.nbytes:
            raise InputError("the pixel data of an image are cut short")
        stored.data.cast("B")[:] = raw
        _to_hu(stored, formats[k], images[k])


def _decode(descriptor: int, parts: Sequence[tuple[int, int]], pixel_format: PixelFormat) -> Stored:
    raw = b"".join(os.pread(descriptor, length, offset) for offset, length in parts)
    require_honest(raw, pixel_format.transfer_syntax_uid, pixel_format.rows, pixel_format.columns)
    try:
        decoded, _ = get_decoder(uid.UID(pixel_format.transfer_syntax_uid)).as_array(
            encapsulate([raw]),
            index=0,
            raw=True,
            rows=pixel_format.rows,
            columns=pixel_format.columns,
            samples_per_pixel=1,
            photometric_interpretation="MONOCHROME2",
            bits_allocated=16,
            bits_stored=pixel_format.bits_stored,
            pixel_representation=int(pixel_format.signed),
            number_of_frames=1,
            pixel_keyword="PixelData",
        )
    except DECODER_FAULTS as exc:
        raise InputError(f"the pixel data of an image cannot be decoded: {type(exc).__name__}") from exc
    if decoded.shape != (pixel_format.rows, pixel_format.columns):
        raise InputError("the pixel data of an image do not fit its rows and columns")
    return cast("Stored", decoded.astype(pixel_format.stored_dtype))


def _to_hu(stored: Stored, pixel_format: PixelFormat, out: Float32) -> None:
    """Apply padding, stored bits and rescale; `stored` is overwritten."""
    padded = None
    if pixel_format.padding is not None:
        low, high = pixel_format.padding
        padded = (stored >= low) & (stored <= high)
    unused = 16 - pixel_format.bits_stored
    if unused:
        # Bits above the stored ones may carry old overlays; shifting back also extends the sign.
        np.left_shift(stored, unused, out=stored)
        np.right_shift(stored, unused, out=stored)
    out[...] = stored
    if pixel_format.slope != 1:
        np.multiply(out, np.float32(pixel_format.slope), out=out)
    np.add(out, np.float32(pixel_format.intercept), out=out)
    if padded is not None:
        out[padded] = AIR_HU
