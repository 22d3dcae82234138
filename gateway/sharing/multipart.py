"""The DICOM files within a STOW-RS content, found without copying them (RFC 2046 section 5.1, RFC 2387)."""

import re
from collections.abc import Iterator
from mmap import mmap

from triage.errors import InputError

MOST_PARTS = 10_000
LONGEST_HEAD_BYTES = 4096
"""Of the header lines of a part; two lines are usual."""

LINE_END = b"\r\n"

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))')


def boundary_of(content_type: str) -> bytes:
    """The boundary that a media type names.

    Raises
    ------
    InputError
        It is not multipart/related of DICOM objects.

    Examples
    --------
    >>> boundary_of('multipart/related; type="application/dicom"; boundary=abc')
    b'abc'
    """
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/related") or "application/dicom" not in content_type:
        found = None
    if found is None or not (found[1] or found[2]).isascii():
        raise InputError('send multipart/related; type="application/dicom" with a boundary')
    return (found[1] or found[2]).encode()


def parts_of(content: mmap, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Where each file begins and ends.

    Raises
    ------
    InputError
        The content is not what its boundary says.
    """
    delimiter = b"--" + boundary
    position = len(LINE_END) if content[: len(LINE_END)] == LINE_END else 0  # as viewers begin
    if content[position : position + len(delimiter)] != delimiter:
        raise InputError("the content does not begin with its boundary")
    for _ in range(MOST_PARTS):
        position += len(delimiter)
        if content[position : position + 2] == b"--":
            return
        head_end = content.find(b"\r\n\r\n", position, position + LONGEST_HEAD_BYTES)
        end = content.find(b"\r\n" + delimiter, max(head_end, position))
        if head_end < 0 or end < 0:
            raise InputError("the content ends within a part")
        yield head_end + 4, max(end, head_end + 4)
        position = end + 2
    raise InputError(f"the content has more than {MOST_PARTS} parts")
