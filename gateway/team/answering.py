"""What people answer to an alert: who takes the case, who cannot, who says that it is none, and what is said about it.

An answer is written down first and told to the escalation then; whoever repeats it after a failure changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.engine import Client
from gateway.lanes import Priority, Queue
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import Case, utc_text
from gateway.ledger.thread import Post, PostKind
from gateway.team.people import Actor, ActorKind, Person, Right, Role
from triage.errors import InputError, TemporaryError

log = structlog.get_logger()

LONGEST_NAME = 64
"""Characters of a name, as the ledger keeps it."""
LONGEST_TEXT = 1000
"""Characters of a comment; a phone shows some forty lines of that."""

ANSWERED = "answered"
"""Signal that ends an alert's escalation."""
DECLINED = "declined"
"""Signal that sends it to the next level at once."""


class AnswerKind(StrEnum):
    """What somebody answers."""

    TAKE = "take"
    DECLINE = "decline"
    NOT_STROKE = "not_stroke"


@dataclass(frozen=True, slots=True)
class Rule:
    """What an answer does: the post it leaves, and whether it ends the escalation."""

    post: PostKind
    ends: bool
    wants_reason: bool = False
    roles: frozenset[Role] = frozenset(Role)


RULES: Mapping[AnswerKind, Rule] = {
    AnswerKind.TAKE: Rule(PostKind.TOOK, ends=True),
    AnswerKind.DECLINE: Rule(PostKind.DECLINED, ends=False),
    AnswerKind.NOT_STROKE: Rule(
        PostKind.NOT_STROKE,
        ends=True,
        wants_reason=True,
        roles=frozenset({Role.STROKE_DOCTOR, Role.RADIOLOGIST}),
    ),
}
"""Only who may decide it can end an alert by saying that it is no stroke, and not without a reason."""


def holder_of(posts: Sequence[Post], alert: int) -> Post | None:
    """Who has a case since the alert of revision `alert`: whoever took it last, or said that it is no stroke.

    >>> took = Post("a", 1, PostKind.TOOK, "1", "Dr Lê", "", "")
    >>> holder_of([took], 1) is took, holder_of([took], 2)
    (True, None)
    """
    ends = {rule.post for rule in RULES.values() if rule.ends}
    return next((post for post in reversed(posts) if post.kind in ends and post.revision >= alert), None)


def answer(
    ledger: Ledger, client: Client, case: Case, actor: Actor, kind: AnswerKind, text: str, now: datetime
) -> None:
    """Write an answer to the alert that stands down, and tell the escalation; a repeat changes nothing.

    Somebody who takes a case that another has takes it over: both posts stay, and the latest counts.

    Raises
    ------
    InputError
        No alert was sent yet, the answer is not this person's to give, or it wants a reason.
    TemporaryError
        It is written down, but the escalation could not be told: answer again.
    """
    _require(ledger, case, actor, kind, text)
    rule, alert = RULES[kind], ledger.announcements.standing(case)
    who = name_of(actor)
    _post_once(ledger, Post(case.id, alert, rule.post, actor.person_id, who, plain(text), utc_text(now)))
    if rule.ends:
        if ledger.announcements.stamp(case.id, alert, "acknowledged_at", now, acknowledged_by=who):
            log.info("alert answered", case_id=case.id, revision=alert, answer=kind.value)
        ledger.calls.answered(case.id, alert, actor.person_id, now)
        _tell(client, case.id, alert, ANSWERED)
    elif actor.person_id and ledger.calls.declined(case.id, alert, actor.person_id, now):
        _tell(client, case.id, alert, DECLINED)


def comment(ledger: Ledger, case: Case, actor: Actor, text: str, now: datetime) -> None:
    """Say something about a case to everybody who sees it.

    Raises
    ------
    InputError
        There are no words in it.
    """
    if not plain(text):
        raise InputError("an empty comment says nothing: write a word")
    alert = ledger.announcements.standing(case)
    kind, who = PostKind.COMMENT, name_of(actor)
    ledger.thread.add(Post(case.id, alert, kind, actor.person_id, who, plain(text), utc_text(now)))


