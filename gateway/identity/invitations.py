"""The word in an alert's link: it names one call, its beginning and its end, and only this site can have made it.

Nothing is stored for it until it is taken back. It ends with its time, with the call, with the person who was called, when
the links of its case or person are revoked, or with the site's token.
"""

import hmac
import time
from dataclasses import dataclass

from gateway.access import Access

PURPOSE = b"stroke-gateway invitation 1"
"""Separates these signatures from all others."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A call whose case may be opened until a moment; seconds since the epoch."""

    call_id: str
    made_s: int
    expires_s: int


def invite(access: Access, call_id: str, expires_s: float, now_s: float | None = None) -> str:
    """A word that opens the case of a call until a moment (seconds since the epoch).

    >>> access = Access("correct horse battery staple")
    >>> word = invite(access, "c1", 100, now_s=50)
    >>> opened(word, access, now_s=99), opened(word, access, now_s=101)
    ('c1', None)
    """
    made_s = int(time.time() if now_s is None else now_s)
    text = f"{int(expires_s)}.{made_s}.{call_id}"
    return f"{access.seal(PURPOSE, text)}.{text}"


def opened(word: str, access: Access, now_s: float | None = None) -> str | None:
    """The call that `word` names; None when it was not made here, was changed, or has expired."""
    found = read(word, access)
    now = time.time() if now_s is None else now_s
    return found.call_id if found and found.expires_s > now else None


def read(word: str, access: Access) -> Invitation | None:
    """What a word says that was made here, whether it is over or not; None for any other."""
    signature, _, text = word.partition(".")
    if not hmac.compare_digest(signature.encode(), access.seal(PURPOSE, text).encode()):
        return None
    expires, made, call_id = text.split(".", 2)
    return Invitation(call_id, int(made), int(expires))
