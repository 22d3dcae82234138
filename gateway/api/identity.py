"""Ways in beside the password: passkeys, the hospital's own login, an alert's link; and taking sessions and links back."""

from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from gateway.api.callers import LINK_COOKIE, cookies_of
from gateway.api.entry import Entry, own_path, refuse_foreign
from gateway.api.login import show_login
from gateway.api.problems import Problem
from gateway.api.reader import reader
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.identity import invitations, links, oidc
from gateway.identity.directory import person_for
from gateway.identity.settings import Oidc
from gateway.ledger.accesses import Action
from triage.errors import InputError, TemporaryError
from viewer_bridge.report.wording.language import Language

log = structlog.get_logger()

JOURNEY_COOKIE = "stroke_gateway_oidc"
NO_LONGER = "this link has expired or was taken back: open the latest alert, or log in"


class Answer(BaseModel):
    """What a browser says of a passkey."""

    model_config = ConfigDict(extra="forbid")

    credential: dict[str, Any]
    proof: str = Field(max_length=512)
    label: str = Field(default="", max_length=80)
    next: str = Field(default="/", max_length=2000)


class Choice(BaseModel):
    """Which session to end; none means all but this one."""

    model_config = ConfigDict(extra="forbid")

    session: str | None = Field(default=None, max_length=36)


def by_passkey(entry: Entry, request: Request, answer: Answer, response: Response) -> dict[str, str]:
    """In, by a passkey, which is both factors."""
    try:
        person = entry.accounts.passkeys.finish_login(answer.credential, answer.proof, entry.now())
    except InputError as exc:
        entry.note(None, Action.LOGIN_FAILED, "passkey")
        raise Problem(HTTPStatus.UNAUTHORIZED, str(exc)) from exc
    entry.let_in(request, person, "passkey", response)
    return {"next": own_path(answer.next)}


def by_link(entry: Entry, word: str) -> Response:
    """Lead whoever has an alert's link to its case; a preview that a messenger draws changes nothing.

    Raises
    ------
    Problem
        403: the link opens nothing any more.
    """
    reception, now = entry.reception, entry.now()
    actor = links.called(reception.ledger, reception.access, word, now)
    found = invitations.read(word, reception.access)
    if actor is None or found is None:
        log.warning("link of an alert refused")
        raise Problem(HTTPStatus.FORBIDDEN, NO_LONGER)
    answer = RedirectResponse(f"/phone/cases/{actor.case_id}", HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        f"{LINK_COOKIE}{actor.case_id}",
        word,
        max_age=max(1, int(found.expires_s - now.timestamp())),
        httponly=True,
        samesite="lax",
        secure=entry.secure,
        path="/",
    )
    return answer


def to_provider(entry: Entry, provider: oidc.Provider, language: Language, wanted: str) -> Response:
    """Send the browser to the hospital's own login."""
    try:
        address, journey = provider.begin(own_path(wanted), entry.now())
    except TemporaryError as exc:
        return show_login(entry, language, wanted, str(exc), HTTPStatus.SERVICE_UNAVAILABLE)
    answer = RedirectResponse(address, HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        JOURNEY_COOKIE,
        journey.signed(entry.reception.access),
        max_age=oidc.JOURNEY_S,
        httponly=True,
        samesite="lax",
        secure=entry.secure,
        path="/login/oidc",
    )
    return answer


def from_provider(entry: Entry, provider: oidc.Provider, request: Request) -> Response:
    """In, by what the provider says; its answer fits one browser, once."""
    reception, now = entry.reception, entry.now()
    word = cookies_of(request.headers).get(JOURNEY_COOKIE, "")
    try:
        journey = oidc.opened(word, reception.access)
        who = provider.finish(journey, dict(request.query_params), now)
        person = person_for(reception.ledger, provider.settings, who, now)
    except TemporaryError as exc:
        return show_login(entry, reader(request), "/", str(exc), HTTPStatus.SERVICE_UNAVAILABLE)
    except InputError as exc:
        log.warning("login by the provider refused")
        entry.note(None, Action.LOGIN_FAILED, "provider")
        refused = show_login(entry, reader(request), "/", str(exc), HTTPStatus.UNAUTHORIZED)
        refused.delete_cookie(JOURNEY_COOKIE, path="/login/oidc")
        return refused
    answer = entry.go(own_path(journey.next))
    entry.let_in(request, person, "the hospital's login", answer)
    answer.delete_cookie(JOURNEY_COOKIE, path="/login/oidc")
    return answer