def hand_over(ledger: Ledger, client: Client, case: Case, actor: Actor, to: Person, now: datetime) -> None:
    """Ask a colleague to take a case, and call them; it stays with whoever has it until then, so that nobody drops it.

    Raises
    ------
    InputError
        The colleague may not take cases, or is whoever asks.
    TemporaryError
        It is written down, but the colleague could not be called: ask again.
    """
    if Right.ANSWER not in to.rights or to.id == actor.person_id:
        raise InputError("choose a colleague who may take a case")
    alert, who = ledger.announcements.standing(case), name_of(actor)
    kind = PostKind.HANDED_OVER
    number = ledger.thread.add(Post(case.id, alert, kind, actor.person_id, who, to.name, utc_text(now)))
    key, what = f"summon:{case.id}:{number}", (case.id, alert, to.id, number)
    client.submit("summon", key, *what, queue=Queue.URGENT, priority=Priority.URGENT)


def note_call(ledger: Ledger, case: Case, actor: Actor, whom: str, now: datetime) -> None:
    """Note that somebody dialled a colleague from the case's page; `whom` is the colleague's name."""
    alert, who = ledger.announcements.standing(case), name_of(actor)
    ledger.thread.add(Post(case.id, alert, PostKind.CALLED, actor.person_id, who, plain(whom), utc_text(now)))


def say(ledger: Ledger, case: Case, text: str, now: datetime) -> None:
    """Let the gateway say something in a case's thread; once, whatever is repeated."""
    alert = ledger.announcements.standing(case)
    _post_once(ledger, Post(case.id, alert, PostKind.SYSTEM, None, "stroke-gateway", text, utc_text(now)))


def name_of(actor: Actor) -> str:
    """The name that is written down: one line, as long as the ledger keeps it."""
    return " ".join(plain(actor.name).split())[:LONGEST_NAME] or "somebody"


def plain(text: str) -> str:
    r"""Text without control characters but line breaks, as long as the ledger keeps it.

    >>> plain("a\x1b[31mb\r\nc\u202ed")
    'a[31mb\ncd'
    """
    kept = "".join(letter for letter in text if letter == "\n" or letter.isprintable())
    return kept.strip()[:LONGEST_TEXT]


def _require(ledger: Ledger, case: Case, actor: Actor, kind: AnswerKind, text: str) -> None:
    rule = RULES[kind]
    if case.times["alert_sent_at"] is None:
        raise InputError("no alert was sent for this case yet: there is nothing to answer")
    if rule.wants_reason and not plain(text):
        raise InputError("say why in a few words: the others will read it")
    person = ledger.people.get(actor.person_id) if actor.person_id else None
    if person is not None and not person.roles & rule.roles:
        raise InputError("this is for a stroke doctor or a radiologist to say: decline, or write a comment")
    if person is None and actor.kind is not ActorKind.SITE:
        raise InputError("this answer needs a name: log in")


def _post_once(ledger: Ledger, post: Post) -> None:
    """Post unless it was said already and nobody has taken the case since."""
    same = [said for said in ledger.thread.of_case(post.case_id) if said.revision == post.revision]
    ends = {rule.post for rule in RULES.values() if rule.ends}
    said = [each for each in same if each.kind in ends][-1:] if post.kind in ends else same
    if not any(_word(each) == _word(post) for each in said):
        ledger.thread.add(post)


def _word(post: Post) -> tuple[PostKind, str | None, str, str]:
    return post.kind, post.person_id, post.name, post.text


def _tell(client: Client, case_id: str, alert: int, value: str) -> None:
    try:
        client.signal(f"alert:{case_id}:r{alert}", ANSWERED, value)
    except (TemporaryError, SQLAlchemyError) as exc:
        log.warning("escalation not told", case_id=case_id, kind=type(exc).__name__)
        raise TemporaryError(
            "the answer is recorded, but the escalation could not be told: answer again"
        ) from exc
