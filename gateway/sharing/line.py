"""The line to a partner: signed requests, and contents that go on from their last byte when it breaks."""

import hashlib
import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import urllib3

from gateway.sharing import protocol
from gateway.sharing.envelope import Envelope
from gateway.sharing.settings import Partner
from gateway.sharing.signature import Ask, sign
from triage.errors import GatewayError, InputError, TemporaryError

CONNECT_S = 10.0
READ_S = 60.0
"""Of silence; a whole content is read and stored before it is answered."""
SLOWEST_BYTES_PER_S = 10_000
"""An answer is waited for as long as the request takes at this rate: systems keep megabytes on their way out."""
BREATH_S = 0.2
"""After a break, until it is asked what arrived: the partner is still writing it down."""
LONGEST_REASON = 300
"""Characters of a partner's own words that are kept."""

TEMPORARY = frozenset({401, 403, 404, 405, 408, 409, 411, 425, 429})
"""Beside 5xx: what passes, or is mended by a person at one of the two ends while everything waits."""


@dataclass(slots=True)
class Traffic:
    """What went over the line: bytes of contents that the partner has, and requests that broke."""

    arrived_bytes: int = 0
    broken: int = 0


@dataclass(slots=True)
class Line:
    """Requests to one partner, one after another on one connection."""

    partner: Partner
    our_name: str
    now: Callable[[], datetime]
    traffic: Traffic = field(default_factory=Traffic)
    _pool: urllib3.PoolManager | None = None
    _is_unsure: bool = True
    """Whether the partner may have more of a content than we know."""
    _content: str = ""
    _offset: int = 0
    """How far the content on its way has come."""

    def close(self) -> None:
        """Hang up."""
        if self._pool:
            self._pool.clear()

    def tell(self, path: str, plain: Mapping[str, Any]) -> None:
        """Bring a message; returns when the partner has it for good.

        Raises
        ------
        TemporaryError
            The partner is away, or cannot take it now.
        InputError
            It refuses for good.
        """
        body = json.dumps(plain, ensure_ascii=False).encode()
        digest = hashlib.sha256(body).hexdigest()
        answer = self._ask(Ask("POST", path, digest), body, {"Content-Type": "application/json"})
        _require(answer, {200, 201})

    def store(self, envelope: Envelope) -> dict[str, str]:
        """Bring objects; returns why each was refused by its SOP instance UID, empty where it was taken.

        Raises like `tell`, and whatever has arrived is not sent again.
        """
        if self._content != envelope.digest:
            self._content, self._offset = envelope.digest, 0
        finished = self._resume(envelope) if self._is_unsure else None
        while finished is None:
            begun = self._offset
            try:
                finished = self._piece(envelope)
            except TemporaryError:
                time.sleep(BREATH_S)
                finished = self._resume(envelope)
                if finished is None and self._offset <= begun:
                    raise
        return verdicts(finished)

    def _piece(self, envelope: Envelope) -> dict[str, Any] | None:
        """Bring the next piece; returns the answer to all of it when it was the last one."""
        piece = envelope.read(self._offset, protocol.PIECE_BYTES)
        end = self._offset + len(piece)
        extent = f"bytes {self._offset}-{end - 1}/{envelope.size}"
        headers = {"Content-Type": envelope.content_type, "Content-Range": extent}
        headers["Accept"] = "application/dicom+json"
        answer = self._ask(Ask("POST", protocol.STUDIES, envelope.digest, extent), piece, headers)
        self._went_to(end if answer.status < 300 else self._offset)
        if answer.status == 204:
            return None
        if answer.status == 409 and protocol.FAILED_SEQUENCE in (refused := _plain(answer)):
            return refused
        return _plain(_require(answer, {200, 202}))

    def _resume(self, envelope: Envelope) -> dict[str, Any] | None:
        """Ask how much of a content the partner has, or what it answered to all of it."""
        answer = self._ask(Ask("GET", f"{protocol.UPLOADS}/{envelope.digest}"), None, {})
        found = _plain(_require(answer, {200}))
        self._is_unsure = False
        finished: dict[str, Any] | None = found.get("answer")
        offset = min(int(found.get("offset", 0)), envelope.size)
        self._went_to(envelope.size if finished is not None else offset)
        return finished

    def _went_to(self, offset: int) -> None:
        self.traffic.arrived_bytes += max(0, offset - self._offset)
        self._offset = offset

    def _ask(self, ask: Ask, body: bytes | None, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        moment_s = self.now().timestamp()
        word = sign(ask, self.partner.secret, self.our_name, self.partner.name, moment_s)
        length = len(body or b"")
        named = {"Content-Length": str(length)} if body is not None else {}
        try:
            return self._connected().request(
                ask.method,
                f"{self.partner.url}{ask.path}",
                body=None if body is None else io.BytesIO(body),  # in blocks: a time limit is for each
                headers={**headers, **named, "Authorization": word},
                timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S + length / SLOWEST_BYTES_PER_S),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as exc:
            self._is_unsure = True
            self.traffic.broken += 1
            raise TemporaryError(f"{self.partner.name} does not answer: {type(exc).__name__}") from exc

    def _connected(self) -> urllib3.PoolManager:
        if self._pool is None:
            authorities = self.partner.authorities
            ca_certs = str(authorities) if authorities else None
            self._pool = urllib3.PoolManager(maxsize=1, ca_certs=ca_certs)
        return self._pool


def verdicts(answer: Mapping[str, Any]) -> dict[str, str]:
    """What an answer to STOW-RS says of each object: nothing where it was stored, else the reason.

    >>> verdicts({"00081199": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}]}})
    {'1.2': ''}
    """
    found = {uid: "" for uid, _ in _items(answer, protocol.STORED_SEQUENCE)}
    for uid, code in _items(answer, protocol.FAILED_SEQUENCE):
        found[uid] = f"status {code:04X}, {protocol.FAILURES.get(code, 'refused')}"
    return found


def _items(answer: Mapping[str, Any], tag: str) -> list[tuple[str, int]]:
    return [(_first(item, protocol.SOP_INSTANCE, ""), _first(item, protocol.FAILURE_REASON, 0))
            for item in answer.get(tag, {}).get("Value", [])]  # fmt: skip


def _first(item: Mapping[str, Any], tag: str, otherwise: Any) -> Any:
    return next(iter(item.get(tag, {}).get("Value", [])), otherwise)


def _plain(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    try:
        return dict(json.loads(answer.data))
    except ValueError as exc:
        raise TemporaryError(
            "the partner answers what is no JSON: is another server at its address?"
        ) from exc


def _require(answer: urllib3.BaseHTTPResponse, wanted: set[int]) -> urllib3.BaseHTTPResponse:
    """The answer, if it is one of the wanted."""
    if answer.status in wanted:
        return answer
    passes = answer.status in TEMPORARY or answer.status >= 500 or answer.status < 400
    kind: type[GatewayError] = TemporaryError if passes else InputError
    raise kind(f"HTTP {answer.status}: {_reason(answer)}")


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        said = str(json.loads(answer.data).get("detail", ""))
    except (ValueError, AttributeError):
        said = ""
    return said[:LONGEST_REASON] or "without a reason"
