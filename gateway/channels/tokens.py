"""Access tokens that are got with refresh tokens, each of which serves once.

A refresh token is spent when the service answers. Whoever asks holds the lock of the file, and writes the next one down before
the access token is used; a process that dies in between loses it, and a person must get a new one.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from gateway.channels.limit import leash, within
from gateway.private_files import alone, private_folder, replaced
from triage.errors import TemporaryError

RENEWAL_S = 30.0
"""A renewal that has begun is waited for longer than an alert can wait: an answer that nobody hears is a token lost."""


@dataclass(frozen=True, slots=True)
class Token:
    """What a service gave; `until_s` is the end of the access token in seconds since 1970."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    until_s: float


Renew = Callable[[str], Token]


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The file of one account; `first` is the refresh token that a person has put into the settings.

    Another one in the settings counts more than the file, which is how a person mends a lost token.
    """

    path: Path
    first: str = field(repr=False)

    def current(self, renew: Renew, valid_until_s: float) -> str:
        """An access token that lasts at least so long.

        Raises
        ------
        TemporaryError
            The renewal takes longer than whoever asks can wait; it goes on, and the next one has its token.
        """
        kept = self._read()
        if kept is None or kept.until_s < valid_until_s:
            kept = self._renewed(renew, kept)
        return kept.access

    def after(self, refused: str, renew: Renew) -> str:
        """An access token in place of one that was refused; raises as `current`."""
        kept = self._read()
        if kept is None or kept.access == refused:
            kept = self._renewed(renew, kept)
        return kept.access

    def _renewed(self, renew: Renew, known: Token | None) -> Token:
        def once() -> Token:
            private_folder(self.path.parent)
            with alone(self.path.with_suffix(".lock")):
                kept = self._read()
                if kept is not None and kept != known:
                    return kept  # somebody else was faster
                token = renew(kept.refresh if kept else self.first)
                replaced(self.path, json.dumps({**asdict(token), "seed": self._seed()}).encode())
                return token

        token = within(RENEWAL_S, once, "renewal of a token")
        if leash().is_over:
            raise TemporaryError("a token was renewed, which took long: try again")
        return token

    def _read(self) -> Token | None:
        try:
            plain = json.loads(self.path.read_bytes())
            seed = plain.pop("seed")
            return Token(**plain) if seed == self._seed() else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def _seed(self) -> str:
        return hashlib.sha256(self.first.encode()).hexdigest()
