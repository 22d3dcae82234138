"""The table ``[signing]``: whose key seals the reports, and who vouches for it."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from gateway.section import Seconds, Section


class Pkcs11(Section):
    """A key that never leaves its token."""

    module: Path
    """The token's library."""
    token: str
    """Label of the token."""
    pin_file: Path
    """File with the PIN, which nobody else can read."""
    key_label: str
    certificate_label: str = ""
    """Empty: that of the key."""


class Signing(Section):
    """Off by default: then reports say that they are not signed, and nothing waits for a key."""

    pkcs12: Path | None = None
    """File with key and certificate."""
    passphrase_file: Path | None = None
    """File with the passphrase of ``pkcs12``, which nobody else can read; none: it has no passphrase."""
    pkcs11: Pkcs11 | None = None
    """In place of ``pkcs12``."""
    authorities: tuple[Path, ...] = ()
    """PEM files with the certificates of those who vouch for signers and time stamps; also for reports that are verified."""
    crls: tuple[Path, ...] = ()
    """Revocation lists of these authorities, kept fresh by the site; what they say travels inside the report."""
    fetch_revocation: bool = False
    """Whether revocation lists and answers are asked for at the addresses that certificates name."""
    timestamp_url: Annotated[str, Field(pattern=r"^(https?://.+)?$")] = ""
    """A time-stamp authority (RFC 3161); empty: the time is this machine's."""
    timeout_s: Seconds = 5.0
    """How long a time stamp or a revocation answer is waited for."""
    reason: str = (
        "Computed report, sealed by the gateway that made it; research use, not for primary diagnosis"
    )
    """What the seal says of itself."""
    location: str = ""
    """Where it is made."""

    @property
    def enabled(self) -> bool:
        """Whether there is a key."""
        return self.pkcs12 is not None or self.pkcs11 is not None

    @model_validator(mode="after")
    def _has_one_key(self) -> Self:
        if self.pkcs12 and self.pkcs11:
            raise ValueError("give pkcs12 or pkcs11, not both")
        if self.passphrase_file and not self.pkcs12:
            raise ValueError("passphrase_file is of pkcs12, which is missing")
        return self
