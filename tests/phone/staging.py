"""A site with a team: people of three languages, a rota, calls, and a case in every state that a phone can show."""

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway.api.callers import COOKIE, LINK_COOKIE
from gateway.identity.invitations import invite
from gateway.identity.sessions import Sessions
from gateway.jobs.orders import TILES
from gateway.lanes import Priority, Queue
from gateway.ledger.announcements import Announcement
from gateway.ledger.call import Call, CallState, call_id_of, case_subject
from gateway.ledger.calls import Hold
from gateway.ledger.records import Case, case_id_of
from gateway.team.answering import AnswerKind, answer, comment
from gateway.team.contacts import ChannelKind
from gateway.team.people import Person, Role, actor_of_person
from gateway.team.rota import Shift
from tests.api.staging import (
    AGREEING,
    CONTRADICTING,
    DIFFERING,
    MOTION,
    NOISE,
    TRUNCATED,
    Site,
    a_refusal,
    a_result,
    a_time_to_peak_result,
    draw_slices,
    open_site,
)
from tests.viewer_bridge.drawn import distrusted, make_analysis
from triage.types import Interval, Side, TriageResult
from viewer_bridge.report.wording.language import Language

ZONE = "Asia/Ho_Chi_Minh"
LE = Person(
    "11111111-0000-4000-8000-000000000001",
    "le",
    "BS. Lê Minh",
    frozenset({Role.STROKE_DOCTOR}),
    phone="+84901000001",
)
HOA = Person(
    "11111111-0000-4000-8000-000000000002",
    "hoa",
    "BS. Trần Hoa",
    frozenset({Role.STROKE_DOCTOR}),
    phone="+84901000002",
)
CLAIRE = Person(
    "11111111-0000-4000-8000-000000000003",
    "claire",
    "Dr Claire Martin",
    frozenset({Role.CATH_LAB}),
    Language.FRENCH,
    "+33601000003",
)
SAM = Person(
    "11111111-0000-4000-8000-000000000004",
    "sam",
    "Dr Sam Okafor",
    frozenset({Role.RADIOLOGIST, Role.STROKE_DOCTOR}),
    Language.ENGLISH,
    "+447700900004",
)
TEAM = (LE, HOA, CLAIRE, SAM)
READER = {Language.VIETNAMESE: LE, Language.ENGLISH: SAM, Language.FRENCH: CLAIRE}
"""Who reads which language."""

SHAPE = (8, 96, 96)


@dataclass(frozen=True)
class Team:
    """The staged site: case identifiers by what they show."""

    site: Site
    ids: dict[str, str]
    drawn: dict[int, Path] = field(default_factory=dict)

    def cookie(self, person: Person, url: str) -> dict[str, str]:
        """What a browser keeps of a person who is logged in."""
        sessions = Sessions(self.site.ledger, self.site.access, self.site.config.identity)
        return {
            "name": COOKIE,
            "value": sessions.begin(person, "test", "test", datetime.now(UTC)),
            "url": url,
        }

    def link_cookie(self, name: str, person: Person, url: str) -> dict[str, str]:
        """What a browser keeps of an alert's link."""
        case_id = self.ids[name]
        call = next(each for each in self.site.ledger.calls.of_case(case_id) if each.person_id == person.id)
        return {"name": f"{LINK_COOKIE}{case_id}", "value": self.word(call), "url": url}

    def word(self, call: Call) -> str:
        """The word in the link of a call."""
        return invite(self.site.access, call.id, datetime.now(UTC).timestamp() + 3600)

    def site_now(self) -> datetime:
        return datetime.now(UTC)

    def case(self, name: str) -> Case:
        found = self.site.ledger.cases.get(self.ids[name])
        assert found is not None
        return found

    def answers(self, name: str, person: Person, kind: AnswerKind, text: str = "") -> None:
        answer(
            self.site.ledger,
            self.site.client,
            self.case(name),
            actor_of_person(person),
            kind,
            text,
            datetime.now(UTC),
        )

    def says(self, name: str, person: Person, text: str) -> None:
        comment(self.site.ledger, self.case(name), actor_of_person(person), text, datetime.now(UTC))


def stage_team(folder, shape=SHAPE) -> Team:
    """A hospital at night."""
    site = open_site(folder, publish={"language": "vi"})
    now = datetime.now(UTC)
    for person in TEAM:
        site.ledger.people.add(person, now)
    for person, role in ((LE, Role.STROKE_DOCTOR), (CLAIRE, Role.CATH_LAB), (SAM, Role.RADIOLOGIST)):
        for day in range(7):
            site.ledger.rota.add_shift(Shift(f"{person.login}-{day}", role, person.id, day, "00:00", "00:00"))
    team = Team(site, {})
    _stage_cases(team, make_analysis(shape))
    return team


