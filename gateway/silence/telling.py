"""Telling IT: once when a trouble opens, quietly again while it lasts, and that it is over."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.alerts import news
from gateway.alerts.calling import Compose, Ringing, ring
from gateway.alerts.notice import Notice, NoticeKind
from gateway.desk import Desk
from gateway.ledger.call import Call
from gateway.ledger.records import moment_of
from gateway.ledger.troubles import Trouble
from gateway.silence.wording import title_of
from gateway.team.people import Person, Role
from viewer_bridge.report.wording.language import Language

log = structlog.get_logger()

TRY_AGAIN = timedelta(minutes=10)
"""After a round in which nobody could be reached."""


class Teller:
    """Tells what is to be told; everything durable about it is in the ledger."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._rest_until: dict[str, datetime] = {}

    def turn(self, now: datetime) -> datetime | None:
        """Tell what is due; returns when something under way wants another look."""
        people = self._listeners()
        if not people:
            return None
        looks = [self._tell(trouble, people, now) for trouble in self._due(now)]
        looks += [
            self._tell_over(trouble, people, now) for trouble in self._desk.ledger.troubles.closed_untold()
        ]
        return min((look for look in looks if look), default=None)

    def _listeners(self) -> list[str]:
        """IT, or else whoever administers."""
        people = self._desk.ledger.people
        found = people.with_role(Role.IT) or people.with_role(Role.ADMINISTRATOR)
        return [person.id for person in found]

    def _due(self, now: datetime) -> Iterable[Trouble]:
        again = timedelta(hours=self._desk.config.silence.tell_again_hours)
        for trouble in self._desk.ledger.troubles.open_now():
            told_lately = trouble.told_at is not None and now - moment_of(trouble.told_at) < again
            if not told_lately and self._rest_until.get(trouble.id, now) <= now:
                yield trouble

    def _tell(self, trouble: Trouble, people: list[str], now: datetime) -> datetime | None:
        quiet = trouble.told_at is not None
        ringing = self._ring(trouble, people, _composed(self._desk, trouble, quiet=quiet))
        if ringing.look_at is None:
            self._desk.ledger.troubles.told(trouble, now, reached=bool(ringing.reached))
            self._rest_until[trouble.id] = now + TRY_AGAIN
            log.info("IT told", trouble=trouble.id, reached=len(ringing.reached))
        return ringing.look_at

    def _tell_over(self, trouble: Trouble, people: list[str], now: datetime) -> datetime | None:
        ringing = self._ring(trouble, people, _composed(self._desk, trouble, quiet=True))
        if ringing.look_at is None:
            self._desk.ledger.troubles.closing_told(trouble.id, now)
            self._rest_until.pop(trouble.id, None)
        return ringing.look_at

    def _ring(self, trouble: Trouble, people: list[str], compose: Compose) -> Ringing:
        subject = f"trouble:{trouble.id}"
        return ring(self._desk, subject, 0, people, compose, notice=NoticeKind.TROUBLE, turn=trouble.tellings)


def _composed(desk: Desk, trouble: Trouble, *, quiet: bool) -> Compose:
    link = f"{desk.config.http.base_url}/sources"
    line = trouble.detail if trouble.closed_at is None else trouble.closing or ""

    def compose(person: Person | None, _call: Call) -> Notice:
        language = person.language if person else Language.ENGLISH
        title = title_of(trouble, language)
        over = trouble.closed_at is not None
        told = news.trouble(f"trouble:{trouble.id}", title, [line], link, language, over=over)
        return replace(told, urgent=not quiet)

    return compose
