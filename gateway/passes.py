"""Passes: words that open one study, to read, for a while. What leaves the hospital carries one in place of the token.

A pass names its study and its end, and a signature over both; nothing is stored. It is made from the site's access token,
so a new token ends every pass.
"""

import hmac
import time
from dataclasses import dataclass

from gateway.access import Access
from viewer_bridge.viewers.links import checked_uid

PURPOSE = b"stroke-gateway pass 1"
"""Separates these signatures from those of sessions."""

LINK_S = 24 * 3600
"""How long a link that was sent to somebody opens its study: until the next day."""

VISIT_S = 3600
"""How long a browser may look that came by such a link, and a desktop viewer that was started."""


@dataclass(frozen=True, slots=True)
class Pass:
    """One study until a moment, in seconds since the epoch."""

    study_uid: str
    expires_s: int

    def signed(self, access: Access) -> str:
        """The word that proves it.

        >>> access = Access("correct horse battery staple")
        >>> word = Pass("1.2.3", 100).signed(access)
        >>> opened(word, access, now_s=99), opened(word, access, now_s=101)
        (Pass(study_uid='1.2.3', expires_s=100), None)
        """
        text = f"{self.expires_s}.{self.study_uid}"
        return f"{access.seal(PURPOSE, text)}.{text}"


def issue(study_uid: str, lifetime_s: float, now_s: float | None = None) -> Pass:
    """A pass for `lifetime_s` from now (seconds since the epoch).

    Raises
    ------
    InputError
        The study's UID is none.
    """
    return Pass(checked_uid(study_uid), int((time.time() if now_s is None else now_s) + lifetime_s))


def opened(word: str, access: Access, now_s: float | None = None) -> Pass | None:
    """The pass that `word` proves; None when it was not made here, was changed, or has expired."""
    signature, _, text = word.partition(".")
    if not hmac.compare_digest(signature.encode(), access.seal(PURPOSE, text).encode()):
        return None
    expires, _, study_uid = text.partition(".")
    found = Pass(study_uid, int(expires))
    return found if found.expires_s > (time.time() if now_s is None else now_s) else None


def visit(granted: Pass, now_s: float | None = None) -> Pass:
    """What a browser keeps of a pass: no longer than a visit, never longer than the pass itself."""
    short = issue(granted.study_uid, VISIT_S, now_s)
    return short if short.expires_s < granted.expires_s else granted
