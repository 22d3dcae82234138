"""A worker's desk between a real archive, a real record and two real phones; engine and clock alone are played by hand."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone
from dicom_scp.arrival import Arrival
from dicom_scp.headers import read_header
from gateway import casefolder, findings
from gateway.alerts.plan import Watch
from gateway.config import Config
from gateway.desk import Desk
from gateway.emr.courier import Courier
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case
from gateway.steps import alerting, analysis, ringing
from gateway.steps.delivering import attempt
from gateway.team.answering import AnswerKind, answer
from gateway.team.people import SITE
from tests.viewer_bridge.drawn import make_analysis, make_source
from triage.errors import TemporaryError
from triage.types import Analysis
from viewer_bridge.archive.orthanc import Orthanc

SMALL = (4, 64, 64)


@dataclass
class Engine:
    """Runs that were asked for, once each, and signals in their order."""

    runs: dict[str, tuple] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    signals: list[tuple[str, str]] = field(default_factory=list)

    def submit(self, name, key, *arguments, **_lanes) -> None:
        self.runs.setdefault(key, (name, *arguments))

    def signal(self, key, _topic, value) -> None:
        if key not in self.runs:
            raise TemporaryError("the run is not there yet; try again")
        if (key, value) not in self.signals:
            self.signals.append((key, value))


@dataclass(frozen=True, slots=True)
class LateDesk(Desk):
    """A desk whose clock can be put forward."""

    ahead: list[timedelta] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + sum(self.ahead, timedelta())


@dataclass
class House:
    """One study on its way, and verbs that do what scanner, engine and time do."""

    desk: Desk
    engine: Engine
    emr: SmallEmr
    doctor: SmallPhone
    head: SmallPhone
    study: str
    whole: Analysis = field(init=False)
    watches: dict[int, Watch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        drawn = make_analysis(SMALL)
        result = replace(drawn.result, study_uid=self.study, series_uid=f"{self.study}.4")
        self.whole = replace(drawn, result=result)

    @property
    def case(self) -> Case:
        return self.desk.ledger.cases.of_study(self.study)

    def receive(self) -> None:
        """One image, whose header is the source of every object and report."""
        source = make_source(StudyInstanceUID=self.study, SeriesInstanceUID=f"{self.study}.4")
        source.file_meta.MediaStorageSOPClassUID = source.SOPClassUID
        source.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
        path = self.desk.spooled("image.dcm")
        path.parent.mkdir(parents=True, exist_ok=True)
        source.save_as(path, enforce_file_format=True)
        now = datetime.now(UTC)
        header = read_header(path)
        self.desk.ledger.arrivals.record(
            Arrival(header, path.name, "0" * 64, 10, "1.2", now, "CT01", "GW", "a")
        )
        self.desk.ledger.cases.open(self.study, now)

    def analyse(self, found: Analysis) -> int:
        """Complete, analysed and in the ledger, as the first step of a case leaves it; returns the revision."""
        case = self.case
        self.desk.ledger.cases.complete(case.id, case.revision, f"{self.study}.4", "whole", self.desk.now())
        with casefolder.appearing(self.desk.folder(case.id, case.revision)) as scratch:
            findings.save(found, scratch)
        analysis.analyse(self.desk, case.id, case.revision)
        return case.revision

    def announce(self, revision: int) -> None:
        alerting.announce(self.desk, self.case.id, revision)

    def conclude(self, found: Analysis) -> None:
        self.announce(self.analyse(found))

    def late_images(self) -> None:
        assert self.desk.ledger.cases.reopen(self.case)

    def look(self, alert: int) -> Watch:
        """What the run of an alert does when its wait is over."""
        if alert not in self.watches:
            self.watches[alert] = Watch.from_json(ringing.begin_alert(self.desk, self.case.id, alert))
        plain = ringing.look_after(self.desk, self.case.id, alert, self.watches[alert].to_json())
        self.watches[alert] = Watch.from_json(plain)
        return self.watches[alert]

    def wait(self, seconds: float) -> None:
        """Put the clock forward."""
        self.desk.ahead.append(timedelta(seconds=seconds))

    def escalate(self, alert: int, level: int) -> None:
        """What the run of an alert does until a level has the word, unless it ends before."""
        while (watch := self.look(alert)).level < level and not (watch.settled or watch.silent):
            self.wait(watch.until_s - self.desk.now().timestamp())

    def deliver(self, *kinds: str) -> dict[str, bool]:
        """One attempt at every delivery that was ordered and is not over; returns which are over now."""
        ordered = {
            key: run[1:]
            for key, run in self.engine.runs.items()
            if run[0] == "deliver" and key not in self.engine.over
        }
        ended = {
            key: attempt(self.desk, *arguments)
            for key, arguments in ordered.items()
            if not kinds or arguments[0] in kinds
        }
        self.engine.over |= {key for key, over in ended.items() if over}
        return ended | (self._write() if not kinds or "emr" in kinds else {})

    def _write(self) -> dict[str, bool]:
        """One turn of the record's courier; which of the letters that waited are over now."""
        (destination,) = self.desk.config.emr.destinations
        waiting = self.desk.ledger.letters.waiting(destination.name, 10)
        courier = Courier(self.desk, destination)
        courier.turn()
        courier.close()
        left = {letter.id for letter in self.desk.ledger.letters.waiting(destination.name, 10)}
        return {letter.id: letter.id not in left for letter in waiting}

    def acknowledge(self, by: str) -> None:
        actor = replace(SITE, name=by)
        answer(self.desk.ledger, self.engine, self.case, actor, AnswerKind.TAKE, "", self.desk.now())

    def changed(self, **numbers) -> Analysis:
        return replace(self.whole, result=replace(self.whole.result, **numbers))


@contextmanager
def a_house(folder, orthanc: Orthanc, study: str):
    with SmallEmr() as emr, SmallPhone() as doctor, SmallPhone() as head:
        levels = [
            {"name": name, "webhooks": [{"url": phone.url, "secret": phone.secret}]}
            for name, phone in (("doctor", doctor), ("head", head))
        ]
        tables = {
            "site": {"data_dir": folder},
            "alerts": {"levels": levels, "language": "en"},
            "emr": {"destinations": [{"name": "emr", "host": "127.0.0.1", "port": emr.port}]},
        }
        config = Config.model_validate(tables)
        ledger, engine = Ledger.open(config.ledger_url), Engine()
        desk = LateDesk(config, ledger, client=engine, orthanc=orthanc, analysts=None)
        house = House(desk, engine, emr, doctor, head, study)
        house.receive()
        yield house
        ledger.engine.dispose()
