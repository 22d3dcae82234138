"""Our own clock: what the kernel says of it, what other machines show, and whether somebody has set it."""

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx

STEP_S = 10.0
"""Time services move a clock slowly, or by less; more is somebody's doing."""

STA_UNSYNC, TIME_ERROR = 0x40, 5
"""adjtimex(2): nobody keeps this clock."""

HTTP_RESOLUTION_S = 1.0
"""A Date header has whole seconds, cut off (RFC 9110 section 5.6.7)."""

ASK_S = 4.0
MICROSECONDS = 1e-6
_TIMEX_BYTES = 256
"""More than struct timex takes on any machine."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Whether a time service keeps our clock, and by how much it may be off; None where the system does not tell."""

    is_kept: bool | None
    error_s: float | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """Another machine's time less ours, and how well that is known, in seconds."""

    offset_s: float
    uncertainty_s: float

    def beyond(self, drift_s: float) -> bool:
        """Whether the clocks differ by more, for certain."""
        return abs(self.offset_s) - self.uncertainty_s > drift_s


class _Timex(ctypes.Structure):
    """The beginning of struct timex (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * _TIMEX_BYTES),
    )


def kernel() -> Kernel:
    """Ask the kernel, which nobody has to be let to."""
    buffer = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(buffer))
    except (OSError, AttributeError):
        return Kernel(None)
    if state < 0:
        return Kernel(None)
    kept = state != TIME_ERROR and not buffer.status & STA_UNSYNC
    return Kernel(kept, buffer.maxerror * MICROSECONDS if kept else None)


def by_date(date: str, asked: datetime, answered: datetime) -> Reference | None:
    """What an HTTP Date header shows, asked and answered by our clock; None when it shows nothing.

    >>> at = datetime(2026, 3, 1, 10, 0, 0, tzinfo=UTC)
    >>> by_date("Sun, 01 Mar 2026 10:02:00 GMT", at, at)
    Reference(offset_s=120.5, uncertainty_s=0.5)
    """
    try:
        shown = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    shown = shown if shown.tzinfo else shown.replace(tzinfo=UTC)
    middle = asked + (answered - asked) / 2
    half = HTTP_RESOLUTION_S / 2
    offset_s = (shown - middle).total_seconds() + half
    return Reference(offset_s, half + (answered - asked).total_seconds() / 2)


def ask(url: str) -> Reference | None:
    """Another machine's time by its HTTP server, whatever else it answers; None when it does not."""
    try:
        with httpx.Client(timeout=ASK_S, follow_redirects=False) as client:
            asked = datetime.now(UTC)
            answer = client.head(url)
            answered = datetime.now(UTC)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return by_date(answer.headers.get("Date", ""), asked, answered)


class Clock(Protocol):
    """What is needed to see a step: a clock that may be set, and one that may not."""

    def __call__(self) -> tuple[float, float]:
        """Seconds of both, read together."""


def both_clocks() -> tuple[float, float]:
    """Our clock, and the time since the machine was started, also asleep."""
    return time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)


class StepWatch:
    """Sees when our clock was set, between two looks."""

    def __init__(self, clock: Clock = both_clocks) -> None:
        self._clock = clock
        self._shown, self._passed = clock()

    def step_s(self) -> float:
        """By how much it was set since the last look; 0 for less than `STEP_S`."""
        shown, passed = self._clock()
        step = (shown - self._shown) - (passed - self._passed)
        self._shown, self._passed = shown, passed
        return step if abs(step) > STEP_S else 0.0