def sessions_of(entry: Entry, request: Request) -> list[dict[str, Any]]:
    """Sessions of whoever asks."""
    actor = actor_of(request)
    return [
        {
            "id": session.id,
            "means": session.means,
            "device": session.device,
            "opened_at": session.opened_at,
            "seen_at": session.seen_at,
            "ends_at": session.ends_at,
            "this": session.id == actor.session_id,
        }
        for session in entry.sessions.of(actor.person_id, entry.now())
    ]


def revoke_sessions(entry: Entry, request: Request, chosen: str | None) -> list[dict[str, Any]]:
    """End one session of whoever asks, or all but the one that asks."""
    actor, kept = actor_of(request), entry.reception.ledger.sessions
    if chosen is None:
        kept.revoke_all(actor.person_id, actor.session_id)
    elif not kept.revoke(chosen, actor.person_id):
        raise Problem(HTTPStatus.NOT_FOUND, "you have no such session: it has ended already")
    entry.note(actor, Action.REVOKED, "a session" if chosen else "all other sessions")
    return sessions_of(entry, request)


def routes(reception: Reception, *, secure: bool) -> APIRouter:
    """Passkeys, provider, links of alerts, and revocation."""
    router = APIRouter()
    entry = Entry(reception, secure)
    public_url = reception.config.http.public_url
    settings = reception.config.identity.oidc
    if settings is not None:
        router.include_router(provider_routes(entry, settings))

    @router.post("/login/passkey/begin", include_in_schema=False)
    def begin_passkey(request: Request) -> dict[str, Any]:
        refuse_foreign(request.headers, public_url)
        return entry.accounts.passkeys.begin_login(entry.now())

    @router.post("/login/passkey", include_in_schema=False)
    def finish_passkey(request: Request, answer: Answer, response: Response) -> dict[str, str]:
        refuse_foreign(request.headers, public_url)
        return by_passkey(entry, request, answer, response)

    @router.get("/a/{word}", include_in_schema=False)
    def open_alert(word: str) -> Response:
        return by_link(entry, word)

    @router.get("/api/v1/me/sessions", tags=["identity"], summary="Your sessions")
    def list_sessions(request: Request) -> list[dict[str, Any]]:
        return sessions_of(entry, request)

    @router.post("/api/v1/me/sessions/revoke", tags=["identity"], summary="End a session, or all others")
    def post_revoke(request: Request, body: Annotated[Choice | None, Body()] = None) -> list[dict[str, Any]]:
        return revoke_sessions(entry, request, body.session if body else None)

    @router.post(
        "/api/v1/cases/{case_id}/revoke",
        tags=["cases"],
        summary="Take back all links of a case made until now",
    )
    def post_revoke_case(case_id: str) -> dict[str, str]:
        links.revoke_case(reception.ledger, reception.case(case_id).id, reception.now())
        return {"case_id": case_id}

    @router.post("/cases/{case_id}/revoke", include_in_schema=False)
    def show_revoke_case(case_id: str, next: Annotated[str, Form()] = "") -> Response:  # noqa: A002 - public name
        links.revoke_case(reception.ledger, reception.case(case_id).id, reception.now())
        return entry.go(own_path(next) if next else f"/cases/{case_id}")

    return router


def provider_routes(entry: Entry, settings: Oidc) -> APIRouter:
    """To the hospital's own login and back."""
    router = APIRouter(include_in_schema=False)
    provider = oidc.Provider(settings, f"{entry.reception.config.http.base_url}{oidc.CALLBACK}")

    @router.get("/login/oidc")
    def ask_provider(request: Request, next: str = "/") -> Response:  # noqa: A002 - the parameter's public name
        return to_provider(entry, provider, reader(request), next)

    @router.get(oidc.CALLBACK)
    def back_from_provider(request: Request) -> Response:
        return from_provider(entry, provider, request)

    return router
