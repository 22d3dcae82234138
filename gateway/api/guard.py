"""The door: who may pass, from which page, and what a browser may do with the answer."""

import time
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import quote, urlsplit

import structlog
from anyio import to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.callers import COOKIE, VISITOR_COOKIE, Caller, Callers
from gateway.api.lookup import READING, need_of
from gateway.api.needs import Need
from gateway.api.noting import Notes
from gateway.api.problems import Problem, answer, wants_page
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.feedback.bringing import LARGEST_BYTES as SEGMENTATION_BYTES
from gateway.identity.pace import CHANGING, Pace
from gateway.identity.pace import READING as READING_RATE
from gateway.sharing.protocol import PIECE_BYTES, STUDIES
from gateway.team.people import SITE, Actor, ActorKind
from triage.errors import TemporaryError

__all__ = ["COOKIE", "ENTRANCE", "VISITOR_COOKIE", "Guard", "actor_of", "from_us"]

log = structlog.get_logger()

ENTRANCE = "/open/"
"""Below it stand the links that leave the hospital; each is its own key."""
LARGEST_BODY_BYTES = 64 * 1024
"""Nobody sends us more than a token or a name; images come by DICOM."""
LARGEST_BODIES = {
    **dict.fromkeys(("/verify", "/api/v1/verify"), 8 * 1024**2),
    STUDIES: PIECE_BYTES,
}
"""Where a report is brought to be checked, ours are a third of a megabyte; and where partners send images, in pieces."""

STORE = "/dicom-web/studies"
"""Where a viewer saves what a radiologist has drawn."""

LOOK_AGAIN_S = 10.0
"""Whoever listens to live events is looked up again so often: somebody who was sent away hears nothing more."""

CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
VIEWER_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' data: blob:; "
    "frame-src 'self' blob:; object-src 'self' blob:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
"""OHIF compiles WebAssembly, styles itself inline and starts workers from blobs; it still talks to us only."""
EXPLORER_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
)
"""Orthanc Explorer and its web viewer show foreign text; without inline script, text stays text."""

POLICIES = (("/viewer/", VIEWER_POLICY), ("/orthanc/", EXPLORER_POLICY))

RETRY_AFTER = {"Retry-After": "2"}


class _LetInOnlyAfterLoginError(Exception):
    """A person in a browser who has not come in: the login page is the answer."""


class _SentAwayError(Exception):
    """A listener's session has ended while the answer was being sent."""


class Guard:
    """ASGI middleware in front of every route: puts the actor into the request's state, or answers itself."""

    def __init__(self, app: ASGIApp, reception: Reception) -> None:
        self._app = app
        self._reception = reception
        self._callers = Callers(reception.ledger, reception.access, reception.config.identity)
        self._notes = Notes(reception)
        self._public_host = urlsplit(reception.config.http.public_url).netloc
        self._paces = {True: Pace(READING_RATE), False: Pace(CHANGING)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in place of the application, or let the request pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        need = need_of(scope["method"], scope["path"])
        watch = _Watch(self, request, need, send)
        refusal = await self._refusal(request, need)
        try:
            await (refusal or self._app)(scope, receive, watch.send)
        except _SentAwayError:
            log.info("a listener whose session has ended was sent away")
        await self._notes.after(request, need, watch.status)

    async def look_again(self, request: Request, need: Need) -> bool:
        """Whether whoever was let in would still be."""
        try:
            await self._admit(request, need)
        except (Problem, _LetInOnlyAfterLoginError):
            return False
        return True

    async def _refusal(self, request: Request, need: Need) -> Response | None:
        """The answer to somebody who may not do this, or None; whoever may is in the request's state."""
        try:
            _check_body(request.method, request.url.path, request.headers)
            if need.right is not None or "/.." in request.url.path:
                request.state.actor = await self._admit(request, need)
                self._check_pace(request)
        except _LetInOnlyAfterLoginError:
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", HTTPStatus.SEE_OTHER)
        except Problem as problem:
            return answer(request, problem)
        return None

    async def _admit(self, request: Request, need: Need) -> Actor:
        if self._callers.is_site(request.headers):
            return SITE
        try:
            callers = await to_thread.run_sync(self._found, request.headers)
        except (TemporaryError, SQLAlchemyError) as exc:
            log.warning("nobody can be looked up", kind=type(exc).__name__)
            said = "the database does not answer, so nobody can be let in; look at /readyz and try again"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, said, RETRY_AFTER) from exc
        return self._chosen(request, need, callers)

    def _found(self, headers: Headers) -> list[Caller]:
        return list(self._callers.of(headers, self._reception.now()))

    def _chosen(self, request: Request, need: Need, callers: list[Caller]) -> Actor:
        """The first caller who may do this, from a page of ours."""
        method, path, query = request.method, request.url.path, request.url.query
        caller = next((found for found in callers if found.may(need, method, path, query)), None)
        if caller is None:
            raise _refused(request, need, callers)
        if caller.by_cookie and method not in READING and not from_us(request.headers, self._public_host):
            log.warning("state change from another site refused", path=_route(path))
            raise Problem(HTTPStatus.FORBIDDEN, "this must be asked for from the console's own pages")
        return caller.actor

    def _check_pace(self, request: Request) -> None:
        """Slow somebody down who asks faster than a person and her viewer do; machines of the site are trusted."""
        actor = actor_of(request)
        if actor is SITE:
            return
        who = actor.session_id or actor.call_id or actor.case_id or ""
        wait_s = self._paces[request.method in READING].wait_s(who)
        if wait_s:
            log.warning("too many requests of one session", kind=actor.kind.value)
            said = f"too many requests at once: wait {wait_s:.0f} s and try again"
            raise Problem(HTTPStatus.TOO_MANY_REQUESTS, said, {"Retry-After": f"{wait_s + 1:.0f}"})


