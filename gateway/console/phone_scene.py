"""What the ledger and the disk know of a case that is looked at on a phone: gathered once, drawn for everybody."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any
from zoneinfo import ZoneInfo

from gateway.api import tiles
from gateway.api.reception import Reception
from gateway.console import runs
from gateway.console.slices import Slices
from gateway.console.view import CaseView
from gateway.feedback.expectation import Expectation, expectation
from gateway.jobs.orders import ALERT_PICTURE, PICTURES
from gateway.ledger.announcements import standing_of
from gateway.ledger.call import Call
from gateway.ledger.records import Case, CaseState
from gateway.ledger.thread import Post
from gateway.runs.findings import Trouble
from gateway.team.people import Person, Role
from gateway.team.rota import on_duty
from triage.results import TriageResult

CALLED_ROLES = (Role.STROKE_DOCTOR, Role.CATH_LAB, Role.RADIOLOGIST)
"""Who can be called from the page, in the order in which somebody would."""

FRESH_S = 2.0
"""So long one scene serves everybody who is told of the same change."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A case with everything around it; nothing in it names the patient.

    Attributes
    ----------
    alert
        The revision whose alert stands.
    former
        What the team was told before this revision; None where it was told nothing else.
    duty
        Who is on duty, by role.
    early
        Whether there is the alert's picture, which is shown until there are slices.
    """

    case: Case
    view: CaseView
    posts: Sequence[Post]
    alert: int
    people: Mapping[str, Person]
    calls: Sequence[Call] = ()
    duty: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    former: TriageResult | None = None
    slices: Slices | None = None
    early: bool = False
    troubles: Sequence[Trouble] = ()
    expected: Expectation | None = None


def address(case: Case) -> str:
    """Where the phone finds everything of a case; whoever came by an alert's link may go nowhere else."""
    return f"/phone/cases/{case.id}"


def scene_of(reception: Reception, plain: Mapping[str, Any], mark: str) -> Scene:
    """Look at everything around a case; `plain` is the case as the API shows it."""
    ledger, now = reception.ledger, reception.now()
    case = reception.case(plain["id"])
    told = ledger.announcements.of_case(case.id)
    manifest = tiles.manifest_of(reception, case)
    judged = TriageResult.from_json(case.result) if case.state is CaseState.ANALYSED and case.result else None
    news = next((each for each in told if each.revision == case.revision), None)
    former = next((each for each in told if news and each.revision == news.former), None)
    return Scene(
        case=case,
        view=CaseView(plain, mark),
        posts=ledger.thread.of_case(case.id),
        calls=ledger.calls.of_case(case.id),
        alert=standing_of(case, told),
        people={person.id: person for person in ledger.people.all()},
        duty=duty_at(reception, now),
        former=TriageResult.from_json(former.result) if former else None,
        slices=Slices(manifest, f"{address(case)}/r{case.revision}/tiles/") if manifest else None,
        early=(reception.folder(case) / PICTURES / ALERT_PICTURE).is_file(),
        troubles=runs.of_case(reception, case.id),
        expected=expectation(ledger, judged, now) if judged else None,
    )


def bare_scenes(reception: Reception, cases: Sequence[Case]) -> list[Scene]:
    """Cases as a list shows them: what was found and who has them, without pictures."""
    people = {person.id: person for person in reception.ledger.people.all()}
    told = reception.ledger.announcements.of_cases([case.id for case in cases])
    return [
        Scene(
            case=case,
            view=CaseView(plain, ""),
            posts=reception.ledger.thread.of_case(case.id),
            alert=standing_of(case, told[case.id]),
            people=people,
            troubles=runs.of_case(reception, case.id),
        )
        for case, plain in zip(cases, reception.describe(cases), strict=True)
    ]


def duty_at(reception: Reception, moment: datetime) -> dict[Role, tuple[str, ...]]:
    """Who is on duty, by role."""
    rota, zone = reception.ledger.rota.read(), ZoneInfo(reception.config.site.time_zone)
    return {role: on_duty(rota, role, moment, zone) for role in CALLED_ROLES}


class Scenes:
    """The latest scene: everybody who is told of one change looks at the same."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._lock = Lock()
        self._latest: tuple[str, str, float, Scene] | None = None

    def of(self, plain: Mapping[str, Any], mark: str) -> Scene:
        """The scene of a change, gathered by whoever asks first."""
        with self._lock:
            if (
                self._latest
                and self._latest[:2] == (plain["id"], mark)
                and time.monotonic() < self._latest[2]
            ):
                return self._latest[3]
            found = scene_of(self._reception, plain, mark)
            self._latest = (plain["id"], mark, time.monotonic() + FRESH_S, found)
            return found
