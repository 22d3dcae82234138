"""Letting somebody in: cookies, the browser in words, and the line in the access log."""

import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.callers import COOKIE, cookies_of
from gateway.api.problems import Problem
from gateway.api.reader import remember
from gateway.api.reception import Reception
from gateway.console.rendering import render
from gateway.console.speaking import spoken
from gateway.console.words.entry import ENTRIES
from gateway.console.words.factors import FACTORS
from gateway.console.words.refusals import refusal
from gateway.identity.accounts import Accounts
from gateway.identity.proving import Browser, Proving
from gateway.identity.sessions import PASSWORD_ONLY, PROVING_S, Sessions
from gateway.ledger.accesses import Action
from gateway.ledger.sessions import Session, Stage
from gateway.team.people import SITE, Actor, Person, actor_of_person
from viewer_bridge.report.wording.language import Language

log = structlog.get_logger()

STEP_COOKIE = "stroke_gateway_step"
"""Of somebody whose password was right and who still has to prove more."""
BROWSER_COOKIE = "stroke_gateway_browser"
BROWSER_S = 365 * 24 * 3600
"""How long a browser is remembered that somebody logged in with."""

NEXT_STEP = {Stage.SECOND: "/login/second", Stage.ENROL: "/login/enrol"}

_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def own_path(wanted: str) -> str:
    r"""Where to go after the login: a path of ours, else the list of cases.

    >>> own_path("/cases/1?x=2"), own_path("//evil.example/"), own_path("/\\evil.example"), own_path("javascript:1")
    ('/cases/1?x=2', '/', '/', '/')
    """
    parts = urlsplit(wanted)
    ours = wanted.startswith("/") and not parts.scheme and not parts.netloc
    return wanted if ours and wanted.isprintable() and "\\" not in wanted else "/"


def named_browser(agent: str) -> str:
    """What a browser calls itself, in two words.

    >>> named_browser("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36")
    'Chrome on Android'
    """
    browser = next((name for sign, name in _BROWSERS if sign in agent), "a program")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    return f"{browser} on {system}" if system else browser


@dataclass(frozen=True, slots=True)
class Entry:
    """The way in of one site; `secure` keeps cookies on https."""

    reception: Reception
    secure: bool

    @property
    def accounts(self) -> Accounts:
        """The site's accounts."""
        return Accounts.of(self.reception.config, self.reception.ledger, self.reception.access)

    @property
    def proving(self) -> Proving:
        """Looks at proofs."""
        return Proving(self.accounts)

    @property
    def sessions(self) -> Sessions:
        """The site's sessions."""
        return self.accounts.sessions

    def now(self) -> datetime:
        """The reception's clock."""
        return self.reception.now()

    def browser(self, request: Request) -> Browser:
        """Where a proof comes from."""
        word = cookies_of(request.headers).get(BROWSER_COOKIE, "")
        return Browser(self.address(request), word)

    def address(self, request: Request) -> str:
        """Who sent a request, also through a reverse proxy that the configuration names."""
        peer = request.client.host if request.client else ""
        proxies = self.reception.config.identity.proxies
        hops = [peer]
        if peer in proxies:
            forwarded = request.headers.get("x-forwarded-for", "").split(",")
            hops = [hop.strip() for hop in forwarded if hop.strip()] + [peer]
        return next((hop for hop in reversed(hops) if hop not in proxies), peer)

    def proven(self, request: Request) -> tuple[Session, Person]:
        """Whose password was right in this browser, a few minutes ago.

        Raises
        ------
        Problem
            401: nobody's.
        """
        found = self.sessions.find(cookies_of(request.headers).get(STEP_COOKIE, ""), self.now())
        if found is None or found[1] is None or found[0].stage is Stage.WHOLE:
            raise Problem(HTTPStatus.UNAUTHORIZED, "this took too long: begin again at /login")
        return found[0], found[1]

    def step(self, request: Request, person: Person, stage: Stage, answer: Response) -> None:
        """Let somebody whose password was right prove the rest, in this browser and for a few minutes."""
        device = named_browser(request.headers.get("user-agent", ""))
        word = self.sessions.begin(person, PASSWORD_ONLY, device, self.now(), stage)
        self._forget_former(request)
        self._set(answer, STEP_COOKIE, word, PROVING_S)

    def let_in(self, request: Request, person: Person | None, means: str, answer: Response) -> None:
        """Begin a session with a word of its own, ending what this browser had before; None is the access token."""
        now, agent = self.now(), request.headers.get("user-agent", "")
        word = self.sessions.begin(person, means, named_browser(agent), now)
        self._forget_former(request)
        self._set(answer, COOKIE, word, int(self.reception.config.identity.session_hours * 3600))
        answer.delete_cookie(STEP_COOKIE, path="/")
        if person is not None:
            self._set(answer, BROWSER_COOKIE, self.proving.remember(person), BROWSER_S)
            remember(answer, person.language, secure=self.secure)
        self.note(actor_of_person(person) if person else SITE, Action.LOGGED_IN, means)

    def note(self, actor: Actor | None, action: Action, detail: str) -> None:
        """A line in the access log."""
        self.reception.ledger.accesses.note(actor, action, None, detail, self.now())

    def leave(self, request: Request, answer: Response) -> None:
        """Log out."""
        self._forget_former(request)
        for name in (COOKIE, STEP_COOKIE):
            answer.delete_cookie(name, path="/")

    def page(
        self,
        template: str,
        language: Language,
        status: HTTPStatus = HTTPStatus.OK,
        *,
        said: str = "",
        **values: object,
    ) -> HTMLResponse:
        """A page of the way in, in somebody's language; `said` is what was wrong, in English."""
        shown = refusal(said, language) if said else None
        words = {"say": ENTRIES[language], "factor": FACTORS[language], **spoken(language)}
        return HTMLResponse(render(template, **words, said=shown, **values), status)

    def go(self, path: str) -> RedirectResponse:
        """Lead on to a page of ours."""
        return RedirectResponse(path, HTTPStatus.SEE_OTHER)

    def _forget_former(self, request: Request) -> None:
        cookies = cookies_of(request.headers)
        for name in (COOKIE, STEP_COOKIE):
            self.sessions.end(cookies.get(name, ""))

    def _set(self, answer: Response, name: str, value: str, seconds: int) -> None:
        answer.set_cookie(
            name, value, max_age=seconds, httponly=True, samesite="lax", secure=self.secure, path="/"
        )


def refuse_foreign(headers: Headers, public_url: str) -> None:
    """Let no other site log somebody in or out; a program that is no browser says nothing of where it is.

    Raises
    ------
    Problem
        403: another site's page asked.
    """
    site = headers.get("sec-fetch-site", "none")
    origin = urlsplit(headers.get("origin", "")).netloc
    ours = {"", headers.get("host", ""), urlsplit(public_url).netloc}
    if site in {"cross-site", "same-site"} or (site == "none" and origin not in ours):
        log.warning("login from another site refused")
        raise Problem(HTTPStatus.FORBIDDEN, "this must be asked for from the login page itself")


def printable_label(text: str) -> str:
    r"""A label without control characters.

    >>> printable_label("my\tphone ")
    'my phone'
    """
    return " ".join(re.sub(r"[^\w .,()'-]", " ", text).split())
