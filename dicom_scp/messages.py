"""Messages out of fragments out of protocol data units (PS3.7 section 6.3, PS3.8 annex E)."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dicom_scp import dimse
from dicom_scp.dimse import Command, Pieces
from dicom_scp.negotiation import Context
from dicom_scp.wire import AbortReason, ConnectionLostError, PduType, ProtocolError, Wire
from triage.errors import TemporaryError

MOST_EMPTY_FRAGMENTS = 16
"""Fragments without content in one message; they would otherwise be free and endless."""

RELEASE_BYTES = 4
"""Length of an A-RELEASE-RQ (PS3.8 table 9-24)."""


class OversizeError(TemporaryError):
    """A message is longer than this listener takes."""


class Fragment(NamedTuple):
    """One presentation data value without its bytes (PS3.8 section 9.3.5.1)."""

    context_id: int
    control: int
    size: int


def send_message(
    wire: Wire, context_id: int, command: bytes, dataset: Pieces | None, peer_maximum: int
) -> None:
    """Send a command set, and the dataset that belongs to it as it comes; raises like `Wire.send`."""
    first = b"".join(dimse.pdus(context_id, command, dimse.COMMAND, peer_maximum))
    for unit in dimse.pdus(context_id, dataset, 0, peer_maximum) if dataset is not None else ():
        wire.send(first + unit)
        first = b""
    if first:
        wire.send(first)


class MessageReader:
    """Reads one association's messages; `pause_s` is the longest pause within a message."""

    def __init__(self, wire: Wire, contexts: Mapping[int, Context], pause_s: float) -> None:
        self._wire = wire
        self._contexts = contexts
        self._pause_s = pause_s
        self._pdu_left = 0

    @property
    def has_news(self) -> bool:
        """Whether something has come in that was not read yet."""
        return bool(self._pdu_left) or self._wire.is_readable

    def next_command(self, patience_s: float) -> tuple[Context, Command] | None:
        """Next command set and its context; None when the peer released (PS3.7 section 6.3.1)."""
        raw, empty = bytearray(), 0
        while True:
            fragment = self._fragment(self._pause_s if raw else patience_s)
            if fragment is None:
                return None
            empty += not fragment.size
            if not fragment.control & dimse.COMMAND or empty > MOST_EMPTY_FRAGMENTS:
                raise ProtocolError("a dataset has no command", AbortReason.UNEXPECTED_PARAMETER)
            if len(raw) + fragment.size > dimse.LARGEST_COMMAND_BYTES:
                raise ProtocolError("a command set is too long", AbortReason.INVALID_PARAMETER)
            raw += self._wire.exactly(fragment.size)
            if fragment.control & dimse.LAST:
                return self._contexts[fragment.context_id], Command.parse(bytes(raw))

    def dataset(self, context: Context, largest_bytes: int) -> Iterator[memoryview]:
        """Pieces of the dataset that follows a command."""
        received = empty = 0
        while True:
            fragment = self._fragment(self._pause_s)
            if fragment is None or fragment.control & dimse.COMMAND:
                raise ProtocolError("a dataset was not finished", AbortReason.UNEXPECTED_PDU)
            received, empty = received + fragment.size, empty + (not fragment.size)
            if fragment.context_id != context.context_id or empty > MOST_EMPTY_FRAGMENTS:
                raise ProtocolError(
                    "a dataset changes its context or is empty", AbortReason.INVALID_PARAMETER
                )
            if received > largest_bytes:
                raise OversizeError("a message is longer than this listener takes")
            yield from self._wire.pieces(fragment.size)
            if fragment.control & dimse.LAST:
                return

    def _fragment(self, patience_s: float) -> Fragment | None:
        """Head of the next fragment; None when the peer releases instead."""
        while not self._pdu_left:
            kind, length = self._wire.next_pdu(patience_s)
            if kind != PduType.P_DATA_TF:
                self._end(kind, length)
                return None
            self._pdu_left = length
        if self._pdu_left < dimse.PDV.size:
            raise ProtocolError("a unit is too short for a fragment", AbortReason.INVALID_PARAMETER)
        length, context_id, control = dimse.PDV.unpack(self._wire.exactly(dimse.PDV.size))
        self._pdu_left -= length + 4
        if length < 2 or self._pdu_left < 0 or context_id not in self._contexts:
            raise ProtocolError("a fragment does not fit its unit or context", AbortReason.INVALID_PARAMETER)
        return Fragment(context_id, control, length - 2)

    def _end(self, kind: int, length: int) -> None:
        """Take any unit other than data: a release is what remains (PS3.8 table 9-10, state 6)."""
        if kind == PduType.ABORT:
            raise ConnectionLostError("the peer aborted")
        if kind != PduType.RELEASE_RQ:
            known = kind in set(PduType)
            reason = AbortReason.UNEXPECTED_PDU if known else AbortReason.UNRECOGNISED_PDU
            raise ProtocolError("a unit does not belong here", reason)
        if length != RELEASE_BYTES:
            raise ProtocolError("a release has a wrong length", AbortReason.INVALID_PARAMETER)
        self._wire.exactly(length)
