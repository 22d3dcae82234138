"""What is told about a case, in the language of whoever is told, with a link that opens this case for this call alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Lock

from gateway.access import Access
from gateway.alerts.calling import Compose
from gateway.alerts.message import alert_for
from gateway.alerts.news import About, Recall, recalled, taken
from gateway.alerts.notice import Notice, NoticeKind
from gateway.alerts.picture import picture_in
from gateway.desk import Desk
from gateway.feedback.expectation import expectation
from gateway.identity.invitations import invite
from gateway.ledger.announcements import Announcement, standing_of
from gateway.ledger.call import Call
from gateway.ledger.records import Case, moment_of
from gateway.ledger.thread import Post, PostKind
from gateway.team.people import Person, Role
from triage.results import TriageResult
from viewer_bridge.report.wording.language import Language

Said = Callable[[Language], Notice]
"""One notice in each language, before its link is known."""


def of_result(desk: Desk, case: Case, kind: NoticeKind | None = None, *, quiet: bool = False) -> Compose:
    """The alert that stands, by the newest images; `kind` where it is not for the result to say."""
    told = desk.ledger.announcements.of_case(case.id)
    news = latest_of(case, told)

    def said(language: Language) -> Notice:
        notice = alert_of(desk, case, news, language, kind)
        return replace(notice, urgent=False) if quiet else notice

    return _composed(desk, said)


def of_answer(desk: Desk, case: Case, alert: int, holder: Post | None) -> Compose:
    """Somebody has the case, or has said that it is none: by role, not by name."""
    person = desk.ledger.people.get(holder.person_id) if holder and holder.person_id else None
    role = role_of(person)
    about = About(case.id, alert, desk.link(case.id))

    def said(language: Language) -> Notice:
        if holder is not None and holder.kind is PostKind.NOT_STROKE:
            return recalled(about, Recall.NOT_STROKE, role, language)
        return taken(about, role, language)

    return _composed(desk, said)


def alert_of(
    desk: Desk,
    case: Case,
    news: Announcement,
    language: Language,
    kind: NoticeKind | None = None,
) -> Notice:
    """What the team is told of a revision: no name, no number, no date of birth."""
    former = desk.ledger.announcements.get(case.id, news.former) if news.former else None
    result = TriageResult.from_json(news.result)
    received = desk.ledger.sharing.alarms.of_alert(case.id, news.revision)
    last_image_at = received.scanned_at if received else case.times["last_image_at"]
    expected = None if received else expectation(desk.ledger, result, desk.now())
    return alert_for(
        result,
        case_id=case.id,
        revision=news.revision,
        link=desk.link(case.id),
        last_image_at=moment_of(last_image_at) if last_image_at else None,
        now=desk.now(),
        former=TriageResult.from_json(former.result) if former else None,
        supersedes=news.former,
        change=news.reasons,
        language=language,
        expectation=expected.words(language) if expected else None,
        kind=kind,
        origin=desk.config.sharing.title_of(received.partner) if received else None,
    )


def latest_of(case: Case, told: Sequence[Announcement]) -> Announcement:
    """The newest word that goes with the alert that stands: the same alert, by the images that have come since."""
    alert = standing_of(case, told)
    mine = [news for news in told if news.revision >= alert]
    alone = Announcement(
        case.id, case.revision, former=None, rings=True, reasons=(), result=case.result or {}
    )
    return mine[-1] if mine else alone


def picture_of(desk: Desk, case_id: str, revision: int) -> Path | None:
    """The small picture of a revision, which may be drawn at this moment; None where there will be none."""
    return picture_in(desk.folder(case_id, revision))


def role_of(person: Person | None) -> Role | None:
    """The role that says most to the others.

    >>> role_of(Person("1", "le", "Lê", frozenset({Role.IT, Role.STROKE_DOCTOR})))
    <Role.STROKE_DOCTOR: 'stroke_doctor'>
    """
    return next((role for role in Role if person and role in person.roles), None)


def _composed(desk: Desk, said: Said) -> Compose:
    """Put a notice into each language once, and a link of its own into each call's."""
    known: dict[Language, Notice] = {}
    lock = Lock()
    access = Access.open(desk.config.site.data_dir)
    ends_s = (desk.now() + timedelta(hours=desk.config.alerts.link_hours)).timestamp()

    def compose(person: Person | None, call: Call) -> Notice:
        language = person.language if person else desk.config.alerts.language
        with lock:  # many lines ask at once, and one of them does the work
            notice = known[language] = known.get(language) or said(language)
        return replace(notice, link=f"{desk.config.http.base_url}/a/{invite(access, call.id, ends_s)}")

    return compose
