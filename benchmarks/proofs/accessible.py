"""Every page of console and phone, by whoever sees it differently: axe-core at two widths, and a keyboard alone."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.proofs.table import Row, caught, none_of
from gateway.api.callers import COOKIE
from gateway.identity.accounts import Accounts
from gateway.team.people import Person, Role
from tests.api.staging import close_site, serving
from tests.phone.staging import HOA, LE, SAM, Team, stage_team
from viewer_bridge.report.wording.language import Language

AXE = Path(".cache/npm-peers/node_modules/axe-core/axe.min.js")
WIDTHS = (360, 1280)
HEIGHT = 800
SHAPE = (4, 32, 32)
MOST_STEPS = 400

STATES = (
    "open", "taken", "untrusted", "no_volumes", "not_analysed", "uncertain", "nothing", "not_stroke", "drawing", "revised",
    "recalled", "receiving", "analysing", "no_perfusion", "recomputing",
)  # fmt: skip
PAGES = (
    "/", "/people", "/people/{hoa}", "/rota", "/rota/stroke_doctor", "/me", "/me/password", "/me/codes", "/audit", "/sources",
    "/statistics", "/orders", "/destinations", "/jobs", "/storage", "/times", "/verify", "/docs", "/cases/{open}/sign-off", "/phone",
    "/nothing-here",
)  # fmt: skip
DIFFERING = (
    "/",
    "/cases/{open}",
    "/cases/{revised}",
    "/phone",
    "/phone/cases/{open}",
    "/sources",
    "/rota",
    "/me",
    "/jobs",
)
"""Pages that offer less to those with fewer rights."""
LOGGED_OUT = (
    "/login",
    "/welcome/{welcome}",
    "/static/phone-offline.html",
    "/open/nothing",
    "/a/nothing",
    "/login?next=/people",
)
MAIN = (
    "/",
    "/cases/{open}",
    "/phone/cases/{open}",
    "/phone",
    "/people",
    "/rota",
    "/me",
    "/audit",
    "/sources",
)

OPEN = "document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })"
LOOKS = """
  window.looks = (e) => {
    const look = s => [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.backgroundColor, s.borderColor, s.color, s.textDecorationLine].join();
    const on = e.labels?.[0] ? [look(getComputedStyle(e.labels[0]))] : [];
    for (let each = e; each && on.length < 4; each = each.parentElement) on.push(look(getComputedStyle(each)));
    return on.join();
  };"""
"""How a control, its label and what stands around it look: a ring may be drawn on any of them."""
CONTROLS = (
    """() => {"""
    + LOOKS
    + """
  const names = new Set();
  window.calm = new Map();
  return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length)
    .filter(e => e.type !== 'radio' || (!names.has(e.name) && names.add(e.name)))
    .map((e, n) => { e.dataset.control = n; window.calm.set(e, window.looks(e)); return e.outerHTML.slice(0, 120); });
}"""
)
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const name = e.type === 'radio' ? document.querySelector(`[name="${e.name}"][data-control]`)?.dataset.control : e.dataset.control;
  return { name: name ?? null, seen: !window.calm.has(e) || window.calm.get(e) !== window.looks(e), html: e.outerHTML.slice(0, 100) };
}"""
CALM = "document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)"
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"
"""A look that fades in is a look."""


@dataclass
class Visit:
    """What was found by whoever looked."""

    ids: dict[str, str]
    pages: int = 0
    runs: int = 0
    controls: int = 0
    grave: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    def look(self, page: Page, pattern: str, who: str, *, keyboard: bool) -> None:
        """One page at every width, then by keyboard."""
        address = pattern.format(**self.ids)
        page.set_viewport_size({"width": WIDTHS[0], "height": HEIGHT})
        page.goto(address, wait_until="load")
        page.evaluate(OPEN)
        self.pages += 1
        page.evaluate(AXE.read_text("utf-8"))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            self.runs += 1
            self.grave += [f"{who} {pattern} {width} px: {each}" for each in grave(page)]
        if keyboard:
            self.walk(page, f"{who} {pattern}")

    def walk(self, page: Page, where: str) -> None:
        """From the top of the page by Tab alone, until every control was met."""
        page.add_style_tag(content=STILL)
        page.evaluate(CALM)
        html = dict(enumerate(page.evaluate(CONTROLS)))
        wanted = set(html)
        self.controls += len(wanted)
        doubted: dict[str, bytes] = {}
        for _ in range(min(len(wanted) * 4 + 20, MOST_STEPS)):
            page.keyboard.press("Tab")
            at = page.evaluate(FOCUSED)
            if at and at["name"] is not None:
                wanted.discard(int(at["name"]))
                if not at["seen"]:
                    doubted[at["name"]] = _shot(page, at["name"])
            if not wanted:
                break
        page.evaluate(CALM)
        self.unseen += [f"{where}: {html[int(n)]}" for n, shot in doubted.items() if shot == _shot(page, n)]
        self.unreached += [f"{where}: {html[number]}" for number in sorted(wanted)]


