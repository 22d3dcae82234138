"""The upper hospital with people: a desk whose clock can be put forward, channels played by hand, and a bell."""

import os
import signal
from dataclasses import dataclass, field

from gateway.config import Config
from gateway.ledger.thread import PostKind
from gateway.sharing.bell import Bell
from tests.api.staging import a_result
from tests.calls.conftest import Engine, Exchange, LateDesk, Team
from tests.sharing.hospitals import (
    LOWER,
    STUDY,
    Hospital,
    serving_at,
)

ASKS, ANSWERS = "Dr Lê Canary", "Dr Trần Canary"
"""Whoever hands over, and whoever takes it: no notice and no letter to the other side says their names."""
DUTY = {"name": "on duty", "role": "stroke_doctor", "minutes": 4, "repeat_minutes": 1.5}
ALL = {"name": "everybody", "role": "stroke_doctor", "who": "everybody", "minutes": 3}


class Runs(Engine):
    """The engine's client of a whole site: pages ask for runs, too."""

    def jobs(self, *_limit, **_wanted):
        return []


class Dying(Runs):
    """Dies at the first run that is asked for."""

    def submit(self, *_arguments, **_lanes) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Receiver(Team):
    """The upper hospital's people, and what its worker does."""

    hospital: Hospital = field(kw_only=True)

    @property
    def case(self):
        return self.hospital.site.get(STUDY)

    def turn(self) -> float:
        """A turn of the bell, and of the courier of its calls."""
        pause_s = Bell(self.desk).turn()
        self.settle()
        return pause_s

    def posts(self, kind=PostKind.SYSTEM) -> list[str]:
        return [post.text for post in self.desk.ledger.thread.of_case(self.case.id) if post.kind is kind]


def staffed(hospital: Hospital, exchange: Exchange, **alerts) -> Receiver:
    """A hospital with a plan, and nobody yet."""
    tables = {**hospital.site.config.model_dump(), "alerts": {"levels": [DUTY, ALL], **alerts}}
    hospital.site.config = Config.model_validate(tables)
    hospital.site.client = Runs()
    desk = LateDesk(hospital.site.config, hospital.ledger, hospital.site.client, None, None)
    return Receiver(desk, exchange, hospital=hospital)


def with_doctors(team: Receiver) -> Receiver:
    """Lê is on duty and Trần at home."""
    team.enter("le", "le")
    team.enter("tran", "tran", on_duty=False)
    return team


def hand_over(lower: Hospital, team: Receiver) -> None:
    lower.share(by=ASKS)
    with serving_at(team.hospital):
        lower.carry()


def announce(team: Receiver, revision: int = 1, partner: str = LOWER, **numbers) -> None:
    """A letter of a partner is in the ledger."""
    result, now = a_result(STUDY, **numbers).to_json(), team.desk.now()
    scanned_at = "2026-01-02T03:04:05.000006Z"
    team.desk.ledger.sharing.received.announce(partner, STUDY, revision, result, ASKS, (), now, scanned_at)


def rung(team: Receiver) -> list[tuple[str, str]]:
    return [(name, notice.headline) for name, _, notice in team.exchange.sent]


def phone(browser, address: str) -> str:
    return browser.get(f"/phone{address}", headers={"Accept-Language": "en"}).text
