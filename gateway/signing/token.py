"""A key on a token (PKCS#11): imported only where a site has one, since its library is an extra."""

from collections.abc import Iterator
from contextlib import contextmanager

from pkcs11 import PKCS11Error
from pkcs11.exceptions import PinIncorrect, PinInvalid, PinLenRange
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.general import SigningError
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

from gateway.signing.settings import Pkcs11
from triage.errors import ConfigError, TemporaryError


@contextmanager
def session(settings: Pkcs11, pin: str) -> Iterator[PKCS11Signer]:
    """A signer while the session with the token lasts.

    Raises
    ------
    ConfigError
        The token refuses the PIN, or holds no such certificate.
    TemporaryError
        The token is away, or failed.
    """
    criteria = TokenCriteria(label=settings.token)
    try:
        with open_pkcs11_session(str(settings.module), token_criteria=criteria, user_pin=pin) as opened:
            yield _signer(opened, settings)
    except (PinIncorrect, PinInvalid, PinLenRange) as exc:
        raise ConfigError("signing.pkcs11.pin_file: the token refuses this PIN") from exc
    except PKCS11Error as exc:
        kind = type(exc).__name__
        raise TemporaryError(
            f"signing.pkcs11: token {settings.token!r} does not answer ({kind}): plug it in, or start its service"
        ) from exc


def _signer(opened: object, settings: Pkcs11) -> PKCS11Signer:
    label = settings.certificate_label or settings.key_label
    signer = PKCS11Signer(opened, cert_label=label, key_label=settings.key_label)
    try:
        certificate = signer.signing_cert
    except (SigningError, PKCS11Error) as exc:
        raise ConfigError(f"signing.pkcs11: the token holds no certificate {label!r}") from exc
    if certificate is None:
        raise ConfigError(f"signing.pkcs11: the token holds no certificate {label!r}")
    return signer
