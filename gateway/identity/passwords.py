"""Passwords: argon2id, a policy that is about length, and the same work for a login that nobody has.

References
----------
RFC 9106 for argon2id; OWASP Password Storage Cheat Sheet for its least parameters (19 MiB, 2 passes, 1 lane); NIST SP
800-63B-4 section 3.1.1 for the policy: length before composition, Unicode normalised, nothing that is expected.
"""

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from triage.errors import InputError, TemporaryError

MEMORY_KIB, PASSES, LANES = 32 * 1024, 2, 1
"""About 30 ms of one core; OWASP asks for 19 MiB and 2 passes at least."""

SHORTEST, LONGEST = 12, 256
"""Characters."""
FEWEST_DIFFERENT = 5
"""Different characters; fewer is a key that was held down."""
SHORTEST_NAME_PART = 4
"""Letters of a name that a password may not be made around."""
RUNS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
LONGEST_RUN = 6
EXPECTED = (
    "password",
    "matkhau",
    "motdepasse",
    "stroke",
    "dotquy",
    "benhvien",
    "hospital",
    "welcome",
    "iloveyou",
)
"""What is tried first, here: a password may hold such a word, but not consist of little else."""
LEAST_BESIDE = 6

AT_ONCE = 2
"""Hashes computed at the same time: an analysis beside them keeps its cores."""
MOST_WAITING = 8
LONGEST_WAIT_S = 3.0

_HASHER = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)


@dataclass(slots=True, eq=False)
class Passwords:
    """Hashing of one process; `verifications` counts them, so that a test sees the same work for every login."""

    verifications: int = 0
    _slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _waiting: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(AT_ONCE + MOST_WAITING)
    )
    _nobody: str = ""

    def hashed(self, password: str) -> str:
        """What is kept of a password: parameters, salt and argon2id hash.

        Raises
        ------
        TemporaryError
            Too many hashes are being computed.
        """
        with self._turn():
            return _HASHER.hash(_normal(password))

    def fits(self, password: str, kept: str | None) -> bool:
        """Whether a password is the one that was kept; None costs as much and never fits.

        Raises
        ------
        TemporaryError
            Too many hashes are being computed.
        """
        self._nobody = self._nobody or self.hashed("the hash of nobody's password")
        with self._turn():
            self.verifications += 1
            try:
                return _HASHER.verify(kept or self._nobody, _normal(password)) and kept is not None
            except (Argon2Error, InvalidHashError):
                return False

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than today's."""
        return _HASHER.check_needs_rehash(kept)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A slot; whoever would be one too many is sent away at once, and keeps no thread of the server."""
        if not self._waiting.acquire(blocking=False):
            raise TemporaryError("too many people are logging in at this moment")
        try:
            if not self._slots.acquire(timeout=LONGEST_WAIT_S):
                raise TemporaryError("too many people are logging in at this moment")
            try:
                yield
            finally:
                self._slots.release()
        finally:
            self._waiting.release()


def check(password: str, login: str, name: str) -> None:
    """Refuse a password that would be guessed.

    Raises
    ------
    InputError
        Why, and what to do.

    Examples
    --------
    >>> check("correct horse battery", "le", "Lê Thị Hoa")
    """
    text = _normal(password)
    if not SHORTEST <= len(text) <= LONGEST:
        raise InputError(
            f"a password has {SHORTEST} to {LONGEST} characters: a few words in a row are easiest to keep"
        )
    plain = _plain(text)
    if len(set(plain)) < FEWEST_DIFFERENT:
        raise InputError("this password repeats a few characters: take some words in a row")
    if any(part in plain for part in _parts_of(login, name)):
        raise InputError("this password contains the login or the name: take other words")
    if any(run[i : i + LONGEST_RUN] in plain for run in RUNS for i in range(len(run) - LONGEST_RUN + 1)):
        raise InputError(
            "this password contains a row of neighbouring keys or digits: take some words in a row"
        )
    if any(len(plain.replace(word, "")) < LEAST_BESIDE for word in EXPECTED if word in plain):
        raise InputError("this password is among the first that are tried: take some words in a row")


def _normal(password: str) -> str:
    """The same text however a keyboard composes its letters: Vietnamese has two or three ways."""
    return unicodedata.normalize("NFKC", password)


def _plain(text: str) -> str:
    """Lower case, without accents and spaces."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter) and not letter.isspace())


def _parts_of(login: str, name: str) -> list[str]:
    parts = [_plain(part) for part in (login, *name.split())]
    return [part for part in parts if len(part) >= SHORTEST_NAME_PART]
