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
CONTROLS = """() => {
  const names = new Set();
  return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
    .filter(e => !e.disabled && e.tabIndex >= 0 && e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length)
    .filter(e => e.type !== 'radio' || (!names.has(e.name) && names.add(e.name)))
    .map((e, n) => { e.dataset.control = n; return n; }).length;
}"""
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const look = s => [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.backgroundColor, s.borderColor, s.color, s.textDecorationLine].join();
  const name = e.type === 'radio' ? document.querySelector(`[name="${e.name}"][data-control]`)?.dataset.control : e.dataset.control;
  const [at, on] = [getComputedStyle(e), []];
  for (let each = e; each && on.length < 3; each = each.parentElement) on.push(look(getComputedStyle(each)));
  const label = e.labels?.[0] ? look(getComputedStyle(e.labels[0])) : '';
  const outlined = at.outlineStyle !== 'none' && parseFloat(at.outlineWidth) > 0;
  const seen = outlined || at.boxShadow !== 'none' || (() => {
    e.blur();
    const off = [];
    for (let each = e; each && off.length < 3; each = each.parentElement) off.push(look(getComputedStyle(each)));
    const calm = e.labels?.[0] ? look(getComputedStyle(e.labels[0])) : '';
    e.focus();
    return off.join() !== on.join() || calm !== label;
  })();
  return { name: name ?? null, seen, html: e.outerHTML.slice(0, 100) };
}"""


@dataclass
class Visit:
    """What was found by whoever looked."""

    ids: dict[str, str]
    deep: bool
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
            self._walk(page, f"{who} {pattern}")

    def _walk(self, page: Page, where: str) -> None:
        wanted = set(range(page.evaluate(CONTROLS)))
        self.controls += len(wanted)
        html = dict(enumerate(page.evaluate(NAMED)))
        page.evaluate("document.activeElement?.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)")
        for _ in range(min(len(wanted) * 2 + 20, MOST_STEPS)):
            page.keyboard.press("Tab")
            at = page.evaluate(FOCUSED)
            if at is None:
                if not wanted:
                    break
                continue
            if not at["seen"]:
                self.unseen.append(f"{where}: {at['html']}")
            if at["name"] is not None:
                wanted.discard(int(at["name"]))
            if not wanted:
                break
        self.unreached += [f"{where}: {html[number]}" for number in sorted(wanted)]


NAMED = "() => [...document.querySelectorAll('[data-control]')].sort((a, b) => a.dataset.control - b.dataset.control).map(e => e.outerHTML.slice(0, 120))"


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
        welcome = accounts.welcome(HOA.id, now)
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
        visit = Visit(ids, deep=not short)
        everything = Person(
            "33333333-0000-4000-8000-000000000001", "all", "Dr All", frozenset(Role), Language.ENGLISH
        )
        for person in (everything, *people()):
            team.site.ledger.people.add(person, datetime.now(UTC))
        for who, pages, keyboard in _walks(team, everything, short):
            _look_at(browser, team, url, visit, who, pages, keyboard=keyboard)
        planted = _planted(browser, team, url, ids)
    return _rows(visit, planted)


def _walks(
    team: Team, everything: Person, short: bool
) -> Iterator[tuple[Person | None, Sequence[str], bool]]:  # noqa: FBT001 - passed on
    if short:
        yield everything, MAIN, False
        yield None, ("/login",), True
        return
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


def _planted(browser: Browser, team: Team, url: str, ids: dict[str, str]) -> tuple[int, int]:
    """Faults found on a page into which some were put."""
    context = browser.new_context(base_url=url, service_workers="block", bypass_csp=True)
    page = context.new_page()
    page.goto("/login")
    page.evaluate(AXE.read_text("utf-8"))
    page.evaluate(PLANT)
    visit = Visit(ids, deep=False)
    found = len(grave(page))
    visit._walk(page, "planted")
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
