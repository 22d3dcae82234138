"""A site with a stroke team, and browsers before it."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from gateway.api.callers import COOKIE
from gateway.identity.accounts import Accounts
from gateway.ledger.records import utc_text
from gateway.team.people import Person, Role
from gateway.team.rota import Shift, Swap
from tests.api.staging import Site, browser_like, close_site, open_site, serving
from viewer_bridge.report.wording.language import Language

AXE = Path(__file__).parents[2] / ".cache/npm-peers/node_modules/axe-core/axe.min.js"
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 900}
OWN = {"Sec-Fetch-Site": "same-origin"}
EVIL = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"


@dataclass
class Team:
    """A running site, and verbs of whoever arranges it."""

    site: Site
    url: str
    complaints: list[str] = field(default_factory=list)

    @property
    def accounts(self) -> Accounts:
        return Accounts.of(self.site.config, self.site.ledger, self.site.access)

    def person(self, name: str, *roles: Role, **more) -> Person:
        values = {"language": Language.ENGLISH, "phone": "+84901234567", **more}
        person = Person(str(uuid4()), f"p{uuid4().hex[:10]}", name, frozenset(roles), **values)
        self.site.ledger.people.add(person, now())
        return person

    def always(self, person: Person, role: Role) -> None:
        """Put somebody on duty day and night."""
        for day in range(7):
            self.site.ledger.rota.add_shift(Shift(str(uuid4()), role, person.id, day, "00:00", "00:00"))

    def empty(self) -> None:
        """Close everybody's account and forget the rota: the next test has the site for itself."""
        for person in self.site.ledger.people.all():
            self.site.ledger.people.change(replace(person, active=False))
        plan = self.site.ledger.rota.written()
        for shift in plan.shifts:
            self.site.ledger.rota.drop_shift(shift.id)
        for swap in plan.swaps:
            self.site.ledger.rota.drop_swap(swap.id)

    def on_duty(self, role: Role) -> list[str]:
        with self.client() as client:
            found = client.get("/api/v1/rota/duty").json()
        return next([who["name"] for who in one["on_duty"]] for one in found if one["role"] == role)

    def word(self, person: Person, begun: datetime | None = None) -> str:
        return self.accounts.sessions.begin(person, "passkey", "Chrome on Android", begun or now())

    @contextmanager
    def client(self, person: Person | None = None, begun: datetime | None = None):
        """Without a person: whoever has the access token; `begun` is when the person logged in, now unless told."""
        with browser_like(self.url) as client:
            client.headers.update(OWN)
            if person is None:
                client.headers.update(self.site.bearer)
            else:
                client.cookies.set(COOKIE, self.word(person, begun))
            yield client

    @contextmanager
    def page(self, chromium, person: Person, viewport=PHONE, **more):
        """A browser that the person is logged in with."""
        context = chromium.new_context(viewport=viewport, base_url=self.url, **more)
        context.add_cookies([{"name": COOKIE, "value": self.word(person), "url": self.url}])
        page = context.new_page()
        page.on(
            "console",
            lambda said: self.complaints.append(said.text) if said.type in {"error", "warning"} else None,
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        yield page
        context.close()
        assert self.complaints == []

    def log(self, person: Person | None = None) -> list[str]:
        """What the access log says, youngest first."""
        rows = self.site.ledger.accesses.latest(person_id=person.id if person else None)
        return [f"{row.action}: {row.detail}" for row in rows]


def now() -> datetime:
    return datetime.now(UTC)


def a_swap(role: Role, absent: Person | None, instead: Person | None, hours: float = 2) -> Swap:
    at = [utc_text(now() + timedelta(hours=each)) for each in (-1, hours)]
    ids = (person.id if person else None for person in (absent, instead))
    return Swap(str(uuid4()), role, *at, *ids)


def grave(page) -> list[str]:
    """What axe-core calls serious or critical."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed (npm package axe-core, `make npm-peers`)")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run().then((found) => found.violations)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


def too_wide(page) -> int:
    """Pixels by which a page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


@pytest.fixture(scope="session")
def team(tmp_path_factory):
    """One site for all who do not mind each other's people."""
    site = open_site(tmp_path_factory.mktemp("team"))
    with serving(site) as url:
        yield Team(site, url)
    close_site(site)


@pytest.fixture
def fresh_team(tmp_path):
    """A site of one's own, with nobody in it."""
    site = open_site(tmp_path)
    with serving(site) as url:
        yield Team(site, url)
    close_site(site)


@pytest.fixture
def doctors(team):
    """Two stroke doctors, the first of whom is on duty day and night."""
    team.empty()
    an, binh = (team.person(name, Role.STROKE_DOCTOR) for name in ("BS Nguyễn Văn An", "BS Trần Thị Bình"))
    team.always(an, Role.STROKE_DOCTOR)
    return an, binh
