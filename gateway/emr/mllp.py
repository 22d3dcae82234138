"""Delivery of one HL7 v2 message over MLLP: send, wait for the answer, judge it.

Whether a negative answer may change by itself is decided by its error condition: a locked record and an internal
error of the receiver pass, everything else is about this message and needs a person. The standard leaves AR and CR
without a condition to the sender's judgement; here they need a person too, because a report that is retried out of
sight looks like one that arrived.

References
----------
HL7 v2.5.1, 2.9.2 (acknowledgement), 2.15.8 (MSA), 2.15.5 (ERR), tables 0008 and 0357.
HL7 Minimal Lower Layer Protocol, release 1.
"""

import re
import socket
import time
from dataclasses import dataclass, field

from triage.errors import InputError, TemporaryError

START, END = b"\x0b", b"\x1c\x0d"

TIMEOUT_S = 10.0
"""Longest wait for connection and answer together."""

LARGEST_ANSWER_BYTES = 1 << 20
"""An acknowledgement is a few hundred bytes; more than this is something else."""

CHUNK_BYTES = 65_536

ACCEPTED = frozenset({"AA", "CA"})
REFUSED = frozenset({"AE", "AR", "CE", "CR"})

CONDITIONS = {
    "100": "segment sequence error",
    "101": "required field missing",
    "102": "data type error",
    "103": "table value not found",
    "200": "unsupported message type",
    "201": "unsupported event code",
    "202": "unsupported processing id",
    "203": "unsupported version id",
    "204": "unknown key identifier",
    "205": "duplicate key identifier",
    "206": "application record locked",
    "207": "application internal error",
}
"""HL7 table 0357."""

PASSING = frozenset({"206", "207"})
"""Conditions of the receiver and not of the message."""

PLACE = re.compile(r"[A-Z][A-Z0-9]{2}(\^\d{1,3}){0,5}")
"""ERR-2: segment, sequence, field and so on; anything else could carry a person into a log."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """An answer: MSA-1 to MSA-3, ERR-3 and ERR-2. `text` is the receiver's own and may name a person."""

    code: str
    control_id: str
    text: str = field(default="", repr=False)
    condition: str = ""
    place: str = ""

    def __str__(self) -> str:
        """What may be logged: code, condition, place.

        >>> str(Acknowledgement("AE", "1", "no such person", "204", "PID^1^3"))
        'AE, unknown key identifier (204) at PID^1^3'
        """
        known = CONDITIONS.get(self.condition)
        condition = f", {known} ({self.condition})" if known else ""
        return self.code + condition + (f" at {self.place}" if self.place else "")


class RefusedError(InputError):
    """The receiver will not take this message, however often it is sent."""

    def __init__(self, receiver: str, acknowledgement: Acknowledgement) -> None:
        super().__init__(f"medical record {receiver} refused the report: {acknowledgement}")
        self.acknowledgement = acknowledgement


def send(
    host: str, port: int, message: str, timeout_s: float = TIMEOUT_S, encoding: str = "utf-8"
) -> Acknowledgement:
    """Send `message` on a connection of its own and return the receiver's acceptance.

    Raises
    ------
    TemporaryError
        The receiver is away, silent or busy, or its answer is garbled or belongs to another message.
    RefusedError
        The receiver said no.
    InputError
        The message has no control id, or letters that `encoding` cannot carry.
    """
    receiver = f"{host}:{port}"
    control_id = _control_id(message)
    try:
        block = START + message.encode(encoding) + END
    except UnicodeEncodeError as exc:
        raise InputError(
            f"medical record {receiver}: {encoding} cannot carry the letters of the report"
        ) from exc
    try:
        answer = _exchange(host, port, block, timeout_s)
    except OSError as exc:
        raise TemporaryError(f"medical record {receiver}: {type(exc).__name__}") from exc
    acknowledgement = _parse(answer.decode(encoding, "replace"))
    if acknowledgement is None:
        raise TemporaryError(f"medical record {receiver}: the answer is not an acknowledgement")
    return _judge(acknowledgement, control_id, receiver)


def _exchange(host: str, port: int, block: bytes, timeout_s: float) -> bytes:
    """Send one block and return the first block that comes back; all within `timeout_s`."""
    until = time.monotonic() + timeout_s
    received = b""
    with socket.create_connection((host, port), timeout_s) as connection:
        connection.settimeout(_left(until))
        connection.sendall(block)
        while END not in received:
            connection.settimeout(_left(until))
            chunk = connection.recv(CHUNK_BYTES)
            if not chunk or len(received) > LARGEST_ANSWER_BYTES:
                raise ConnectionAbortedError
            received += chunk
    return received[received.find(START) + 1 : received.index(END)]


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _judge(acknowledgement: Acknowledgement, control_id: str, receiver: str) -> Acknowledgement:
    if acknowledgement.control_id != control_id:
        raise TemporaryError(f"medical record {receiver}: the answer belongs to another message")
    if acknowledgement.code in ACCEPTED:
        return acknowledgement
    if acknowledgement.condition in PASSING:
        raise TemporaryError(f"medical record {receiver}: {acknowledgement}")
    raise RefusedError(receiver, acknowledgement)


def _parse(answer: str) -> Acknowledgement | None:
    r"""MSA and the first ERR of an answer, as written; None when it is no acknowledgement.

    >>> _parse("MSH|^~\\&|EMR||||1||ACK|9|P|2.5.1\rMSA|AA|17").code
    'AA'
    >>> _parse("HTTP/1.1 400 Bad Request") is None
    True
    """
    lines = re.split(r"[\r\n]+", answer)
    header = lines[0]
    if not header.startswith("MSH") or len(header) < len("MSH|^"):
        return None
    separator = header[3]
    segments = {line[:3]: line.split(separator) + [""] * 9 for line in reversed(lines)}
    if "MSA" not in segments or segments["MSA"][1] not in ACCEPTED | REFUSED:
        return None
    msa, err = segments["MSA"], segments.get("ERR", [""] * 9)
    # Receivers of versions before 2.5 put the condition into MSA-6.
    condition = (err[3] or msa[6]).split(header[4])[0]
    place = err[2].replace(header[4], "^")
    return Acknowledgement(msa[1], msa[2], msa[3], condition, place if PLACE.fullmatch(place) else "")


def _control_id(message: str) -> str:
    fields = message.split("\r", 1)[0].split("|")
    if not message.startswith("MSH|") or len(fields) < 10 or not fields[9]:
        raise InputError("a message without a control id cannot be acknowledged")
    return fields[9]
