"""What the first page of the phone shows: whether I am on duty, my cases, and this device."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from gateway.api.reception import Reception
from gateway.console.phone_scene import bare_scenes
from gateway.console.phone_view import PhoneView, view_of
from gateway.console.phone_words import NAMES, Say
from gateway.ledger.accesses import Action
from gateway.ledger.records import Case, utc_text
from gateway.team.people import Actor, ActorKind, Right
from gateway.team.rota import HORIZON, turns
from viewer_bridge.report.wording.language import Language

LOOKED_AT = 60
"""Latest cases among which mine are looked for."""
LATEST_SHOWN = 8
MINE = frozenset({"nobody", "me"})
"""Whose cases are mine: until somebody has a case it is everybody's."""
STILL_MINE = timedelta(hours=24)
"""So long a case that I have stays among mine."""


@dataclass(frozen=True, slots=True)
class Duty:
    """Whether somebody is on duty; `words` say until when, or from when."""

    on: bool
    words: str


@dataclass(frozen=True, slots=True)
class Home:
    """The first page."""

    duty: Duty | None
    mine: Sequence[PhoneView]
    latest: Sequence[PhoneView]
    has_account: bool
    languages: Sequence[tuple[str, str, bool]]
    may_arrange: bool


def home_of(reception: Reception, actor: Actor, say: Say) -> Home:
    """Look at everything that is mine."""
    now, zone = reception.now(), reception.config.site.time_zone
    cases = [case for case in reception.ledger.cases.latest(LOOKED_AT) if case.times["alert_sent_at"]]
    since = utc_text(now - STILL_MINE)
    young = [case for case in cases if _waits(case) or (case.times["alert_sent_at"] or "") >= since]
    views = [view_of(scene, actor, say, now, zone) for scene in bare_scenes(reception, young)]
    mine = [view for view in views if view.team.holder.whose in MINE]
    return Home(
        duty=duty_of(reception, actor, say),
        mine=sorted(mine, key=lambda view: view.team.holder.whose != "nobody"),
        latest=[view for view in views if view.team.holder.whose not in MINE][:LATEST_SHOWN],
        has_account=actor.kind is ActorKind.PERSON,
        languages=[(tag.value, name, tag is say.language) for tag, name in NAMES.items()],
        may_arrange=actor.may(Right.ARRANGE),
    )


def _waits(case: Case) -> bool:
    return case.times["acknowledged_at"] is None


def duty_of(reception: Reception, actor: Actor, say: Say) -> Duty | None:
    """Whether this person is on duty in any role; None for whoever has no account."""
    person = reception.ledger.people.get(actor.person_id) if actor.person_id else None
    if person is None:
        return None
    now, zone = reception.now(), reception.config.site.time_zone
    rota = reception.ledger.rota.read()
    found = [
        turn
        for role in person.roles
        for turn in turns(rota, role, now, now + HORIZON, ZoneInfo(zone))
        if turn.person_id == person.id
    ]
    if not found:
        return Duty(on=False, words=say("off_duty"))
    first = min(found, key=lambda turn: (turn.starts, -turn.ends.timestamp()))
    if first.starts > now:
        at = say.clock(utc_text(first.starts), now, zone)
        return Duty(on=False, words=f"{say('off_duty')}. {say('next_duty', time=at)}.")
    return Duty(on=True, words=say("on_duty", time=say.clock(utc_text(first.ends), now, zone)))


def choose_language(reception: Reception, actor: Actor, language: Language) -> None:
    """Remember what somebody reads; without an account the browser's language counts."""
    person = reception.ledger.people.get(actor.person_id) if actor.person_id else None
    if person is None:
        return
    reception.ledger.people.change(replace(person, language=language))
    reception.ledger.accesses.note(actor, Action.CHANGED_SELF, None, "language", reception.now())
