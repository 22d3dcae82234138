"""A key outside the database, for the few secrets that must be read again: seeds of one-time codes.

Whoever gets a copy of the database alone has no second factor of anybody. The key is a file of the data directory that only
its owner can read, made at first use; several machines share it as they share the access token.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken

from dicom_scp.directories import make_directory
from gateway.access import OTHERS
from gateway.private_files import made_once
from triage.errors import ConfigError

FILE_NAME = "identity-key"


@dataclass(frozen=True, slots=True)
class Vault:
    """Enciphers and deciphers with the site's key (Fernet: AES-128-CBC with HMAC-SHA-256)."""

    key: bytes = field(repr=False)

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """Read the key, making one at first use.

        Raises
        ------
        ConfigError
            The file cannot be used, or others can read it.
        """
        path = data_dir / FILE_NAME
        try:
            make_directory(data_dir)
            if not path.exists():
                made_once(path, Fernet.generate_key() + b"\n")
            if path.stat().st_mode & OTHERS:
                raise ConfigError(f"{path} can be read by others: run `chmod 600` on it")
            key = path.read_bytes().strip()
            Fernet(key)
        except (OSError, ValueError) as exc:
            raise ConfigError(
                f"{path}: the key of the one-time codes cannot be read ({type(exc).__name__})"
            ) from exc
        return cls(key)

    def close(self, plain: bytes) -> bytes:
        """Encipher.

        >>> vault = Vault(Fernet.generate_key())
        >>> vault.unlock(vault.close(b"seed"))
        b'seed'
        """
        return Fernet(self.key).encrypt(plain)

    def unlock(self, closed: bytes) -> bytes:
        """Decipher.

        Raises
        ------
        ConfigError
            It was enciphered with another key: the file was replaced.
        """
        try:
            return Fernet(self.key).decrypt(closed)
        except InvalidToken as exc:
            raise ConfigError(
                f"{FILE_NAME} is another than the one that enciphered the one-time codes"
            ) from exc
