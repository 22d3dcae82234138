"""DIMSE command sets, by struct: always implicit VR little endian, always group 0000 (PS3.7 section 6.3 and annex E)."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from dicom_scp.wire import HEADER, AbortReason, PduType, ProtocolError

LARGEST_COMMAND_BYTES = 1 << 16
"""Command sets beyond this are refused; real ones have some hundred bytes."""

NO_DATASET = 0x0101
HAS_DATASET = 0x0001
RESPONSE = 0x8000
LAST, COMMAND = 0x02, 0x01
"""Bits of the message control header (PS3.8 annex E.2)."""

FRAGMENT_BYTES = 131_066
"""Dataset bytes sent in one fragment at most, whatever the peer could take."""

_ELEMENT = struct.Struct("<HHI")
_US = struct.Struct("<H")
PDV = struct.Struct(">IBB")
"""Head of a fragment: length, context, message control header (PS3.8 table 9-23)."""


class Field(IntEnum):
    """Command fields of requests (PS3.7 table E.1-1)."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_GET = 0x0110
    N_SET = 0x0120
    N_ACTION = 0x0130
    N_CREATE = 0x0140
    N_DELETE = 0x0150
    C_CANCEL = 0x0FFF


class Element(IntEnum):
    """Element numbers of group 0000 (PS3.7 table E.1-1)."""

    AFFECTED_SOP_CLASS_UID = 0x0002
    REQUESTED_SOP_CLASS_UID = 0x0003
    COMMAND_FIELD = 0x0100
    MESSAGE_ID = 0x0110
    RESPONDED_TO = 0x0120
    MOVE_DESTINATION = 0x0600
    PRIORITY = 0x0700
    DATASET_TYPE = 0x0800
    STATUS = 0x0900
    ERROR_COMMENT = 0x0902
    AFFECTED_SOP_INSTANCE_UID = 0x1000
    REQUESTED_SOP_INSTANCE_UID = 0x1001
    EVENT_TYPE_ID = 0x1002
    ACTION_TYPE_ID = 0x1008
    REMAINING = 0x1020
    COMPLETED = 0x1021
    FAILED = 0x1022
    WARNING = 0x1023
    MOVE_ORIGINATOR_AE = 0x1030
    MOVE_ORIGINATOR_ID = 0x1031


def us(value: int) -> bytes:
    """An unsigned short."""
    return _US.pack(value)


def ui(text: str) -> bytes:
    r"""A UID, padded to even length.

    >>> ui("1.2")
    b'1.2\x00'
    """
    return text.encode("ascii") + b"\0" * (len(text) % 2)


@dataclass(frozen=True, slots=True)
class Command:
    """A command set by element number; values are raw."""

    values: Mapping[int, bytes] = field(repr=False)

    @classmethod
    def parse(cls, raw: bytes) -> "Command":
        """Read a command set.

        Raises
        ------
        ProtocolError
            It is no command set.
        """
        values: dict[int, bytes] = {}
        offset = 0
        while offset < len(raw):
            if len(raw) - offset < _ELEMENT.size:
                raise _malformed()
            group, number, length = _ELEMENT.unpack_from(raw, offset)
            offset += _ELEMENT.size + length
            if group or offset > len(raw):
                raise _malformed()
            values[number] = raw[offset - length : offset]
        if Element.COMMAND_FIELD not in values or Element.DATASET_TYPE not in values:
            raise _malformed()
        return cls(values)

    def number(self, element: Element) -> int:
        """An unsigned short, 0 where absent."""
        return int.from_bytes(self.values.get(element, b"")[:2], "little")

    def text(self, element: Element) -> str:
        """A UID or AE title without its padding, empty where absent."""
        return self.values.get(element, b"").strip(b"\0 ").decode("ascii", "replace")

    @property
    def has_dataset(self) -> bool:
        """Whether a dataset follows."""
        return self.number(Element.DATASET_TYPE) != NO_DATASET

    def answered(self, status: int, extra: Mapping[int, bytes], *, has_dataset: bool) -> bytes:
        """Encode the response to this request, echoing the class and instance it names."""
        echoed: dict[int, bytes] = {
            element: self.values[element]
            for element in (Element.AFFECTED_SOP_CLASS_UID, Element.AFFECTED_SOP_INSTANCE_UID)
            if element in self.values
        }
        return encode(
            {
                **echoed,
                Element.COMMAND_FIELD: us(self.number(Element.COMMAND_FIELD) | RESPONSE),
                Element.RESPONDED_TO: us(self.number(Element.MESSAGE_ID)),
                Element.DATASET_TYPE: us(HAS_DATASET if has_dataset else NO_DATASET),
                Element.STATUS: us(status),
                **extra,
            }
        )


def _malformed() -> ProtocolError:
    return ProtocolError("a command set is malformed", AbortReason.INVALID_PARAMETER)


def encode(values: Mapping[int, bytes]) -> bytes:
    """Encode a command set with its group length.

    >>> encode({Element.STATUS: us(0)}).hex()
    '00000000040000000a00000000000009020000000000'
    """
    body = b"".join(_ELEMENT.pack(0, number, len(raw)) + raw for number, raw in sorted(values.items()))
    return _ELEMENT.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


Pieces = bytes | memoryview | Iterable[bytes]
"""A dataset, whole or piece by piece; pieces that come one by one are never held together."""


def pdus(context_id: int, raw: Pieces, control: int, peer_maximum: int) -> Iterator[bytes]:
    """P-DATA-TF units of one command set or dataset, none longer than the peer can take (PS3.8 annex D.1)."""
    step = max(min(peer_maximum - PDV.size, FRAGMENT_BYTES) if peer_maximum else FRAGMENT_BYTES, 1)
    waiting: bytes | memoryview = b""
    for piece in (raw,) if isinstance(raw, bytes | memoryview) else raw:
        for start in range(0, len(piece), step):
            if waiting:
                yield _pdu(context_id, control, waiting)
            waiting = piece[start : start + step]
    yield _pdu(context_id, control | LAST, waiting)


def _pdu(context_id: int, bits: int, fragment: bytes | memoryview) -> bytes:
    length = len(fragment) + 2
    return HEADER.pack(PduType.P_DATA_TF, length + 4) + PDV.pack(length, context_id, bits) + fragment
