"""What the process that plays the phantom's scanner is told."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Self

from gateway.config import Config

LOOPBACK: Mapping[str, str] = {"0.0.0.0": "127.0.0.1", "::": "::1", "localhost": "127.0.0.1"}  # noqa: S104 - what a listener on all addresses is called by
"""By which a listener on all addresses is called."""


def address_of(host: str) -> str:
    """Where a listener of this host is called from the same machine.

    >>> address_of("0.0.0.0"), address_of("10.1.2.3")
    ('127.0.0.1', '10.1.2.3')
    """
    return LOOPBACK.get(host, host)


def addresses_of(host: str) -> tuple[str, ...]:
    """From where we call ourselves, for the listener's rules; a host by name is called from anywhere.

    >>> addresses_of("0.0.0.0"), addresses_of("gateway.hospital")
    (('127.0.0.1',), ())
    """
    try:
        return (str(ip_address(address_of(host))),)
    except ValueError:
        return ()


@dataclass(frozen=True, slots=True)
class PhantomOrder:
    """What to send where; `begun_at` is the scanner's local time, `tls` the three files of the listener or nothing."""

    study_uid: str
    begun_at: str
    called_ae: str
    calling_ae: str
    host: str
    port: int
    tls: tuple[str, str, str] | None = None

    @classmethod
    def to_our_own_door(cls, config: Config, study_uid: str, begun: datetime) -> Self:
        """To the listener of this configuration, by the door without TLS where there is one."""
        dicom, tls = config.dicom, config.dicom.tls
        only_tls = tls is not None and tls.port is None
        files = (str(tls.certificate), str(tls.key), str(tls.authorities)) if tls and only_tls else None
        local = begun.replace(tzinfo=None).isoformat()
        return cls(
            study_uid,
            local,
            dicom.ae_title.strip(),
            config.silence.phantom.ae_title.strip(),
            address_of(dicom.host),
            dicom.port,
            files,
        )

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Inverse of `to_json`."""
        plain = json.loads(text)
        return cls(**{**plain, "tls": tuple(plain["tls"]) if plain["tls"] else None})