def _stage_cases(team: Team, drawn) -> None:
    doubted = distrusted(drawn)
    unsure = a_result(
        "2.6", MOTION, certain=False, core_ml=55.3, opinions=(AGREEING, DIFFERING), networks=(CONTRADICTING,)
    )
    _concluded(team, "open", "2.1", a_result("2.1", NOISE), drawn, ago_s=640)
    _concluded(team, "taken", "2.2", a_result("2.2", MOTION, NOISE), drawn, ago_s=1900)
    _concluded(team, "untrusted", "2.3", a_result("2.3", TRUNCATED, MOTION, core_ml=3.2), doubted, ago_s=900)
    _concluded(team, "no_volumes", "2.4", a_time_to_peak_result("2.4"), None, ago_s=1300)
    _concluded(
        team,
        "not_analysed",
        "2.5",
        a_refusal("2.5", "arterial enhancement peaks at 31 HU only"),
        None,
        ago_s=480,
    )
    _concluded(team, "uncertain", "2.6", unsure, drawn, ago_s=1100)
    _concluded(team, "nothing", "2.7", _no_lesion("2.7"), drawn, ago_s=700)
    _concluded(team, "not_stroke", "2.8", a_result("2.8", NOISE, met=False, core_ml=96.0), drawn, ago_s=2600)
    _concluded(team, "drawing", "2.9", a_result("2.9"), None, ago_s=60)
    _revise(team, "revised", "2.10", a_result("2.10", core_ml=61.0), drawn)
    _revise(team, "recalled", "2.11", a_refusal("2.11", "the venous pass is not covered"), None)
    _waiting(team)
    team.answers("taken", HOA, AnswerKind.TAKE)
    team.says("taken", HOA, "Đang xuống phòng chụp mạch. NIHSS 14.")
    team.says("taken", CLAIRE, "Salle prête dans 15 min.")
    team.answers("not_stroke", SAM, AnswerKind.NOT_STROKE, "Old infarct. Known from 2021.")


def _no_lesion(study: str) -> TriageResult:
    found = a_result(study, met=False)
    numbers = {"core_ml": 0.0, "hypoperfused_ml": 0.0, "mismatch_ml": 0.0, "mismatch_ratio": None}
    ends = {**found.intervals, "core_ml": Interval(0.0, 1.2), "hypoperfused_ml": Interval(0.0, 3.4)}
    return replace(found, **numbers, side=Side.NONE, intervals=ends, opinions=(), models=())


def _concluded(team: Team, name: str, study: str, result: TriageResult, drawn, ago_s: float) -> None:
    site = team.site
    site.receive(study, 3, ago_s=ago_s)
    site.conclude(study, result)
    team.ids[name] = case_id_of(study)
    _told(team, study)
    _draw(team, study, drawn)


def _draw(team: Team, study: str, drawn) -> None:
    """The slices of one analysis serve every case: each is drawn once and copied."""
    if drawn is None:
        return
    case = team.site.get(study)
    first = team.drawn.setdefault(
        id(drawn), team.site.config.cases_dir / case.id / f"r{case.revision}" / TILES
    )
    here = team.site.config.cases_dir / case.id / f"r{case.revision}" / TILES
    if first == here:
        draw_slices(team.site, study, drawn)
    else:
        shutil.copytree(first, here)


def _told(team: Team, study: str) -> None:
    case = team.site.alert(study)
    now = datetime.now(UTC)
    calls = [_call(case, person, step) for step, person in enumerate((LE, HOA, CLAIRE))]
    team.site.ledger.calls.queue(calls, now, Hold("test", now))
    for call, state in zip(calls, (CallState.OPENED, CallState.DELIVERED, CallState.SENT), strict=True):
        team.site.ledger.calls.stamp(call.id, state, now)


def _call(case: Case, person: Person, step: int) -> Call:
    subject = case_subject(case.id, case.revision)
    return Call(
        id=call_id_of(subject, step, 0, "alert", person.id),
        subject=subject,
        case_id=case.id,
        revision=case.revision,
        step=step,
        turn=0,
        notice="alert",
        person_id=person.id,
        contact_id=person.id,
        place=0,
        kind=ChannelKind.PUSH,
        target="push#1",
    )


def _revise(team: Team, name: str, study: str, later: TriageResult, drawn) -> None:
    site = team.site
    site.receive(study, 3, ago_s=2000)
    site.conclude(study, a_result(study))
    site.alert(study)
    assert site.ledger.cases.reopen(site.get(study))
    site.conclude(study, later)
    case = site.get(study)
    team.ids[name] = case.id
    news = Announcement(
        case.id, 2, former=1, rings=True, reasons=("core 61.0 ml, before 18.4 ml",), result=later.to_json()
    )
    site.ledger.announcements.record(news, datetime.now(UTC))
    run = f"alert:{case.id}:r2"
    site.client.submit("alert", run, case.id, 2, queue=Queue.ALERT, priority=Priority.URGENT)
    site.ledger.cases.stamp(case.id, 2, "alert_sent_at", datetime.now(UTC))
    _draw(team, study, drawn)


def _waiting(team: Team) -> None:
    site = team.site
    site.receive("2.12", 41, ago_s=20)
    site.receive("2.13", 3, ago_s=200)
    site.ledger.cases.complete(case_id_of("2.13"), 1, "2.13.1", "whole", datetime.now(UTC))
    site.receive("2.14", 3, ago_s=2400)
    site.ledger.cases.close_without_perfusion(
        case_id_of("2.14"), 1, "no perfusion series: no position was imaged repeatedly", datetime.now(UTC)
    )
    site.receive("2.15", 3, ago_s=3000)
    site.conclude("2.15", a_result("2.15"))
    assert site.ledger.cases.reopen(site.get("2.15"))
    for name, study in (
        ("receiving", "2.12"),
        ("analysing", "2.13"),
        ("no_perfusion", "2.14"),
        ("recomputing", "2.15"),
    ):
        team.ids[name] = case_id_of(study)


__all__ = ["CLAIRE", "HOA", "LE", "READER", "SAM", "TEAM", "Team", "stage_team"]
