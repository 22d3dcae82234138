"""Looks at every scanner: what it has sent, whether it has been silent too long, whether its clock is right."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.ledger.sources import BATCH
from gateway.ledger.troubles import TroubleKind
from gateway.silence import scanner_clock
from gateway.silence.rhythm import LEVEL_VISITS, Rhythm, learned
from gateway.silence.scanner_clock import ClockLook, span_words
from gateway.silence.scanners import ScannerLook, common_offset_s, look_at, silence_words, visits_of

HISTORY = timedelta(days=56)
"""What is learned from, back from the last image: a season is longer, a change of the ward's habits not much."""

LEARN_EVERY = timedelta(hours=6)
BATCHES_A_TURN = 10
"""A ledger that is old when this begins is counted in the background, 50,000 arrivals a turn."""

LATEST = timedelta(days=14)
"""Far enough back for the visits just before a silence and for a clock."""

SCANNERS = "scanners"
"""The subject of what all scanners show of our own clock."""


class ScannerWatch:
    """Remembers what was learned, so that every look is cheap."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._settings = config.silence
        self._phantom_ae = config.silence.phantom.ae_title.strip()
        self._ledger = ledger
        self._zone = ZoneInfo(config.site.time_zone)
        self._rhythms: dict[str, tuple[datetime, Rhythm | None]] = {}

    def tally(self) -> None:
        """Count what has arrived since the last turn."""
        lag_of = partial(_lag_of, self._zone)
        for _ in range(BATCHES_A_TURN):
            if self._ledger.sources.tally(lag_of) < BATCH:
                break

    def look(self, now: datetime) -> list[ScannerLook]:
        """Every scanner as it is now, those first that want a person."""
        unexpected = {
            *self._ledger.sources.unexpected(),
            *(title.strip() for title in self._settings.scanners_ignored),
        }
        known = self._ledger.sources.all()
        looks = [
            replace(self._look_at(name, last, now), is_expected=name not in unexpected)
            for name, (_, last, _) in known.items()
            if name != self._phantom_ae
        ]
        return sorted(looks, key=lambda look: (not wants(look), not look.is_expected, look.name))

    def forget(self) -> None:
        """Delete what nothing is learned from any more."""
        for name, (_, last, _) in self._ledger.sources.all().items():
            self._ledger.sources.forget(name, last - HISTORY)

    def turn(self, now: datetime) -> None:
        """Open and close troubles."""
        looks = self.look(now)
        expected = [look for look in looks if look.is_expected]
        silent = [look for look in expected if look.is_silent]
        words = {look.name: silence_words(look, now, len(silent), len(expected)) for look in silent}
        self._settle(TroubleKind.SCANNER_SILENT, words, looks, now, "it sends images again")
        self._settle_clocks({look.name: look.clock for look in expected}, looks, now)

    def _settle_clocks(
        self, clocks: Mapping[str, ClockLook], looks: list[ScannerLook], now: datetime
    ) -> None:
        """Wrong clocks one by one, unless most are wrong likewise: then ours is."""
        troubles, ours = self._ledger.troubles, common_offset_s(clocks, self._settings.drift_s)
        words = (
            {}
            if ours is not None
            else {name: scanner_clock.in_words(name, look) for name, look in clocks.items()}
        )
        self._settle(TroubleKind.SCANNER_CLOCK, words, looks, now, "its images carry the right time again")
        if ours is None:
            troubles.close(TroubleKind.OUR_CLOCK, SCANNERS, "most scanners show our time again", now)
            return
        where = "behind" if ours > 0 else "ahead of"
        detail = f"our clock is about {span_words(abs(ours))} {where} that of most scanners: look at the time service of this machine"
        troubles.open(TroubleKind.OUR_CLOCK, SCANNERS, detail, now)

    def _settle(
        self,
        kind: TroubleKind,
        words: Mapping[str, str],
        looks: list[ScannerLook],
        now: datetime,
        closing: str,
    ) -> None:
        """Open what has words, close what has none."""
        expected = {look.name for look in looks if look.is_expected}
        for look in looks:
            if text := words.get(look.name):
                self._ledger.troubles.open(kind, look.name, text, now)
        for trouble in self._ledger.troubles.open_now(kind):
            if not words.get(trouble.subject):
                said = closing if trouble.subject in expected else "nobody waits for it any more"
                self._ledger.troubles.close(kind, trouble.subject, said, now)

    def _look_at(self, name: str, last: datetime, now: datetime) -> ScannerLook:
        rhythm = self._rhythm(name, last, now)
        found = self._ledger.sources.visits(name, last - LATEST)
        if len(found) < LEVEL_VISITS:
            found = self._ledger.sources.visits(name, last - HISTORY)
        lags = [visit.lag_s for visit in found if visit.lag_s is not None]
        clock = scanner_clock.judged(lags, self._settings.drift_s)
        return look_at(name, visits_of(found), rhythm, clock, now, self._zone)

    def _rhythm(self, name: str, last: datetime, now: datetime) -> Rhythm | None:
        """What was learned lately; the past ends with the last image, so that a silence is not learned."""
        learned_at, rhythm = self._rhythms.get(name, (None, None))
        if learned_at is None or now - learned_at > LEARN_EVERY:
            past = visits_of(self._ledger.sources.visits(name, last - HISTORY))
            rhythm = learned(past, last, self._zone, self._settings.quiet_days)
            self._rhythms[name] = (now, rhythm)
        return rhythm


def wants(look: ScannerLook) -> bool:
    """Whether somebody should do something about it."""
    return look.is_expected and (look.is_silent or look.clock.is_wrong)


def _lag_of(zone: ZoneInfo, shown_s: float, received: datetime) -> float | None:
    return scanner_clock.lag_s(shown_s, received, zone)
