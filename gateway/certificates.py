"""How long the certificates of secure DICOM are valid: told daily while somebody can still renew them in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from dicom_scp.tls import WARNING_TIME, validities
from gateway.config import Config

log = structlog.get_logger()

WARN_EVERY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """One configured file; of several certificates in it, the first that expires."""

    key: str
    """The configuration's."""
    expires_at: datetime | None
    """None when the file cannot be read here."""

    def days_left(self, now: datetime) -> int | None:
        """Whole days until it expires, negative afterwards.

        >>> from datetime import UTC
        >>> Certificate("dicom.tls.certificate", datetime(2026, 3, 1, tzinfo=UTC)).days_left(datetime(2026, 2, 27, tzinfo=UTC))
        2
        """
        return None if self.expires_at is None else (self.expires_at - now).days

    def wants_renewal(self, now: datetime) -> bool:
        """Whether it cannot be read, has expired, or will within the warning time."""
        return self.expires_at is None or self.expires_at - now < WARNING_TIME

    def sentence(self, now: datetime) -> str:
        """What a person should know about it."""
        if self.expires_at is None:
            return f"{self.key} cannot be read here"
        if self.expires_at <= now:
            return f"{self.key} expired on {self.expires_at:%Y-%m-%d}: renew it and restart the listener"
        text = f"{self.key} expires on {self.expires_at:%Y-%m-%d}, in {self.days_left(now)} days"
        return f"{text}: renew it and restart the listener" if self.wants_renewal(now) else text


def certificates_of(config: Config) -> tuple[Certificate, ...]:
    """Our certificates and the authorities that vouch for peers and nodes; none without TLS."""
    tables = {f"pacs.nodes ({node.name}).tls": node.tls for node in config.pacs.nodes}
    return tuple(
        Certificate(f"{name}.{key}", _ends_at(path))
        for name, tls in {"dicom.tls": config.dicom.tls, "orders.tls": config.orders.tls, **tables}.items()
        if tls is not None
        for key, path in (("certificate", tls.certificate), ("authorities", tls.authorities))
        if path is not None
    )


def _ends_at(path: Path) -> datetime | None:
    """When the first certificate of a file expires; None when it cannot be read here."""
    try:
        return min(end for _, end in validities(path.read_text("ascii")))
    except (OSError, ValueError, LookupError):
        return None


class Warner:
    """Warns once a day about every certificate that wants renewal."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._warned_at: datetime | None = None

    def __call__(self, now: datetime) -> None:
        """Look, unless that was done within a day."""
        if self._warned_at is not None and now - self._warned_at < WARN_EVERY:
            return
        self._warned_at = now
        for certificate in certificates_of(self._config):
            if certificate.wants_renewal(now):
                log.warning("a certificate wants renewal", what=certificate.sentence(now))
