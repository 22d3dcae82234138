"""A case as the phone page shows it to one person: what was found, and what to do. Nothing here asks anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.alerts.wording import Words
from gateway.console.phone_numbers import Numbers
from gateway.console.phone_scene import Scene, address
from gateway.console.phone_team import TeamView
from gateway.console.phone_words import Say
from gateway.console.view import CaseView
from gateway.feedback.classes import CLAIMS, AlertClass, class_of
from gateway.team.people import Actor, Right, Role
from triage.results import Severity, TriageResult

WAITING = frozenset({"receiving", "analysing"})
"""States of a case whose images are still looked at."""
CALM = WAITING | {"recomputing", "no_perfusion", "waiting"}
"""Screens that want nothing of the reader."""
WITHOUT_PICTURE = CALM | {"not_analysed", "unavailable"}
ALARMING = frozenset({AlertClass.TARGET_MISMATCH, AlertClass.NO_TARGET_MISMATCH, AlertClass.LESION})
"""What an alert can claim that a later revision can take back."""


@dataclass(frozen=True, slots=True)
class PhoneView:
    """What the templates draw for one person.

    Attributes
    ----------
    case
        The case with the numbers that are shown: those of another hospital where it was analysed there.
    result
        Of the present revision; None while there is none.
    kind
        What the screen is about: a class of alert, or why there is none.
    numbers
        None unless they can be trusted.
    """

    scene: Scene
    case: CaseView
    team: TeamView
    say: Say
    now: datetime
    zone: str
    result: TriageResult | None
    kind: str
    numbers: Numbers | None

    @property
    def address(self) -> str:
        """Where the phone finds everything of the case."""
        return address(self.scene.case)

    @property
    def is_received(self) -> bool:
        """Whether another hospital computed it."""
        return _is_received(self.scene)

    @property
    def is_grave(self) -> bool:
        """Whether the reader has to do without the computer."""
        return self.numbers is None and self.kind not in CALM

    @property
    def headline(self) -> str:
        """The largest word on the screen."""
        return self.say(f"side_{self.result.side.value}" if self.numbers and self.result else self.kind)

    @property
    def claim(self) -> str:
        """The class of the alert, with the trials whose imaging rule is met."""
        met = self.numbers.met if self.numbers else ""
        return self.say(self.kind) + (f" ({met})" if met else "")

    @property
    def to_do(self) -> str:
        """What the reader should do now, where the numbers do not say it."""
        key, images = f"do_{self.kind}", self.scene.view.plain["images"]["received"]
        return self.say(key, n=images) if self.say.knows(key) else ""

    @property
    def reasons(self) -> list[str]:
        """Why there are no numbers, in the reader's language as far as it is translated."""
        words = Words(self.say.language)
        if self.result is None or self.result.reason:
            reason = self.result.reason if self.result else self.scene.view.plain["reason"]
            return [words.core(str(reason))] if reason else []
        return [words.core(flag.text) for flag in self.result.quality if flag.severity is Severity.SEVERE]

    @property
    def scanned_at(self) -> str | None:
        """The last image that the result waited for."""
        return self.case.timeline.origin

    @property
    def recalled(self) -> bool:
        """Whether the team was told of a lesion that is no longer claimed."""
        former = self.scene.former
        return former is not None and class_of(former) in ALARMING and self.kind not in set(ALARMING)

    @property
    def correction(self) -> Sequence[str]:
        """What this revision changes; empty for a first one."""
        news, former = self.scene.view.plain["announcement"], self.scene.former
        if former is None or news is None:
            return ()
        revision = self.scene.case.revision
        return (
            self.say("revised", revision=revision, former=news["supersedes"]),
            self.say("before", class_=self.say(class_of(former).value)),
        )

    @property
    def partner(self) -> str:
        """The hospital that computed it; empty where it was computed here."""
        found = self.scene.view.plain["exchange"]["received"]
        latest = max(found, key=lambda one: str(one["announced_at"]), default=None)
        return str(latest["title"]) if latest else ""

    @property
    def elsewhere(self) -> list[str]:
        """Who has the case at the hospitals that it was handed to, and what they answered."""
        told = [one for one in self.scene.view.plain["exchange"]["sent"] if one["announced_at"]]
        held = [
            self._held_there(one["title"], one["held"]) for one in told if one["held"] or not one["answers"]
        ]
        said = [(one["title"], one["answers"][0]["word"]) for one in told if one["answers"]]
        return [*held, *(f"{title}: {self.say(f'partner_{word}')}" for title, word in said)]

    def _held_there(self, title: str, held: Mapping[str, str] | None) -> str:
        if held is None:
            return self.say("partner_nobody", partner=title)
        role = Role(held["by"]) if held["by"] else None
        who = Words(self.say.language).who(role)
        at = self.say.clock(held["at"], self.now, self.zone)
        return self.say(f"partner_{held['word']}", partner=title, who=who[:1].upper() + who[1:], at=at)

    @property
    def partner_answer(self) -> str:
        """What the other hospital was answered; empty while it waits."""
        given = [one["answers"] for one in self.scene.view.plain["exchange"]["received"]]
        return self.say(f"partner_{given[0][0]['word']}") if given and given[0] else ""

    @property
    def links(self) -> Mapping[str, str]:
        """Other pages of the case by the key of their words, for those who may go there."""
        actor = self.team.actor
        if not self.team.is_at_home or not actor.may(Right.READ):
            return {}
        viewers = [where for _, where in self.scene.view.viewers if actor.may(Right.NAMES)]
        found = {"open_viewer": viewers[0]} if viewers else {}
        return {**found, "open_case": f"/cases/{self.scene.case.id}"}

    @property
    def awaits_picture(self) -> bool:
        """Whether pictures are still to come."""
        return not (self.kind in WITHOUT_PICTURE or self.scene.slices or self.is_received)


def view_of(scene: Scene, actor: Actor, say: Say, now: datetime, zone: str) -> PhoneView:
    """Look at a scene with somebody's eyes."""
    case = (scene.view.theirs or scene.view) if _is_received(scene) else scene.view
    plain = case.result
    result = TriageResult.from_json(dict(plain)) if plain else None
    claims = result is not None and class_of(result) in CLAIMS
    numbers = (
        Numbers(result, plain, say, scene.expected, not _is_received(scene))
        if result and plain and claims
        else None
    )
    team = TeamView(scene, actor, say)
    return PhoneView(scene, case, team, say, now, zone, result, kind_of(scene, result), numbers)


def kind_of(scene: Scene, result: TriageResult | None) -> str:
    """What the screen is about."""
    if result is not None:
        return class_of(result).value
    state = str(scene.view.plain["state"])
    if state not in WAITING:
        return "waiting" if state == "received" else state
    if any(trouble.workflow == "case" for trouble in scene.troubles):
        return "unavailable"
    return state if scene.case.revision == 1 else "recomputing"


def _is_received(scene: Scene) -> bool:
    """Whether there is another hospital's result, and none of ours yet."""
    came = scene.view.plain["exchange"]["received"]
    return scene.view.plain["state"] == "received" or bool(came and scene.case.result is None)
