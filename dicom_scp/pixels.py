"""Pixels of one CT slice, as Hounsfield units."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import uid
from pydicom.pixels import pixel_array

from dicom_scp.elements import UNDEFINED, Element, Elements
from triage.errors import InputError, TemporaryError
from triage.types import Float32

SAMPLES_PER_PIXEL, BITS_ALLOCATED, BITS_STORED, HIGH_BIT = 0x00280002, 0x00280100, 0x00280101, 0x00280102
PIXEL_REPRESENTATION, PADDING, PADDING_LIMIT = 0x00280103, 0x00280120, 0x00280121
INTERCEPT, SLOPE = 0x00281052, 0x00281053
PIXEL_TAGS = frozenset(
    {
        SAMPLES_PER_PIXEL,
        BITS_ALLOCATED,
        BITS_STORED,
        HIGH_BIT,
        PIXEL_REPRESENTATION,
        PADDING,
        PADDING_LIMIT,
        INTERCEPT,
        SLOPE,
    }
)
"""What `PixelFormat` is made from (PS3.3 sections C.7.6.3, C.7.5.1.1.2 and C.11.1)."""

AIR_HU = -1000.0
"""Hounsfield's definition of air; stands where the scanner padded the image outside its field of view."""

PLAIN = frozenset({uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian})
ENCODED = frozenset(
    {
        uid.RLELossless,
        uid.JPEGLosslessSV1,
        uid.JPEGLossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
    }
)
"""Lossless transfer syntaxes that are decoded; lossy images are no measurement."""

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


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How 16-bit stored values become Hounsfield units, and where they lie in their file."""

    offset: int
    length: int
    transfer_syntax_uid: str
    bits_stored: int
    signed: bool
    padding: tuple[int, int] | None
    slope: float
    intercept: float

    @classmethod
    def of(cls, elements: Elements) -> "PixelFormat":
        """Interpret walked elements.

        Raises
        ------
        InputError
            If these are not the 16-bit grey pixels of a CT image with a rescale slope and intercept.
        """
        pixels = elements.pixels
        if pixels is None or pixels.tag != 0x7FE00010:
            raise InputError("an image has no pixel data")
        if elements.transfer_syntax_uid not in PLAIN | ENCODED:
            raise InputError(f"transfer syntax {elements.transfer_syntax_uid} is not supported")
        slope, intercept = elements.number(SLOPE), elements.number(INTERCEPT)
        if not slope or intercept is None:
            raise InputError("an image has no rescale slope and intercept, so no Hounsfield units")
        signed = elements.unsigned(PIXEL_REPRESENTATION) == 1
        bits_stored = _bits_stored(elements)
        padding = _padding(elements, signed=signed)
        syntax = elements.transfer_syntax_uid
        return cls(pixels.offset, _length(pixels), syntax, bits_stored, signed, padding, slope, intercept)

    @property
    def stored_dtype(self) -> np.dtype[np.int16] | np.dtype[np.uint16]:
        """Little-endian type of the stored values."""
        return np.dtype("<i2") if self.signed else np.dtype("<u2")


def _length(pixels: Element) -> int:
    return 0 if pixels.length == UNDEFINED else pixels.length


def _bits_stored(elements: Elements) -> int:
    samples, allocated = elements.unsigned(SAMPLES_PER_PIXEL), elements.unsigned(BITS_ALLOCATED)
    stored, high = elements.unsigned(BITS_STORED), elements.unsigned(HIGH_BIT)
    if samples != 1 or allocated != 16 or stored is None or not 1 <= stored <= 16 or high != stored - 1:
        raise InputError("an image is not 16-bit grey")
    return stored


def _padding(elements: Elements, *, signed: bool) -> tuple[int, int] | None:
    """Range of stored values that mean "outside the field of view" (PS3.3 section C.7.5.1.1.2)."""
    raw = [
        elements.values[tag] for tag in (PADDING, PADDING_LIMIT) if len(elements.values.get(tag, b"")) == 2
    ]
    ends = sorted(int.from_bytes(value, "little", signed=signed) for value in raw)
    return (ends[0], ends[-1]) if ends and len(elements.values.get(PADDING, b"")) == 2 else None


def read_hu(path: Path, pixel_format: PixelFormat, out: Float32) -> None:
    """Read the pixels of one file into `out`, float32 ``(Y, X)``.

    Raises
    ------
    InputError
        If the pixels do not fill the image, or cannot be decoded.
    TemporaryError
        If the file cannot be read.
    """
    plain = pixel_format.transfer_syntax_uid in PLAIN
    stored = _read_plain(path, pixel_format, out.shape) if plain else _decode(path, pixel_format, out.shape)
    _to_hu(stored, pixel_format, out)


def _read_plain(path: Path, pixel_format: PixelFormat, shape: tuple[int, ...]) -> NDArray[np.integer]:
    stored = np.empty(shape, dtype=pixel_format.stored_dtype)
    if pixel_format.length - stored.nbytes not in {0, 1}:
        raise InputError("the pixel data of an image do not fit its rows and columns")
    try:
        with path.open("rb", buffering=0) as stream:
            count = os.preadv(stream.fileno(), [stored.data.cast("B")], pixel_format.offset)
    except OSError as exc:
        raise TemporaryError(f"cannot read a stored instance: {exc.strerror}") from exc
    if count != stored.nbytes:
        raise InputError("the pixel data of an image are cut short")
    return stored


def _decode(path: Path, pixel_format: PixelFormat, shape: tuple[int, ...]) -> NDArray[np.integer]:
    try:
        stored = pixel_array(path, raw=True)
    except DECODER_FAULTS as exc:
        raise InputError(f"the pixel data of an image cannot be decoded: {type(exc).__name__}") from exc
    if stored.shape != shape:
        raise InputError("the pixel data of an image do not fit its rows and columns")
    values: NDArray[np.integer] = stored.astype(pixel_format.stored_dtype)
    return values


def _to_hu(stored: NDArray[np.integer], pixel_format: PixelFormat, out: Float32) -> None:
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
    np.multiply(stored, np.float32(pixel_format.slope), out=out)
    np.add(out, np.float32(pixel_format.intercept), out=out)
    if padded is not None:
        out[padded] = AIR_HU
