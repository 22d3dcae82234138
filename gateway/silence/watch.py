"""The round of the silence watch: scanners, clocks, channels, the phantom's ends, and telling IT."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.desk import Desk
from gateway.ledger.records import moment_of
from gateway.ledger.troubles import Trouble, TroubleKind
from gateway.silence.channel_watch import ChannelWatch
from gateway.silence.clock_watch import ClockWatch
from gateway.silence.outcomes import no_gap, trouble_of
from gateway.silence.scanner_watch import ScannerWatch
from gateway.silence.telling import Teller
from gateway.silence.walking import longest_wait
from gateway.team.people import Role
from gateway.team.rota import on_duty
from triage.errors import GatewayError

log = structlog.get_logger()

TURN_S = 5.0
"""Between turns: channels are spread over the hour, and what is told falls over to the next channel."""

LIST_EVERY, CLOCKS_EVERY, FORGET_EVERY = timedelta(minutes=1), timedelta(minutes=10), timedelta(days=1)
RECENT_WALKS = 200
FORGET_UNREACHED = timedelta(hours=24)
"""A level of which nobody could be reached is over when that was so long ago."""

WAY, GAP = "way", "gap"
"""Subjects of the phantom's troubles."""


class SilenceWatch:
    """One of all workers has this round."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._settings = desk.config.silence
        self._started = desk.now()
        self._scanners = ScannerWatch(desk.config, desk.ledger)
        self._clocks = ClockWatch(desk.config, desk.ledger)
        self._channels = ChannelWatch(desk)
        self._teller = Teller(desk)
        self._did_at: dict[str, datetime] = {}

    def turn(self) -> float:
        """Do what is due; a part that fails is tried again, and holds up no other."""
        now = self._desk.now()
        look_every = timedelta(seconds=self._settings.look_every_s)
        self._attempt(lambda: self._clocks.look_at_steps(now))
        self._now_and_then("scanners", look_every, now, lambda: self._look_at_scanners(now))
        self._now_and_then("clocks", CLOCKS_EVERY, now, lambda: self._clocks.look_around(now))
        self._now_and_then("list", LIST_EVERY, now, lambda: self._channels.list_all(now))
        self._attempt(self._channels.probe_due)
        self._now_and_then("phantom", look_every, now, lambda: self._look_at_phantom(now))
        self._now_and_then("duty", look_every, now, lambda: self._look_at_duty(now))
        self._now_and_then("forget", FORGET_EVERY, now, self._scanners.forget)
        self._attempt(lambda: self._teller.turn(now))
        return min(TURN_S, self._settings.look_every_s)

    def close(self) -> None:
        """Nothing is held."""

    def _look_at_scanners(self, now: datetime) -> None:
        self._scanners.tally()
        self._scanners.turn(now)

    def _look_at_phantom(self, now: datetime) -> None:
        phantom, troubles = self._settings.phantom, self._desk.ledger.troubles
        if not phantom.enabled:
            return
        latest = self._desk.ledger.phantoms.latest(RECENT_WALKS)
        longest = longest_wait(phantom.every_minutes, phantom.longest_wait_hours)
        for subject, words in ((WAY, trouble_of(latest)), (GAP, no_gap(latest, self._started, now, longest))):
            if words:
                troubles.open(TroubleKind.PHANTOM, subject, words, now)
            elif words is not None:
                troubles.close(TroubleKind.PHANTOM, subject, "the phantom came through again", now)

    def _look_at_duty(self, now: datetime) -> None:
        """Close what others have opened about levels that nobody heard."""
        troubles = self._desk.ledger.troubles
        zone = ZoneInfo(self._desk.config.site.time_zone)
        for trouble in troubles.open_now(TroubleKind.NOBODY_ON_DUTY):
            if trouble.subject in set(Role) and on_duty(
                self._desk.ledger.rota.read(), Role(trouble.subject), now, zone
            ):
                troubles.close(trouble.kind, trouble.subject, "somebody is on duty again", now)
        for trouble in troubles.open_now(TroubleKind.NOBODY_REACHED):
            if _is_past(trouble, now):
                troubles.close(trouble.kind, trouble.subject, "it has not happened for a day", now)

    def _now_and_then(self, name: str, every: timedelta, now: datetime, part: Callable[[], object]) -> None:
        """Do something if it was not done lately; a clock that was set back does not hold it up."""
        did_at = self._did_at.get(name)
        if did_at is None or not timedelta(0) <= now - did_at < every:
            self._did_at[name] = now
            self._attempt(part)

    def _attempt(self, part: Callable[[], object]) -> None:
        try:
            part()
        except (GatewayError, SQLAlchemyError, OSError) as exc:
            log.warning("the silence watch waits", kind=type(exc).__name__, reason=str(exc))


def _is_past(trouble: Trouble, now: datetime) -> bool:
    return now - moment_of(trouble.opened_at) > FORGET_UNREACHED