class _Watch:
    """Sends an answer with the security headers, and ends a stream whose listener may not listen any more."""

    def __init__(self, guard: Guard, request: Request, need: Need, send: Send) -> None:
        self.status = 0
        self._guard, self._request, self._need, self._send = guard, request, need, send
        self._due_s: float | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            _secure(headers, self._request.url.path)
            self.status = message["status"]
            if headers.get("content-type", "").startswith("text/event-stream"):
                self._due_s = time.monotonic() + LOOK_AGAIN_S
        elif self._due_s is not None and time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + LOOK_AGAIN_S
            if not await self._guard.look_again(self._request, self._need):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})
                raise _SentAwayError
        await self._send(message)


def from_us(headers: Headers, public_host: str) -> bool:
    """Whether one of our own pages asked: the browser says so, or names our origin."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(headers.get("origin", "")).netloc
    return bool(origin) and origin in {headers.get("host"), public_host}


def _refused(request: Request, need: Need, callers: list[Caller]) -> Exception:
    """What to say to somebody who is none of those who may do this."""
    if any(caller.actor.kind in {ActorKind.PERSON, ActorKind.SITE} for caller in callers):
        request.state.refused = callers[0].actor
        right = need.right.value if need.right else ""
        said = f"your roles do not include the right to {right} here: ask an administrator for it"
        return Problem(HTTPStatus.FORBIDDEN, said)
    if callers:
        log.warning("a link was used beyond its case", path=_route(request.url.path))
        said = "this link opens one study, to read; for anything else log in at /login"
        if callers[0].actor.kind is ActorKind.LINK:
            said = "this alert's link opens one case, without whose it is; for anything else log in at /login"
        return Problem(HTTPStatus.FORBIDDEN, said)
    if request.method in READING and wants_page(request.url.path, request.headers.get("accept", "")):
        return _LetInOnlyAfterLoginError()
    return Problem(
        HTTPStatus.UNAUTHORIZED,
        "send the access token as `Authorization: Bearer ...`, or log in at /login",
        {"WWW-Authenticate": 'Bearer realm="stroke-gateway"'},
    )


def _check_body(method: str, path: str, headers: Headers) -> None:
    if method in READING:
        return
    length = headers.get("content-length", "0" if "transfer-encoding" not in headers else "")
    if not length.isdecimal():
        raise Problem(HTTPStatus.LENGTH_REQUIRED, "say the length of the body in Content-Length")
    most = LARGEST_BODIES.get(path, SEGMENTATION_BYTES if path.startswith(STORE) else LARGEST_BODY_BYTES)
    if int(length) > most:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {most} bytes; images come by DICOM")


def _route(path: str) -> str:
    """The first part of a path, which names nobody."""
    return "/" + path.lstrip("/").partition("/")[0]


def _secure(headers: MutableHeaders, path: str) -> None:
    policy = next((policy for folder, policy in POLICIES if path.startswith(folder)), CONSOLE_POLICY)
    defaults: Iterable[tuple[str, str]] = (
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "no-referrer"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cache-Control", "no-cache" if path.startswith("/static/") else "no-store"),
    )
    for name, value in defaults:
        headers.setdefault(name, value)
