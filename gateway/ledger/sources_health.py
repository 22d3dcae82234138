"""Health of the channels, and of our clock, as they were last looked at."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, select, update

from gateway.ledger.records import utc_text
from gateway.ledger.sources_tables import clocks, probes
from gateway.ledger.statements import insert_once, put, rows, run


@dataclass(frozen=True, slots=True)
class Probe:
    """One channel: `key` is a digest of its address, `used_by` how many people and levels have it."""

    key: str
    kind: str
    target: str
    used_by: int
    next_at: str
    listed_at: str
    probed_at: str | None = None
    worked_at: str | None = None
    failures: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ClockReference:
    """What one reference said of our clock: its time less ours; None where it said nothing of that kind."""

    reference: str
    said: str
    looked_at: str
    offset_s: float | None = None
    uncertainty_s: float | None = None


class Health:
    """Channels and clocks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list_channels(self, present: Sequence[Probe], now: datetime) -> None:
        """These are all the channels there are; what is known of them stays."""
        for probe in present:
            if not insert_once(self._engine, probes, asdict(probe)):
                kept = {
                    "target": probe.target,
                    "used_by": probe.used_by,
                    "listed_at": utc_text(now),
                }
                run(self._engine, update(probes).where(probes.c.key == probe.key).values(**kept))
        gone = probes.c.key.not_in([probe.key for probe in present])
        run(self._engine, delete(probes).where(gone))

    def channels(self) -> list[Probe]:
        """All channels, the worst first."""
        query = select(probes).order_by(probes.c.failures.desc(), probes.c.kind, probes.c.target)
        return [Probe(**row) for row in rows(self._engine, query)]

    def due(self, now: datetime) -> list[Probe]:
        """Channels whose hour has come, the longest waiting first."""
        query = select(probes).where(probes.c.next_at <= utc_text(now)).order_by(probes.c.next_at)
        return [Probe(**row) for row in rows(self._engine, query)]

    def worked(self, key: str, now: datetime, next_at: datetime) -> None:
        """A probe went well."""
        values = {"probed_at": utc_text(now), "worked_at": utc_text(now), "failures": 0, "reason": None}
        self._probed(key, next_at, values)

    def failed(self, probe: Probe, reason: str, now: datetime, next_at: datetime) -> int:
        """A probe failed; returns how many have in a row."""
        failures = probe.failures + 1
        self._probed(probe.key, next_at, {"probed_at": utc_text(now), "failures": failures, "reason": reason})
        return failures

    def saw_clock(self, look: ClockReference) -> None:
        """What a reference says now."""
        put(self._engine, clocks, [asdict(look)])

    def forget_clocks(self, present: Sequence[str]) -> None:
        """Only these references are asked any more."""
        run(self._engine, delete(clocks).where(clocks.c.reference.not_in(present)))

    def clocks(self) -> list[ClockReference]:
        """What all references said last."""
        return [
            ClockReference(**row) for row in rows(self._engine, select(clocks).order_by(clocks.c.reference))
        ]

    def _probed(self, key: str, next_at: datetime, values: dict[str, object]) -> None:
        statement = update(probes).where(probes.c.key == key)
        run(self._engine, statement.values(**values, next_at=utc_text(next_at)))
