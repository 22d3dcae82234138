"""The door: who may pass, from which page, and what a browser may do with the answer."""

from collections.abc import Iterable
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.access import Access
from gateway.api.problems import Problem, answer, wants_page
from gateway.api.scope import may_read
from gateway.passes import Pass, opened
from gateway.sharing.protocol import PIECE_BYTES, STUDIES

log = structlog.get_logger()

COOKIE = "stroke_gateway_session"
VISITOR_COOKIE = "stroke_gateway_pass"
ENTRANCE = "/open/"
"""Below it stand the links that leave the hospital; each is its own key."""
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/login", "/favicon.ico"})
EXCHANGE = "/api/v1/exchange/"
"""Below it other hospitals' gateways ask; each request is signed, and looked at there."""
OPEN_FOLDERS = ("/static/", ENTRANCE, EXCHANGE)
READING = frozenset({"GET", "HEAD", "OPTIONS"})
LARGEST_BODY_BYTES = 64 * 1024
"""Nobody sends us more than a token or a name; images come by DICOM."""
LARGEST_BODIES = {
    **dict.fromkeys(("/verify", "/api/v1/verify"), 8 * 1024**2),
    STUDIES: PIECE_BYTES,
}
"""Where a report is brought to be checked, ours are a third of a megabyte; and where partners send images, in pieces."""

CONSOLE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
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


class Guard:
    """ASGI middleware in front of every route."""

    def __init__(self, app: ASGIApp, access: Access, public_url: str) -> None:
        self._app = app
        self._access = access
        self._public_host = urlsplit(public_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in place of the application, or let the request pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                _secure(MutableHeaders(scope=message), path)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """The answer to somebody who may not do this, or None."""
        request = Request(scope)
        try:
            _check_body(scope["method"], scope["path"], request.headers)
            return None if is_open(scope["path"]) else self._check(request)
        except Problem as problem:
            return answer(request, problem)

    def _check(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._access.accepts(token.strip()):
            return None
        if self._access.knows(_cookie(request.headers, COOKIE)):
            if request.method not in READING and not self._from_us(request.headers):
                log.warning("state change from another site refused", path=_route(request.url.path))
                raise Problem(HTTPStatus.FORBIDDEN, "this must be asked for from the console's own pages")
            return None
        words = (
            token.strip() if scheme.lower() == "bearer" else "",
            _cookie(request.headers, VISITOR_COOKIE),
        )
        if granted := next((found for word in words if (found := opened(word, self._access))), None):
            _check_scope(request, granted)
            return None
        if request.method in READING and wants_page(request.url.path, request.headers.get("accept", "")):
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", HTTPStatus.SEE_OTHER)
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "send the access token as `Authorization: Bearer ...`, or log in at /login",
            {"WWW-Authenticate": 'Bearer realm="stroke-gateway"'},
        )

    def _from_us(self, headers: Headers) -> bool:
        """Whether one of our own pages asked: the browser says so, or names our origin."""
        site = headers.get("sec-fetch-site")
        if site is not None:
            return site == "same-origin"
        origin = urlsplit(headers.get("origin", "")).netloc
        return bool(origin) and origin in {headers.get("host"), self._public_host}


def is_open(path: str) -> bool:
    """Whether an address needs no authentication.

    >>> is_open("/healthz"), is_open("/static/console.css"), is_open("/cases/1"), is_open("/static/../cases")
    (True, True, False, False)
    """
    return path in OPEN_PATHS or (path.startswith(OPEN_FOLDERS) and ".." not in path)


def _check_body(method: str, path: str, headers: Headers) -> None:
    if method in READING:
        return
    length = headers.get("content-length", "0" if "transfer-encoding" not in headers else "")
    if not length.isdecimal():
        raise Problem(HTTPStatus.LENGTH_REQUIRED, "say the length of the body in Content-Length")
    most = LARGEST_BODIES.get(path, LARGEST_BODY_BYTES)
    if int(length) > most:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {most} bytes; images come by DICOM")


def _check_scope(request: Request, granted: Pass) -> None:
    """Let a pass read its own study and nothing else."""
    reading = request.method in READING
    if not (reading and may_read(granted.study_uid, request.url.path, request.url.query)):
        log.warning("a pass was used beyond its study", path=_route(request.url.path))
        raise Problem(
            HTTPStatus.FORBIDDEN, "this link opens one study, to read; for anything else log in at /login"
        )


def _cookie(headers: Headers, name: str) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


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
