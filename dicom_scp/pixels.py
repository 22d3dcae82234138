"""Pixels of CT images, as Hounsfield units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydicom import uid

from dicom_scp.elements import UNDEFINED, Element, Elements
from dicom_scp.headers import ImageHeader
from triage.errors import InputError

SAMPLES_PER_PIXEL, BITS_ALLOCATED, BITS_STORED, HIGH_BIT = 0x00280002, 0x00280100, 0x00280101, 0x00280102
PIXEL_REPRESENTATION, PADDING, PADDING_LIMIT = 0x00280103, 0x00280120, 0x00280121
INTERCEPT, SLOPE, LOSSY = 0x00281052, 0x00281053, 0x00282110
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
        LOSSY,
    }
)
"""What `PixelFormat` is made from (PS3.3 sections C.7.6.3, C.7.5.1.1.2 and C.11.1)."""

BYTES_PER_PIXEL = 2

AIR_HU = -1000.0
"""Hounsfield's definition of air; stands where the scanner padded the image outside its field of view."""

PLAIN = frozenset(
    {uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian, uid.DeflatedExplicitVRLittleEndian}
)
ENCODED = frozenset(
    {
        uid.RLELossless,
        uid.JPEGLosslessSV1,
        uid.JPEGLossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
        uid.HTJ2KLossless,
        uid.HTJ2KLosslessRPCL,
    }
)
"""Lossless transfer syntaxes that are decoded."""

WITH_LOSS = frozenset(
    {
        uid.JPEGBaseline8Bit,
        uid.JPEGExtended12Bit,
        uid.JPEGLSNearLossless,
        uid.JPEG2000,
        uid.HTJ2K,
    }
)
"""Transfer syntaxes that may throw information away: their images are no measurement."""


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How 16-bit stored values become Hounsfield units, and where they lie in their file.

    Attributes
    ----------
    start
        Where the dataset begins in the file.
    offset, length
        Of the pixel data of all frames; a length of 0 is told by a delimiter. Within a deflated dataset they count
        inflated bytes.
    frame, frames
        Which of how many, from 0.
    padding
        Lowest and highest stored value that mean "outside the field of view".
    """

    start: int
    offset: int
    length: int
    transfer_syntax_uid: str
    rows: int
    columns: int
    bits_stored: int
    signed: bool
    padding: tuple[int, int] | None
    slope: float
    intercept: float
    frame: int = 0
    frames: int = 1

    @property
    def stored_dtype(self) -> np.dtype[np.int16] | np.dtype[np.uint16]:
        """Little-endian type of the stored values."""
        return np.dtype("<i2") if self.signed else np.dtype("<u2")

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * BYTES_PER_PIXEL


def formats_of(elements: Elements, header: ImageHeader) -> Sequence[PixelFormat]:
    """Interpret walked elements; one format for each of `ImageHeader.images`.

    Raises
    ------
    InputError
        If these are not the 16-bit grey pixels of CT images with a rescale slope and intercept, were compressed with
        loss, or are fewer or more than rows, columns and frames say.
    """
    pixels, syntax = elements.pixels, elements.transfer_syntax_uid
    if pixels is None or pixels.tag != 0x7FE00010:
        raise InputError("an image has no pixel data")
    _require_lossless(elements)
    signed = elements.unsigned(PIXEL_REPRESENTATION) == 1
    first = PixelFormat(
        start=elements.start,
        offset=pixels.offset,
        length=_length(pixels),
        transfer_syntax_uid=syntax,
        rows=header.rows or 0,
        columns=header.columns or 0,
        bits_stored=_bits_stored(elements),
        signed=signed,
        padding=_padding(elements, signed=signed),
        slope=elements.number(SLOPE) or 0.0,
        intercept=_intercept(elements.number(INTERCEPT)),
        frames=header.frames,
    )
    # PS3.5 section 8.1.1: an odd number of bytes is padded; sixteen bits never are, senders do it all the same.
    if syntax in PLAIN and first.length - first.frames * first.frame_bytes not in {0, 1}:
        raise InputError("the pixel data of an image do not fit its rows and columns")
    formats = [first] if not header.in_frames else [_in_frame(first, k, header) for k in range(header.frames)]
    if not all(pixel_format.slope and np.isfinite(pixel_format.intercept) for pixel_format in formats):
        raise InputError("an image has no rescale slope and intercept, so no Hounsfield units")
    return formats


def _in_frame(first: PixelFormat, number: int, header: ImageHeader) -> PixelFormat:
    """PS3.3 section C.7.6.16.2.9, Pixel Value Transformation."""
    frame = header.in_frames[number]
    slope = first.slope if frame.slope is None else frame.slope
    intercept = first.intercept if frame.intercept is None else frame.intercept
    return replace(first, frame=number, slope=slope, intercept=intercept)


def _intercept(given: float | None) -> float:
    return np.nan if given is None else given


def _require_lossless(elements: Elements) -> None:
    syntax = elements.transfer_syntax_uid
    if syntax in WITH_LOSS or elements.text(LOSSY) == "01":
        raise InputError("the images were compressed with loss: send the original images")
    if syntax not in PLAIN | ENCODED:
        raise InputError(f"transfer syntax {syntax} is not supported")


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
