"""Who may come in: one access token per data directory, and signed sessions for browsers.

The token is made at the first start and kept in a file that only its owner can read. Machines send it as a bearer;
a browser exchanges it once for a session cookie. Everything is compared in constant time.
"""

import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from dicom_scp.directories import make_directory
from triage.errors import ConfigError

FILE_NAME = "access-token"
OWNER_ONLY = 0o600
OTHERS = 0o077
"""Permission bits that would let somebody else read the token."""

TOKEN_BYTES = 32
SHORTEST_TOKEN = 20
"""Characters; a shorter one was written by hand or cut off."""

SESSION_S = 12 * 3600
"""A shift, after which a forgotten workstation asks again."""

_PURPOSE = b"stroke-gateway session 1"
"""Separates the session key from the token, so that a cookie never helps to find it."""


@dataclass(frozen=True, slots=True)
class Access:
    """The secret of one site and what is derived from it."""

    token: str = field(repr=False)

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """Read the site's token, making one at the first start.

        Raises
        ------
        ConfigError
            The file cannot be used, or others can read it.
        """
        path = data_dir / FILE_NAME
        try:
            make_directory(data_dir)
            if not path.exists():
                _create(path)
            if path.stat().st_mode & OTHERS:
                raise ConfigError(
                    f"{path} can be read by others: run `chmod 600` on it, or delete it for a new one"
                )
            token = path.read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as exc:
            raise ConfigError(f"{path}: the access token cannot be read ({type(exc).__name__})") from exc
        if len(token) < SHORTEST_TOKEN:
            raise ConfigError(f"{path}: the access token is too short; delete the file for a new one")
        return cls(token)

    def accepts(self, token: str) -> bool:
        """Whether this is the site's token.

        >>> Access("correct horse battery staple").accepts("wrong")
        False
        """
        return hmac.compare_digest(token.encode(), self.token.encode())

    def session(self, now_s: float | None = None) -> str:
        """A cookie value that proves a login until `SESSION_S` from now (seconds since the epoch)."""
        expiry = str(int((time.time() if now_s is None else now_s) + SESSION_S))
        return f"{expiry}.{self.seal(_PURPOSE, expiry)}"

    def knows(self, session: str, now_s: float | None = None) -> bool:
        """Whether a cookie value was made by `session` and has not expired.

        >>> access = Access("correct horse battery staple")
        >>> access.knows(access.session(now_s=0), now_s=1), access.knows(access.session(now_s=0), now_s=1e6)
        (True, False)
        """
        expiry, _, signature = session.partition(".")
        genuine = hmac.compare_digest(signature.encode(), self.seal(_PURPOSE, expiry).encode())
        return genuine and int(expiry) > (time.time() if now_s is None else now_s)

    def seal(self, purpose: bytes, text: str) -> str:
        """A signature of `text` that only this site can make, of no use for another purpose."""
        key = hmac.digest(self.token.encode(), purpose, hashlib.sha256)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _create(path: Path) -> None:
    """Write a new token; when two processes start at once, the first one's stands."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(TOKEN_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)
    except FileExistsError:
        return
    finally:
        scratch.unlink()
