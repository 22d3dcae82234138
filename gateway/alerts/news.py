"""What is told beside a result: who has the case, what stands no longer, that nothing is analysed, that a channel is tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.alerts.lines import short, single
from gateway.alerts.notice import QUIET, Notice, NoticeKind, tag_of
from gateway.alerts.wording import Words
from gateway.team.people import Role
from viewer_bridge.report.wording.language import Language


class Recall(StrEnum):
    """Why an alert stands no longer."""

    NOT_STROKE = "not_stroke"
    """Somebody who may say so has looked."""
    WITHDRAWN = "withdrawn"
    """The result was of another patient, or is not valid."""


@dataclass(frozen=True, slots=True)
class About:
    """The case of a notice, and where it can be seen."""

    case_id: str
    revision: int
    link: str


def taken(about: About, role: Role | None, language: Language, *, handed_over: bool = False) -> Notice:
    """Somebody has the case: by role, not by name."""
    words = Words(language)
    title = words("handed_over" if handed_over else "taken", who=words.who(role))
    return _of_case(about, NoticeKind.TAKEN, words, title, words("taken_line"))


def recalled(about: About, cause: Recall, role: Role | None, language: Language) -> Notice:
    """The alert before stands no longer."""
    words, key = Words(language), f"recalled_{cause.value}"
    return _of_case(about, NoticeKind.RECALLED, words, words(key, who=words.who(role)), words(f"{key}_line"))


def unavailable(
    subject: str, link: str, language: Language, minutes: int | None = None, *, over: bool = False
) -> Notice:
    """Nothing is analysed, since so many minutes where that is known; or it is `over`."""
    words = Words(language)
    if over:
        return _own(
            NoticeKind.UNAVAILABLE, words, subject, link, words("available"), [words("available_line")]
        )
    line = words("unavailable_now") if minutes is None else words("unavailable_since", minutes=minutes)
    return _own(NoticeKind.UNAVAILABLE, words, subject, link, words("unavailable"), [line])


def trouble(
    subject: str, title: str, lines: Sequence[str], link: str, language: Language, *, over: bool = False
) -> Notice:
    """Something of the gateway's own needs a person; `title` and `lines` are in `language` already."""
    words = Words(language)
    headline = words("trouble_over", title=title) if over else title
    return _own(NoticeKind.TROUBLE, words, subject, link, headline, lines)


def trial(subject: str, link: str, language: Language) -> Notice:
    """Somebody tries a channel."""
    words = Words(language)
    return _own(NoticeKind.TEST, words, subject, link, words("test"), [words("test_line")])


def _of_case(about: About, kind: NoticeKind, words: Words, title: str, line: str) -> Notice:
    return Notice(
        kind=kind,
        language=words.language,
        headline=short(title),
        lines=(line,),
        link=about.link,
        tag=tag_of(about.case_id),
        disclaimer=words("disclaimer"),
        urgent=kind not in QUIET,
        case_id=about.case_id,
        revision=about.revision,
    )


def _own(kind: NoticeKind, words: Words, subject: str, link: str, title: str, lines: Sequence[str]) -> Notice:
    return Notice(
        kind=kind,
        language=words.language,
        headline=short(title),
        lines=tuple(single(line) for line in lines),
        link=link,
        tag=tag_of(subject),
        disclaimer=words("disclaimer"),
        urgent=kind not in QUIET,
    )
