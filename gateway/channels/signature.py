"""The signature of a webhook: who sent it, when, that it is whole, and that it comes once.

What is signed are the lines ``timestamp``, ``nonce`` and ``key``, each with a line feed, and then the body. A timestamp that is
too far off, or a nonce that came before, is a replay. A repeat of ours has a new nonce and the same key.

References
----------
RFC 2104 (HMAC). The ``Idempotency-Key`` header follows the IETF HTTPAPI draft of that name.
"""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Mapping
from urllib.parse import quote

from triage.errors import InputError

TIMESTAMP_HEADER = "X-Stroke-Gateway-Timestamp"
NONCE_HEADER = "X-Stroke-Gateway-Nonce"
SIGNATURE_HEADER = "X-Stroke-Gateway-Signature"
KEY_HEADER = "Idempotency-Key"

SCHEME = "v2="
"""Before the signature: which lines are signed."""

WINDOW_S = 300
"""How far two clocks may be apart; nonces need not be remembered longer."""

NONCE_BYTES = 16


def signed(secret: str, key: str, body: bytes, now_s: float) -> dict[str, str]:
    """Headers that go with a body; `key` names what is sent, and is the same at every repeat."""
    timestamp, nonce, name = str(int(now_s)), secrets.token_hex(NONCE_BYTES), header_text(key)
    return {
        TIMESTAMP_HEADER: timestamp,
        NONCE_HEADER: nonce,
        KEY_HEADER: name,
        SIGNATURE_HEADER: f"{SCHEME}{sign(secret, timestamp, nonce, name, body)}",
    }


def sign(secret: str, timestamp: str, nonce: str, key: str, body: bytes) -> str:
    """HMAC-SHA256 as hex; no header holds a line feed, so that nothing can move from one line to another."""
    lines = f"{timestamp}\n{nonce}\n{key}\n".encode()
    return hmac.new(secret.encode(), lines + body, hashlib.sha256).hexdigest()


class Seen:
    """Nonces of the last minutes; for one receiving process."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def is_new(self, nonce: str, now_s: float) -> bool:
        """Whether a nonce comes for the first time; it is remembered as long as its timestamp would be taken."""
        with self._lock:
            for old in [name for name, until in self._until.items() if until < now_s]:
                del self._until[old]
            if nonce in self._until:
                return False
            self._until[nonce] = now_s + 2 * WINDOW_S
            return True


def verify(secret: str, headers: Mapping[str, str], body: bytes, now_s: float, seen: Seen) -> str:
    """What a receiver does; returns the key, by which a repeat is known.

    Parameters
    ----------
    headers
        As they came; whoever has them in lower case wraps them first.

    Raises
    ------
    InputError
        A header is missing, the signature is not ours, the time is off or the nonce came before.
    """
    missing = [
        name
        for name in (TIMESTAMP_HEADER, NONCE_HEADER, KEY_HEADER, SIGNATURE_HEADER)
        if not headers.get(name)
    ]
    if missing:
        raise InputError(f"webhook without {', '.join(missing)}")
    timestamp, nonce, key = (headers[name] for name in (TIMESTAMP_HEADER, NONCE_HEADER, KEY_HEADER))
    wanted = f"{SCHEME}{sign(secret, timestamp, nonce, key, body)}"
    if not hmac.compare_digest(wanted.encode(), headers[SIGNATURE_HEADER].encode()):
        raise InputError("webhook with a signature of somebody else")
    if not timestamp.isdecimal() or abs(int(timestamp) - now_s) > WINDOW_S:
        raise InputError(f"webhook from more than {WINDOW_S} s away: set the clocks")
    if not seen.is_new(nonce, now_s):
        raise InputError("webhook that came before")
    return key


def header_text(key: str) -> str:
    """Percent-encode what an HTTP header cannot carry.

    >>> header_text("alert:5f2:r1:trực đêm")
    'alert:5f2:r1:tr%E1%BB%B1c%20%C4%91%C3%AAm'
    """
    return quote(key, safe=":/")
