"""The site's own secret: one access token per data directory, and the signatures that are made with it.

The token is made at the first start and kept in a file that only its owner can read. Machines send it as a bearer;
a browser exchanges it once for a session. Everything is compared in constant time.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from dicom_scp.directories import make_directory
from gateway.private_files import made_once
from triage.errors import ConfigError

FILE_NAME = "access-token"
OTHERS = 0o077
"""Permission bits that would let somebody else read the token."""

TOKEN_BYTES = 32
SHORTEST_TOKEN = 20
"""Characters; a shorter one was written by hand or cut off."""


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
                made_once(path, f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode())
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

    def seal(self, purpose: bytes, text: str) -> str:
        """A signature of `text` that only this site can make, of no use for another purpose."""
        key = hmac.digest(self.token.encode(), purpose, hashlib.sha256)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
