"""One-time codes of an authenticator app, and recovery codes for the day on which the phone is gone.

References
----------
RFC 6238 (TOTP): SHA-1, 6 digits, steps of 30 s, as every app knows them; section 5.2 wants each code accepted once.
"""

import hashlib
import io
import secrets
from dataclasses import dataclass, field
from datetime import datetime

import pyotp
import segno

ISSUER = "Stroke gateway"
STEP_S = 30
DRIFT_STEPS = 1
"""A phone's clock may be so many steps off, either way."""
DIGITS = 6

RECOVERY_CODES = 10
RECOVERY_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
"""None that look alike on paper."""
RECOVERY_LENGTH = 12
"""Fifty-nine bits: a plain digest of a code cannot be turned back."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What somebody needs to set an authenticator app up; shown once."""

    seed: str = field(repr=False)
    address: str = field(repr=False)
    """``otpauth://``, which the picture holds."""

    @property
    def picture(self) -> str:
        """The address as a QR code: an SVG element without style, for a page without inline style."""
        drawn = io.BytesIO()
        code = segno.make(self.address, error="m", micro=False)
        code.save(
            drawn,
            kind="svg",
            xmldecl=False,
            svgns=True,
            scale=5,
            border=4,
            dark="#000",
            light="#fff",
            nl=False,
        )
        return drawn.getvalue().decode()

    @property
    def spoken(self) -> str:
        """The seed in groups of four, to be typed."""
        return " ".join(self.seed[i : i + 4] for i in range(0, len(self.seed), 4))


def enrol(login: str) -> Enrolment:
    """A new seed for somebody."""
    seed = pyotp.random_base32()
    return enrolment_of(seed, login)


def enrolment_of(seed: str, login: str) -> Enrolment:
    """What an app needs to know of a seed."""
    return Enrolment(seed, pyotp.TOTP(seed).provisioning_uri(name=login, issuer_name=ISSUER))


def step_of(seed: str, code: str, now: datetime) -> int | None:
    """The time step that a code belongs to, near now; None for a wrong one.

    >>> from datetime import UTC
    >>> step_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "287 082", datetime.fromtimestamp(59, UTC))
    1
    """
    digits = "".join(code.split())
    present, clock = int(now.timestamp()) // STEP_S, pyotp.TOTP(seed)
    if len(digits) != DIGITS or not digits.isascii():
        return None
    near = range(present - DRIFT_STEPS, present + DRIFT_STEPS + 1)
    fitting = [step for step in near if secrets.compare_digest(clock.generate_otp(step), digits)]
    return fitting[-1] if fitting else None


def recovery_codes() -> list[str]:
    """Fresh recovery codes, in groups of four letters."""
    plain = [
        "".join(secrets.choice(RECOVERY_LETTERS) for _ in range(RECOVERY_LENGTH))
        for _ in range(RECOVERY_CODES)
    ]
    return ["-".join(code[i : i + 4] for i in range(0, RECOVERY_LENGTH, 4)) for code in plain]


def recovery_digest(person_id: str, code: str) -> str:
    """What is kept of a recovery code.

    >>> recovery_digest("p", "ABCD-efgh") == recovery_digest("p", "abcdefgh ")
    True
    """
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(f"{person_id}.{letters}".encode()).hexdigest()
