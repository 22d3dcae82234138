"""Delivery of HL7 v2 messages over MLLP, with or without TLS: send, wait for the answer, judge it.

One connection is kept open and used again. One that has been silent for long, or that the receiver has closed, is
replaced before a message goes, never after: what may have arrived is for the caller to repeat, under the same control id.

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
import ssl
import time
from dataclasses import dataclass, field
from typing import Self

from triage.errors import InputError, TemporaryError

START, END = b"\x0b", b"\x1c\x0d"

TIMEOUT_S = 10.0
"""Longest wait for connection and answer together."""

LONGEST_SILENCE_S = 60.0
"""A connection that was not used for so long is replaced: firewalls forget silent ones without a word."""

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


class UnreachableError(TemporaryError):
    """The receiver cannot be reached: nothing was sent, and no message is at fault."""


class RefusedError(InputError):
    """The receiver will not take this message, however often it is sent."""

    def __init__(self, receiver: str, acknowledgement: Acknowledgement) -> None:
        super().__init__(f"medical record {receiver} refused the report: {acknowledgement}")
        self.acknowledgement = acknowledgement


class MllpClient:
    """One receiver, and the connection to it that is kept open; for one thread.

    Parameters
    ----------
    timeout_s
        Longest time for one message: connection, sending and answer together.
    encoding
        Letters of the messages, which MSH-18 declares.
    tls
        How to speak TLS; None: nothing is encrypted.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        timeout_s: float = TIMEOUT_S,
        encoding: str = "utf-8",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._timeout_s, self._encoding = timeout_s, encoding
        self._receiver = f"{host}:{port}"
        self._connection: socket.socket | None = None
        self._used_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next message calls again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def reach(self) -> None:
        """Be connected.

        Raises
        ------
        UnreachableError
            The receiver does not take calls, or the two do not trust each other.
        """
        self._reach(time.monotonic() + self._timeout_s)

    def send(self, message: str) -> Acknowledgement:
        """Send `message` and return the receiver's acceptance.

        Raises
        ------
        UnreachableError
            The receiver does not take calls: nothing was sent.
        TemporaryError
            The receiver is silent or busy, or its answer is garbled or belongs to another message.
        RefusedError
            The receiver said no.
        InputError
            The message has no control id, or letters that the encoding cannot carry.
        """
        control_id = _control_id(message)
        block = self._block(message)
        until = time.monotonic() + self._timeout_s
        connection = self._reach(until)
        try:
            answer, rest = _exchange(connection, block, until)
        except OSError as exc:
            self.close()
            raise TemporaryError(f"medical record {self._receiver}: {type(exc).__name__}") from exc
        self._used_at = time.monotonic()
        acknowledgement = _parse(answer.decode(self._encoding, "replace"))
        if rest or acknowledgement is None or acknowledgement.control_id != control_id:
            self.close()  # what comes next on this connection may answer anything
        if acknowledgement is None:
            raise TemporaryError(f"medical record {self._receiver}: the answer is not an acknowledgement")
        return _judge(acknowledgement, control_id, self._receiver)

    def _block(self, message: str) -> bytes:
        try:
            return START + message.encode(self._encoding) + END
        except UnicodeEncodeError as exc:
            raise InputError(
                f"medical record {self._receiver}: {self._encoding} cannot carry the letters of the report"
            ) from exc

    def _reach(self, until: float) -> socket.socket:
        """The connection that is open, or a new one."""
        if self._connection is not None and not self._is_usable(self._connection):
            self.close()
        if self._connection is None:
            try:
                self._connection = self._call(until)
            except OSError as exc:
                raise UnreachableError(f"medical record {self._receiver}: {type(exc).__name__}") from exc
            self._used_at = time.monotonic()
        return self._connection

    def _call(self, until: float) -> socket.socket:
        connection = socket.create_connection((self._host, self._port), _left(until))
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                return connection
            connection.settimeout(_left(until))
            return self._tls.wrap_socket(connection, server_hostname=self._host)
        except BaseException:
            connection.close()
            raise

    def _is_usable(self, connection: socket.socket) -> bool:
        """Whether a kept connection may carry another message: used lately, and nothing came on it, not even its end."""
        if time.monotonic() - self._used_at > LONGEST_SILENCE_S:
            return False
        connection.settimeout(0.0)
        try:
            connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False


def _exchange(connection: socket.socket, block: bytes, until: float) -> tuple[bytes, bytes]:
    """Send one block; the one that comes back, and what came behind it. All before `until`."""
    received = bytearray()
    connection.settimeout(_left(until))
    connection.sendall(block)
    while END not in received:
        connection.settimeout(_left(until))
        chunk = connection.recv(CHUNK_BYTES)
        if not chunk or len(received) > LARGEST_ANSWER_BYTES:
            raise ConnectionAbortedError
        received += chunk
    answer, _, rest = bytes(received).partition(END)
    return answer[answer.find(START) + 1 :], rest


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
