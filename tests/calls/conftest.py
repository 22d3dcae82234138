"""A case with a result, people with channels, and a clock that can be put forward; channels are played by hand."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from time import monotonic, sleep

import pytest

from gateway.alerts.plan import Watch
from gateway.channels.target import Outcome
from gateway.config import Config
from gateway.desk import Desk
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case
from gateway.steps import alerting, ringing
from gateway.team.answering import AnswerKind, answer
from gateway.team.contacts import ChannelKind, Contact, Device
from gateway.team.people import Person, Role, actor_of_person
from gateway.team.rota import Shift
from tests.viewer_bridge.drawn import make_analysis
from triage.errors import TemporaryError
from viewer_bridge.report.wording.language import Language

STUDY = "2.25.77"
RESULT = make_analysis((4, 64, 64)).result


@dataclass
class Engine:
    """Runs that were asked for and signals, in their order."""

    runs: list[str] = field(default_factory=list)
    signals: list[tuple[str, str]] = field(default_factory=list)

    def submit(self, _name, key, *_arguments, **_lanes) -> None:
        self.runs.append(key)

    def signal(self, key, _topic, value) -> None:
        self.signals.append((key, value))


@dataclass(frozen=True, slots=True)
class LateDesk(Desk):
    """A desk whose clock can be put forward."""

    ahead: list[timedelta] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + sum(self.ahead, timedelta())


@dataclass
class Exchange:
    """Every channel there is: what left, and how it went, by address."""

    sent: list[tuple[str, str, object]] = field(default_factory=list)
    """Address (the kind of a push), key, notice."""
    dead: dict[str, Exception] = field(default_factory=dict)
    slow_s: float = 0.0
    most: int = 0
    gate: Event = field(default_factory=Event)
    _now: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.gate.set()

    def send(self, target, notice, key, _site, _picture=None) -> Outcome:
        name = target.address or target.kind.value
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            assert self.gate.wait(10)
            sleep(self.slow_s)
            with self._lock:
                self.sent.append((name, key, notice))
            if name in self.dead:
                raise self.dead[name]
        finally:
            with self._lock:
                self._now -= 1
        return Outcome.SENT

    def to(self, *names: str) -> list[str]:
        """Keys of what went to these addresses."""
        return [key for name, key, _ in self.sent if name in names]

    @property
    def names(self) -> list[str]:
        return sorted(name for name, _, _ in self.sent)

    def kinds(self) -> list[tuple[str, str]]:
        return sorted((name, notice.kind.value) for name, _, notice in self.sent)


@dataclass
class Team:
    """The desk, the exchange, and verbs that do what time and people do."""

    desk: Desk
    exchange: Exchange
    people: dict[str, Person] = field(default_factory=dict)
    watches: dict[int, Watch] = field(default_factory=dict)
    began_s: float | None = None

    @property
    def case(self) -> Case:
        return self.desk.ledger.cases.of_study(STUDY)

    @property
    def calls(self) -> list:
        return self.desk.ledger.calls.of_case(self.case.id)

    def enter(
        self, name, *channels, role=Role.STROKE_DOCTOR, on_duty=True, language=Language.ENGLISH
    ) -> Person:
        """Somebody with channels in this order: "push", or an address that becomes a webhook."""
        person = Person(name, name, name, frozenset({role}), language)
        people = self.desk.ledger.people
        people.add(person, self.desk.now())
        kinds = [ChannelKind.PUSH if each == "push" else ChannelKind.WEBHOOK for each in channels]
        people.set_contacts(
            name,
            [
                Contact(f"{name}{place}", name, place, kind, "" if kind is ChannelKind.PUSH else address)
                for place, (kind, address) in enumerate(zip(kinds, channels, strict=True))
            ],
        )
        if "push" in channels:
            people.add_device(Device(f"d{name}", name, f"https://push.example/{name}", "k", "a", "phone", ""))
        for weekday in range(7) if on_duty else ():
            self.desk.ledger.rota.add_shift(Shift(f"{name}{weekday}", role, name, weekday, "00:00", "00:00"))
        self.people[name] = person
        return person

    def conclude(self, revision: int = 1, study: str = STUDY, **numbers) -> None:
        """A result is there and announced."""
        result = replace(RESULT, study_uid=study, **numbers)
        cases, now = self.desk.ledger.cases, self.desk.now()
        case = cases.open(study, now)
        if revision > 1:
            assert cases.reopen(case)
        cases.complete(case.id, revision, "2.25.78", "whole", now)
        cases.conclude(case.id, revision, result.to_json(), now)
        alerting.announce(self.desk, case.id, revision)

    def look(self, alert: int = 1) -> Watch:
        """What the alert's run does when its wait is over; every call that it began has ended then."""
        if alert not in self.watches:
            self.watches[alert] = Watch.from_json(ringing.begin_alert(self.desk, self.case.id, alert))
        plain = ringing.look_after(self.desk, self.case.id, alert, self.watches[alert].to_json())
        self.watches[alert] = Watch.from_json(plain)
        self.settle()
        return self.watches[alert]

    def settle(self) -> None:
        """Wait until nobody is being called."""
        end = monotonic() + 5
        while self.desk.switchboard.is_busy():
            assert monotonic() < end, "somebody is called for ever"
            sleep(0.002)

    def wait(self, seconds: float) -> None:
        self.desk.ahead.append(timedelta(seconds=seconds))

    def wait_for_look(self, alert: int = 1) -> Watch:
        """Put the clock forward to the next look, and look."""
        self.wait(self.watches[alert].look_s - self.desk.now().timestamp() + 0.001)
        return self.look(alert)

    def look_at(self, seconds: float, alert: int = 1) -> Watch:
        """Look so many seconds after the alert began, and again until nothing is under way."""
        self.began_s = self.began_s or self.watches[alert].began_s
        self.wait(max(0.0, self.began_s + seconds - self.desk.now().timestamp()))
        return self.look(alert)

    def answer(self, name: str, kind: AnswerKind, text: str = "", case: Case | None = None) -> None:
        actor = actor_of_person(self.people[name])
        answer(self.desk.ledger, self.desk.client, case or self.case, actor, kind, text, self.desk.now())


BOTH = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
"""Of tests that want to know how the calls' ledger does on each database."""


@pytest.fixture
def database(request, tmp_path):
    """Address of the team's ledger, in SQLite unless a test is marked with `BOTH`."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return request.getfixturevalue("a_postgres_url")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def make_team(tmp_path, monkeypatch, database):
    """Build a team with a plan."""
    exchange, ledgers = Exchange(), []
    monkeypatch.setattr("gateway.channels.sending.send", exchange.send)

    def make(**alerts) -> Team:
        alerts = {"escalate_after_minutes": 5, **alerts}
        config = Config.model_validate({"site": {"data_dir": tmp_path}, "alerts": alerts})
        ledger = Ledger.open(database)
        ledgers.append(ledger)
        return Team(LateDesk(config, ledger, Engine(), None, None), exchange)

    yield make
    for ledger in ledgers:
        ledger.engine.dispose()


@pytest.fixture
def away() -> TemporaryError:
    return TemporaryError("webhook: ConnectError")
