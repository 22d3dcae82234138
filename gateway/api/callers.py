"""Who sends a request: whatever it carries that proves somebody, looked up anew each time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers

from gateway.access import Access
from gateway.api.lookup import READING, case_of
from gateway.api.needs import Need
from gateway.api.scope import may_read
from gateway.identity import links
from gateway.identity.sessions import Sessions
from gateway.identity.settings import Identity
from gateway.ledger.ledger import Ledger
from gateway.passes import Pass
from gateway.team.people import SITE, Actor, ActorKind

COOKIE = "stroke_gateway_session"
VISITOR_COOKIE = "stroke_gateway_pass"
LINK_COOKIE = "stroke_gateway_link_"
"""Followed by the case's identifier: whoever has several alerts open has one of each."""
MOST_LINKS = 8
"""Cookies of alerts that are looked at; a browser that sends more was not given them by us."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may be let in; `by_cookie` when a foreign page could have made the browser ask."""

    actor: Actor
    by_cookie: bool
    granted: Pass | None = None

    def may(self, need: Need, method: str, path: str, query: str) -> bool:
        """Whether this is the caller's to do: by rights, and within the one case or study of a link."""
        if need.right is None:
            return True
        if self.granted is not None:
            return method in READING and may_read(self.granted.study_uid, path, query)
        mine = self.actor.kind is not ActorKind.LINK or (
            need.link and case_of(method, path, query) == self.actor.case_id
        )
        return mine and self.actor.may(need.right)


@dataclass(frozen=True, slots=True)
class Callers:
    """Looks callers up in the ledger of one site."""

    ledger: Ledger
    access: Access
    settings: Identity

    @property
    def sessions(self) -> Sessions:
        """The site's sessions."""
        return Sessions(self.ledger, self.access, self.settings)

    def is_site(self, headers: Headers) -> bool:
        """Whether the access token itself was sent; no look-up is needed for it."""
        word = bearer_of(headers)
        return bool(word) and self.access.accepts(word)

    def of(self, headers: Headers, now: datetime) -> Iterator[Caller]:
        """Everybody whom a request proves, the most trusted first."""
        if self.is_site(headers):
            yield Caller(SITE, by_cookie=False)
        cookies = cookies_of(headers)
        if actor := self.sessions.actor(cookies.get(COOKIE, ""), now):
            yield Caller(actor, by_cookie=True)
        for word in links_of(cookies):
            if actor := links.called(self.ledger, self.access, word, now):
                yield Caller(actor, by_cookie=True)
        for word, by_cookie in ((bearer_of(headers), False), (cookies.get(VISITOR_COOKIE, ""), True)):
            if word and (found := links.visitor(self.ledger, self.access, word, now)):
                yield Caller(found.actor, by_cookie, found.granted)


def bearer_of(headers: Headers) -> str:
    """The word of an Authorization header (RFC 6750 section 2.1), empty without one."""
    scheme, _, word = headers.get("authorization", "").partition(" ")
    return word.strip() if scheme.lower() == "bearer" else ""


def cookies_of(headers: Headers) -> Mapping[str, str]:
    """Cookies by name; none of a header that is no list of them."""
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}


def links_of(cookies: Mapping[str, str]) -> list[str]:
    """Words of alerts' links."""
    return [word for name, word in cookies.items() if name.startswith(LINK_COOKIE)][:MOST_LINKS]
