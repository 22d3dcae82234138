"""Signed requests between gateways that share a secret: who asks, what, when, and only once.

The signature covers method, address, both names, time, a nonce, the SHA-256 of the whole content and which part of it this
request brings. So a request cannot be changed, sent to another gateway or, with the memory of nonces, sent again.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from gateway.sharing.settings import Partner, Sharing
from triage.errors import InputError

SCHEME = "StrokeGateway-HMAC-SHA256"
PURPOSE = b"stroke-gateway exchange 1"
"""Separates these signatures from any other use of the secret."""

TOLERANCE_S = 300
"""Clocks of two hospitals may differ by so much; nonces are remembered for twice as long."""

NOTHING = hashlib.sha256(b"").hexdigest()
"""Digest of a request without content."""

_HEADER = re.compile(
    rf"{SCHEME} from=([a-z0-9-]{{1,40}}), time=([0-9]{{1,12}}), nonce=([0-9a-f]{{32}}), "
    r"content=([0-9a-f]{64}), signature=([0-9a-f]{64})"
)
_NOBODY = secrets.token_hex(32)
"""Stands for the secret of somebody unknown, so that an answer takes as long."""


class NotAdmittedError(InputError):
    """The request is not signed by a partner; the message does not say which of the two is wrong."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is signed of a request; `extent` is its Content-Range, `content` the SHA-256 of all of the content."""

    method: str
    path: str
    content: str = NOTHING
    extent: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a valid signature proves."""

    partner: Partner
    content: str
    nonce: str


def sign(ask: Ask, secret: str, sender: str, receiver: str, now_s: float) -> str:
    """The Authorization header of a request."""
    time, nonce = str(int(now_s)), secrets.token_hex(16)
    seal = _seal(ask, secret, sender, receiver, time, nonce)
    return f"{SCHEME} from={sender}, time={time}, nonce={nonce}, content={ask.content}, signature={seal}"


def check(header: str, method: str, path: str, extent: str, settings: Sharing, now_s: float) -> Claim:
    """Who has signed a request.

    Raises
    ------
    NotAdmittedError
        Nobody we know, or at another time.

    Examples
    --------
    >>> there = Partner(name="upper", url="https://b", secret="0123456789abcdef", may_receive=True)
    >>> here = Sharing(name="lower", partners=(there,))
    >>> word = sign(Ask("POST", "/p"), there.secret, "upper", "lower", 1000)
    >>> check(word, "POST", "/p", "", here, 1010).partner.name
    'upper'
    >>> check(word, "POST", "/other", "", here, 1010)
    Traceback (most recent call last):
    gateway.sharing.signature.NotAdmittedError: the sender is unknown here or the signature is wrong: \
compare sharing.name and the secret on both sides
    """
    found = _HEADER.fullmatch(header)
    name, time, nonce, content, claimed = found.groups() if found else ("", "0", "", "", "")
    partner = settings.partner(name)
    ask = Ask(method, path, content, extent)
    right = _seal(ask, partner.secret if partner else _NOBODY, name, settings.name, time, nonce)
    if not hmac.compare_digest(right, claimed) or partner is None:
        raise NotAdmittedError(
            "the sender is unknown here or the signature is wrong: compare sharing.name and the secret on both sides"
        )
    if abs(now_s - int(time)) > TOLERANCE_S:
        raise NotAdmittedError(
            f"the clocks of the two gateways differ by {abs(now_s - int(time)):.0f} s: set them"
        )
    return Claim(partner, content, nonce)


def _seal(ask: Ask, secret: str, sender: str, receiver: str, time: str, nonce: str) -> str:
    key = hmac.digest(secret.encode(), PURPOSE, hashlib.sha256)
    text = f"{ask.method}\n{ask.path}\n{sender}\n{receiver}\n{time}\n{nonce}\n{ask.extent}\n{ask.content}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
