"""Passes: words that open one study, to read, for a while. What leaves the hospital carries one in place of the token.

A pass names its study, itself, its beginning and its end, and a signature over all of it. Nothing is stored until somebody
takes a pass back, or all passes of a case. It is made from the site's access token, so a new token ends every pass.
"""

import hmac
import secrets
import time
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.access import Access
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import case_id_of
from gateway.ledger.sessions_words import RevokedKind
from viewer_bridge.viewers.links import checked_uid

PURPOSE = b"stroke-gateway pass 2"
"""Separates these signatures from all others."""

LINK_S = 24 * 3600
"""How long a link that was sent to somebody opens its study: until the next day."""

VISIT_S = 3600
"""How long a browser may look that came by such a link, and a desktop viewer that was started."""

ID_BYTES = 8


@dataclass(frozen=True, slots=True)
class Pass:
    """One study until a moment, in seconds since the epoch; `id` is that of the pass it was made from."""

    study_uid: str
    expires_s: int
    made_s: int = 0
    id: str = ""

    def signed(self, access: Access) -> str:
        """The word that proves it.

        >>> access = Access("correct horse battery staple")
        >>> word = Pass("1.2.3", 100, 50, "7f").signed(access)
        >>> opened(word, access, now_s=99), opened(word, access, now_s=101)
        (Pass(study_uid='1.2.3', expires_s=100, made_s=50, id='7f'), None)
        """
        text = f"{self.expires_s}.{self.made_s}.{self.id}.{self.study_uid}"
        return f"{access.seal(PURPOSE, text)}.{text}"


def issue(study_uid: str, lifetime_s: float, now_s: float | None = None) -> Pass:
    """A pass for `lifetime_s` from now (seconds since the epoch).

    Raises
    ------
    InputError
        The study's UID is none.
    """
    now = time.time() if now_s is None else now_s
    return Pass(checked_uid(study_uid), int(now + lifetime_s), int(now), secrets.token_hex(ID_BYTES))


def opened(word: str, access: Access, now_s: float | None = None) -> Pass | None:
    """The pass that `word` proves; None when it was not made here, was changed, or has expired."""
    signature, _, text = word.partition(".")
    if not hmac.compare_digest(signature.encode(), access.seal(PURPOSE, text).encode()):
        return None
    expires, made, own_id, study_uid = text.split(".", 3)
    found = Pass(study_uid, int(expires), int(made), own_id)
    return found if found.expires_s > (time.time() if now_s is None else now_s) else None


def visit(granted: Pass, now_s: float | None = None) -> Pass:
    """What a browser keeps of a pass: no longer than a visit, never longer than the pass itself, and revoked with it."""
    end = issue(granted.study_uid, VISIT_S, now_s).expires_s
    return replace(granted, expires_s=min(end, granted.expires_s))


def is_revoked(ledger: Ledger, granted: Pass) -> bool:
    """Whether a pass was taken back, by itself or with all of its case."""
    by_itself = (RevokedKind.PASS, granted.id)
    with_all = (RevokedKind.CASE, case_id_of(granted.study_uid))
    found = ledger.words.revoked(by_itself, with_all)
    return by_itself in found or granted.made_s <= found.get(with_all, -1)


def revoke(ledger: Ledger, granted: Pass, now: datetime) -> None:
    """Take one pass back, with the visits that came of it."""
    ledger.words.revoke(RevokedKind.PASS, granted.id, now)
