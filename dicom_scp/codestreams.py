"""What a compressed image claims to be, read from its first bytes, so that no decoder allocates for a lie."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom import uid

from triage.errors import InputError

_SOF_LOSSLESS, _SOF_LS, _SOS = 0xFFC3, 0xFFF7, 0xFFDA
_SOFS = frozenset({*range(0xFFC0, 0xFFD0), _SOF_LS}) - {0xFFC4, 0xFFC8, 0xFFCC}
_SIZ, _COD, _SOT = 0xFF51, 0xFF52, 0xFF90
_LENGTH = struct.Struct(">HH")

LONGEST_HEADER_BYTES = 65_536
"""Markers are looked for so far; the headers of real codestreams take a hundred bytes."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a codestream says of itself."""

    rows: int
    columns: int
    components: int
    bits: int
    is_lossless: bool


def claim_of_jpeg(raw: bytes) -> Claim | None:
    """Claim of a JPEG (ITU-T T.81) or JPEG-LS (T.87) image; None if there is none."""
    claim = None
    for marker, body in _segments(raw):
        if marker in _SOFS and len(body) >= 6:
            bits, rows, columns, components = struct.unpack_from(">BHHB", body)
            claim = Claim(rows, columns, components, bits, marker in {_SOF_LOSSLESS, _SOF_LS})
        if marker == _SOS and claim is not None and len(body) >= 3:
            # NEAR of a JPEG-LS scan, point transform of a lossless JPEG scan: both throw bits away.
            exact = body[-3] == 0 if claim.is_lossless and _is_ls(raw) else body[-1] & 0x0F == 0
            return Claim(claim.rows, claim.columns, claim.components, claim.bits, claim.is_lossless and exact)
    return None


def _is_ls(raw: bytes) -> bool:
    return any(marker == _SOF_LS for marker, _ in _segments(raw))


def claim_of_jpeg_2000(raw: bytes) -> Claim | None:
    """Claim of a JPEG 2000 codestream (ITU-T T.800), high-throughput or not; None if there is none."""
    size, reversible = None, False
    for marker, body in _segments(raw):
        if marker == _SIZ and len(body) >= 39 - 2:
            right, bottom, left, top = struct.unpack_from(">4I", body, 2)
            components, depth = struct.unpack_from(">HB", body, 34)
            size = (bottom - top, right - left, components, (depth & 0x7F) + 1)
        if marker == _COD and len(body) >= 10:
            reversible = body[9] == 1
        if marker == _SOT:
            break
    return Claim(*size, reversible) if size else None


def _segments(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers with their parameters, up to where entropy-coded data begin."""
    offset, end = 2, min(len(raw), LONGEST_HEADER_BYTES)
    while offset + 4 <= end:
        marker, length = _LENGTH.unpack_from(raw, offset)
        if marker < 0xFF00 or length < 2:
            return
        yield marker, raw[offset + 4 : offset + 2 + length]
        if marker in {_SOS, _SOT}:
            return
        offset += 2 + length


CLAIMS: dict[str, Callable[[bytes], Claim | None]] = {
    uid.JPEGLosslessSV1: claim_of_jpeg,
    uid.JPEGLossless: claim_of_jpeg,
    uid.JPEGLSLossless: claim_of_jpeg,
    uid.JPEG2000Lossless: claim_of_jpeg_2000,
    uid.HTJ2KLossless: claim_of_jpeg_2000,
    uid.HTJ2KLosslessRPCL: claim_of_jpeg_2000,
}
"""How to read the claim of each transfer syntax; run-length encoding makes none."""


def require_honest(raw: bytes, transfer_syntax_uid: str, rows: int, columns: int) -> None:
    """Check one compressed frame before it is decoded.

    Raises
    ------
    InputError
        If it is not one grey image of these rows and columns, or was compressed with loss.
    """
    if transfer_syntax_uid not in CLAIMS:
        return
    claim = CLAIMS[transfer_syntax_uid](raw)
    if claim is None:
        raise InputError("the pixel data of an image cannot be decoded: no compressed image in them")
    if (claim.rows, claim.columns, claim.components) != (rows, columns, 1):
        raise InputError(
            "the pixel data of an image do not fit its rows and columns: the compressed image is another"
        )
    if not claim.is_lossless:
        raise InputError("the pixel data of an image were compressed with loss: send the original images")
