"""Log lines about refused peers, few enough to be read."""

import threading
import time

import structlog

LOG = structlog.get_logger()

AUDIT_S = 60.0
"""One line per refused address in this time; what else happened is counted."""

MOST_AUDITED = 1_024
"""Addresses remembered for that."""


class Audit:
    """Log lines about refused peers, one per address and minute."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def __call__(self, address: str, calling_ae: str, reason: str) -> None:
        """Note a refusal."""
        now = time.monotonic()
        with self._lock:
            last, more = self._seen.get(address, (-AUDIT_S, 0))
            if now - last < AUDIT_S:
                self._seen[address] = (last, more + 1)
                return
            if len(self._seen) >= MOST_AUDITED:
                self._seen.clear()
            self._seen[address] = (now, 0)
        LOG.warning("association_rejected", reason=reason, address=address, calling_ae=calling_ae, more=more)