def _shot(page: Page, name: str) -> bytes:
    """How a control is painted: the buttons inside a field of a date have a ring of their own, which no style tells."""
    return page.locator(f"[data-control='{name}']").screenshot(caret="hide")


def grave(page: Page) -> list[str]:
    """What axe-core calls serious or critical."""
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] }).then((all) => all.violations)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:140]}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


@contextmanager
def _site() -> Iterator[tuple[Team, str, dict[str, str]]]:
    with tempfile.TemporaryDirectory() as name:
        team = stage_team(Path(name), SHAPE)
        ledger = team.site.ledger
        now = datetime.now(UTC)
        accounts = Accounts.of(team.site.config, ledger, team.site.access)
        welcome = accounts.welcome(HOA, now)
        with serving(team.site) as url:
            yield team, url, {**team.ids, "hoa": HOA.id, "welcome": welcome}
        close_site(team.site)


def people() -> list[Person]:
    """Somebody of each role."""
    ids = (f"22222222-0000-4000-8000-00000000000{n}" for n in range(9))
    return [
        Person(number, role.value, f"Dr {role.value}", frozenset({role}), Language.ENGLISH)
        for number, role in zip(ids, Role, strict=False)
    ]


def prove(browser: Browser, *, short: bool = False) -> list[Row]:
    """Look at everything."""
    if not AXE.exists():
        return [Row("axe-core, serious or critical", "0", "not installed: make npm-peers", met=False)]
    with _site() as (team, url, ids):
        visit = Visit(ids)
        everything = Person(
            "33333333-0000-4000-8000-000000000001", "all", "Dr All", frozenset(Role), Language.ENGLISH
        )
        for person in (everything, *people()):
            team.site.ledger.people.add(person, datetime.now(UTC))
        for who, pages, keyboard in (_main_walks if short else _walks)(everything):
            _look_at(browser, team, url, visit, who, pages, keyboard=keyboard)
        planted = _planted(browser, url, ids)
    return _rows(visit, planted)


Walks = Iterator[tuple[Person | None, Sequence[str], bool]]
"""Who looks at which pages, and whether by keyboard too."""


def _main_walks(everything: Person) -> Walks:
    yield everything, MAIN, False
    yield None, ("/login",), True


def _walks(everything: Person) -> Walks:
    cases = [f"/cases/{{{name}}}" for name in STATES]
    phones = [f"/phone/cases/{{{name}}}" for name in STATES]
    yield None, LOGGED_OUT, True
    yield everything, (*PAGES, *cases, *phones), True
    for person in people():
        yield person, DIFFERING, False
    yield SAM, phones[:4], False
    yield LE, phones[:4], False


def _look_at(
    browser: Browser,
    team: Team,
    url: str,
    visit: Visit,
    who: Person | None,
    pages: Sequence[str],
    *,
    keyboard: bool,
) -> None:
    context = browser.new_context(base_url=url, service_workers="block", bypass_csp=True)
    if who is not None:
        context.add_cookies([_cookie(team, who, url)])
    page = context.new_page()
    for pattern in pages:
        visit.look(page, pattern, who.login if who else "nobody", keyboard=keyboard)
    context.close()


def _cookie(team: Team, person: Person, url: str) -> dict[str, Any]:
    accounts = Accounts.of(team.site.config, team.site.ledger, team.site.access)
    word = accounts.sessions.begin(person, "passkey", "proof", datetime.now(UTC))
    return {"name": COOKIE, "value": word, "url": url}


PLANT = """() => {
  document.body.insertAdjacentHTML('beforeend', '<input><a href="/x" tabindex="-1" id="planted">x</a><style>#bare:focus { outline: none; box-shadow: none }</style><a href="/y" id="bare" style="text-decoration: none">y</a>');
  document.getElementById('bare').style.setProperty('outline', 'none', 'important');
}"""


def _planted(browser: Browser, url: str, ids: dict[str, str]) -> tuple[int, int]:
    """Faults found on a page into which some were put."""
    context = browser.new_context(base_url=url, service_workers="block", bypass_csp=True)
    page = context.new_page()
    page.goto("/login")
    page.evaluate(AXE.read_text("utf-8"))
    page.evaluate(PLANT)
    visit = Visit(ids)
    found = len(grave(page))
    visit.walk(page, "planted")
    context.close()
    return found, len(visit.unseen)


def _rows(visit: Visit, planted: tuple[int, int]) -> list[Row]:
    rows = [
        none_of(
            f"axe-core, serious or critical: {visit.pages} pages, {visit.runs} runs at {WIDTHS} px",
            visit.grave,
        ),
        caught("  control: a field without a label", planted[0]),
    ]
    if visit.controls:
        rows += [
            none_of(f"controls that a keyboard does not reach, of {visit.controls}", visit.unreached),
            none_of("controls whose focus cannot be seen", visit.unseen),
            caught("  control: a link without a ring", planted[1]),
        ]
    return rows
