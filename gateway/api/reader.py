"""Which language somebody reads: their own, else what this browser was told or used last, else what it asks for."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.console.phone_words import language_of
from gateway.team.people import Actor
from viewer_bridge.report.wording.language import Language

LANGUAGE_COOKIE = "stroke_gateway_language"
"""Hospitals' computers are often set to English whatever their people speak; it says nothing of who they are."""
LANGUAGE_S = 365 * 24 * 3600
OTHERWISE = Language.VIETNAMESE
"""Where nothing fits: the gateway was made for hospitals in Viet Nam."""


def reader(request: Request) -> Language:
    """The language of whoever asks.

    A person who is logged in has one; so has whoever opened an alert's link. Before the login it is the one that was last
    chosen or used in this browser, then the first of ours that the browser asks for.
    """
    actor: Actor | None = getattr(request.state, "actor", None) or getattr(request.state, "refused", None)
    if actor is not None and actor.language is not None:
        return actor.language
    known = request.cookies.get(LANGUAGE_COOKIE, "")
    if known in set(Language):
        return Language(known)
    return language_of(request.headers.get("accept-language", ""), OTHERWISE)


def remember(answer: Response, language: Language, *, secure: bool) -> None:
    """Let the next page before a login be in this language."""
    answer.set_cookie(
        LANGUAGE_COOKIE,
        language.value,
        max_age=LANGUAGE_S,
        httponly=True,
        samesite="lax",
        secure=secure,
        path="/",
    )
