"""A case's people as one of them sees them on the phone: who has it, who was told, whom to call, what I may do."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.console.phone_scene import CALLED_ROLES, Scene
from gateway.console.phone_words import Say
from gateway.ledger.call import TIME_OF, Call, CallState
from gateway.ledger.thread import Post, PostKind
from gateway.team.answering import RULES, AnswerKind, holder_of
from gateway.team.people import Actor, ActorKind, Person, Right

REACHED = (
    CallState.ACKNOWLEDGED,
    CallState.OPENED,
    CallState.DELIVERED,
    CallState.SENT,
    CallState.FAILED,
)
"""What a person who waits for an answer wants to know of the others, the best first."""
UNOPENED = frozenset({CallState.QUEUED, CallState.SENT, CallState.DELIVERED})

DECLINING = ("decline_busy", "decline_far", "decline_off")
MISTAKES = ("mimic", "old_infarct", "stenosis", "bleeding", "artefact", "other")
"""Reasons that are one tap, by the key of their words."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has the case: `whose` is ``nobody``, ``me``, ``other``, or ``over`` where it is said to be no stroke."""

    whose: str
    words: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody who was called, and how far the furthest call came."""

    name: str
    state: str
    at: str | None


def _furthest(name: str, calls: Sequence[Call]) -> Told:
    """The furthest that any of a person's calls came, whatever became of the matter since."""
    reached = ((state, [call.times.get(TIME_OF[state]) for call in calls]) for state in REACHED)
    known = ((state, min(at for at in times if at)) for state, times in reached if any(times))
    state, at = next(known, (CallState.QUEUED, None))
    return Told(name, state.value, at)


@dataclass(frozen=True, slots=True)
class TeamView:
    """The team and one case, seen by `actor`."""

    scene: Scene
    actor: Actor
    say: Say

    # ---- what I may do ----

    @property
    def may_answer(self) -> bool:
        """Whether an alert stands that this person may answer."""
        return self.may_comment and self._sent

    @property
    def may_comment(self) -> bool:
        """Whether this person may say something about the case."""
        return self.actor.may(Right.ANSWER)

    @property
    def may_end(self) -> bool:
        """Whether this person may say that it is no stroke."""
        person = self.scene.people.get(self.actor.person_id or "")
        decides = bool(person and person.roles & RULES[AnswerKind.NOT_STROKE].roles)
        return self.may_answer and (decides or self.actor.kind is ActorKind.SITE)

    @property
    def may_hand_over(self) -> bool:
        """Whether it is this person's to give away."""
        return self.may_answer and self.holder.whose == "me"

    @property
    def may_see_name(self) -> bool:
        """Whether whose case it is can be asked for: never by an alert's link, whoever it was sent to."""
        return self.actor.may(Right.NAMES) and self.actor.kind is not ActorKind.LINK

    @property
    def is_at_home(self) -> bool:
        """Whether this person may go beyond this case."""
        return self.actor.case_id is None

    # ---- who has it ----

    @property
    def holder(self) -> Holder:
        """Who has it."""
        post = self._held
        if post is None:
            return self._without_post
        if post.kind is PostKind.NOT_STROKE:
            return Holder(
                "over", self.say("you_say_no" if self._mine else "says_no", name=post.name), post.at
            )
        key, to = ("you_have_it" if self._mine else "has_it"), self._offered
        if to is not None:
            mine = to.id == self.actor.person_id
            key = "offers_you" if mine else "you_offer" if self._mine else "offers"
        words = self.say(key, name=post.name, to=to.name if to else "")
        return Holder("me" if self._mine else "other", words, post.at)

    @property
    def _without_post(self) -> Holder:
        """Nobody has it, or somebody who left no word in the thread."""
        case = self.scene.case
        if case.acknowledged_by:
            words = self.say("has_it", name=case.acknowledged_by)
            return Holder("other", words, case.times["acknowledged_at"])
        return Holder("nobody", self.say("nobody" if self._sent else "no_alert"))

    @property
    def _held(self) -> Post | None:
        return holder_of(self.scene.posts, self.scene.alert)

    @property
    def _mine(self) -> bool:
        post = self._held
        return bool(post and post.person_id and post.person_id == self.actor.person_id)

    @property
    def _offered(self) -> Person | None:
        """Whom the case was handed to and who has not taken it yet."""
        held = self._held
        since = [post for post in self.scene.posts if held and post.id > held.id]
        name = next((post.text for post in reversed(since) if post.kind is PostKind.HANDED_OVER), None)
        return next((person for person in self.scene.people.values() if person.name == name), None)

    @property
    def _sent(self) -> bool:
        return self.scene.case.times["alert_sent_at"] is not None

    # ---- whom to call ----

    @property
    def callees(self) -> list[Person]:
        """Whom to telephone: to whom it goes, who has it, then who is on duty, by role; nobody calls themselves."""
        offered, held = self._offered, self._held
        wanted = [offered.id if offered else None, held.person_id if held else None]
        wanted += [each for role in CALLED_ROLES for each in self.scene.duty.get(role, ())]
        found = (self.scene.people.get(each or "") for each in dict.fromkeys(wanted))
        return [person for person in found if person and person.phone and person.id != self.actor.person_id]

    @property
    def colleagues(self) -> list[Person]:
        """To whom it can be handed over."""
        able = [person for person in self.scene.people.values() if Right.ANSWER in person.rights]
        return [person for person in able if person.id != self.actor.person_id]

    # ---- what was said and done ----

    @property
    def posts(self) -> Sequence[Post]:
        """Everything that was said, oldest first."""
        return self.scene.posts

    @property
    def told(self) -> list[Told]:
        """Everybody who was called for this alert, and how far the alert came with them."""
        found: dict[str, list[Call]] = {}
        for call in self._calls:
            found.setdefault(call.person_id or "", []).append(call)
        named = ((self.scene.people.get(person_id), calls) for person_id, calls in found.items())
        return [_furthest(person.name, calls) for person, calls in named if person]

    @property
    def unseen(self) -> bool:
        """Whether there is an alert that nobody has opened, or that this person was called for and has not."""
        mine = (call for call in self._calls if call.person_id == self.actor.person_id)
        waits = self.scene.case.times["alert_opened_at"] is None
        return self._sent and (waits or any(call.state in UNOPENED for call in mine))

    @property
    def _calls(self) -> list[Call]:
        return [call for call in self.scene.calls if call.revision == self.scene.alert]

    @property
    def reasons_to_decline(self) -> list[str]:
        """Words of the buttons."""
        return [self.say(key) for key in DECLINING]

    @property
    def reasons_against(self) -> list[str]:
        """Words of the buttons."""
        return [self.say(key) for key in MISTAKES]
