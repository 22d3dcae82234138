"""A site with people, and browsers before it."""

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from uuid import uuid4

import httpx
import pyotp
import pytest
from sqlalchemy import delete

from gateway.identity.accounts import Accounts
from gateway.identity.passwords import Passwords
from gateway.ledger.sessions_tables import attempts, revocations
from gateway.ledger.statements import run
from gateway.team.people import Person, Role
from tests.api.staging import Site, browser_like, close_site, open_site, serving
from viewer_bridge.report.wording.language import Language

PASSWORD = "bốn con trâu gặm cỏ"
OWN = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class House:
    """A running site, and verbs of its administrator."""

    site: Site
    url: str

    @property
    def accounts(self) -> Accounts:
        return Accounts.of(self.site.config, self.site.ledger, self.site.access)

    def person(
        self,
        *roles: Role,
        login: str = "",
        password: str = PASSWORD,
        language: Language = Language.ENGLISH,
    ) -> Person:
        """Somebody new, with a password."""
        login = login or f"p{uuid4().hex[:8]}"
        held = frozenset(roles or (Role.STROKE_DOCTOR,))
        person = Person(str(uuid4()), login, f"Dr {login.upper()}", held, language)
        self.site.ledger.people.add(person, now())
        if password:
            self.site.ledger.credentials.set_password(person.id, hashed(password), now())
        return person

    def seed(self, person: Person) -> pyotp.TOTP:
        """An authenticator app that the person has confirmed, one step ago."""
        enrolment = self.accounts.begin_totp(person)
        app = pyotp.TOTP(enrolment.seed)
        before = datetime.fromtimestamp(now().timestamp() - 30, UTC)
        self.accounts.confirm_totp(person, app.at(before), before)
        return app

    @contextmanager
    def browser(self, person: Person | None = None):
        """A browser; logged in by a session of the ledger when a person is given."""
        with browser_like(self.url) as client:
            if person is not None:
                word = self.accounts.sessions.begin(person, "test", "test", now())
                client.cookies.set("stroke_gateway_session", word)
            yield client

    def log_in(
        self, client: httpx.Client, person: Person, password: str = PASSWORD, **more
    ) -> httpx.Response:
        values = {"login": person.login, "password": password, "next": "/", **more}
        return client.post("/login", data=values, headers=OWN)


@cache
def hashed(password: str) -> str:
    """One hash for all who have the password of the tests: each takes a core for a while."""
    return Passwords().hashed(password)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    """One site for all who do not mind each other's people."""
    site = open_site(tmp_path_factory.mktemp("identity"))
    site.receive("1.2.3")
    with serving(site) as url:
        yield House(site, url)
    close_site(site)


@pytest.fixture
def fresh_house(tmp_path):
    """A site of one's own."""
    site = open_site(tmp_path)
    with serving(site) as url:
        yield House(site, url)
    close_site(site)


@pytest.fixture(autouse=True)
def nobody_has_guessed(request):
    """All tests come from one address and ask about one case: what one guessed or took back is not another's."""
    if "house" in request.fixturenames:
        engine = request.getfixturevalue("house").site.ledger.engine
        for table in (attempts, revocations):
            run(engine, delete(table))
