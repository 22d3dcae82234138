"""The stroke team's phone, measured: ``python -m benchmarks.phone``.

A real Chromium before a staged site. The line is Chromium's own throttling: 1.6 Mbit/s and 150 ms, a 3G phone's. An
acknowledgement is timed from the tap on one page to the other pages' own text, on twenty pages of twenty sessions.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

import structlog
from playwright.sync_api import Browser, Page, sync_playwright

from gateway.team.people import Person
from tests.api.staging import close_site, serving
from tests.conftest import CHROMIUM, CHROMIUM_FLAGS
from tests.phone.staging import READER, TEAM, Team, stage_team

LINE = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
"""1.6 Mbit/s down, 0.75 Mbit/s up, 150 ms round trip: what Lighthouse calls a slow 4G, and a good 3G."""
SCREEN = {"width": 360, "height": 640}
SHAPE = (16, 256, 256)
"""Slices as a scanner sends them: the pictures weigh what they weigh."""

LOADS, PAGES, ROUNDS = 7, 20, 6
FIRST_PAINT_MS, LONGEST_BYTES, AT_ONCE_MS = 1000, 150_000, 500
AXE = Path(".cache/npm-peers/node_modules/axe-core/axe.min.js")
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
PICTURE = "() => performance.getEntriesByType('resource').filter(r => r.name.includes('/ct-')).map(r => r.responseEnd)[0]"
WATCH = """() => {
  const told = () => { window.toldAt ??= document.querySelector('#who.nobody') ? undefined : Date.now() };
  new MutationObserver(told).observe(document.querySelector('main'), {childList: true, subtree: true});
}"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    bound: str
    found: str
    met: bool


@dataclass(frozen=True, slots=True)
class Bench:
    """A browser before a team's site."""

    browser: Browser
    team: Team
    url: str

    @contextmanager
    def page(self, person: Person) -> Iterator[Page]:
        """A phone with nothing in its cache."""
        context = self.browser.new_context(viewport=SCREEN, base_url=self.url)
        context.add_cookies([self.team.cookie(person, self.url)])
        try:
            yield context.new_page()
        finally:
            context.close()

    def show(self, page: Page, name: str) -> Page:
        """Open a case, or the first page, and wait until it lives."""
        page.goto("/phone" if name == "home" else f"/phone/cases/{self.team.ids[name]}")
        if name != "home":
            page.wait_for_selector("#connection.on")
        return page


def rank(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share does not exceed."""
    return sorted(values)[ceil(share * len(values)) - 1]


def first_paint(bench: Bench) -> list[Row]:
    """A cold start over a slow line, the worst of a few, and everything that came until the picture was there."""
    paints, pictures, sizes = zip(*(_load(bench) for _ in range(LOADS)), strict=True)
    return [
        _at_most("first contentful paint, cold, worst", FIRST_PAINT_MS, max(paints), "ms"),
        Row(
            "  median; picture of the CT there, worst",
            "",
            f"{median(paints):.0f} ms; {max(pictures):.0f} ms",
            met=True,
        ),
        _at_most("bytes over the line, picture and script included", LONGEST_BYTES, max(sizes), "B"),
    ]


def _load(bench: Bench) -> tuple[float, float, int]:
    with bench.page(TEAM[0]) as page:
        session = page.context.new_cdp_session(page)
        received: list[int] = []
        session.on("Network.loadingFinished", lambda e: received.append(int(e["encodedDataLength"])))
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", LINE)
        page.goto(f"/phone/cases/{bench.team.ids['open']}", wait_until="load")
        page.wait_for_function(PAINTED)
        page.wait_for_function(PICTURE)
        return float(page.evaluate(PAINTED)), float(page.evaluate(PICTURE)), sum(received)


def acknowledged(bench: Bench) -> list[Row]:
    """From the tap on one page to what is written on all others."""
    names = [name for name in bench.team.ids if bench.team.case(name).times["alert_sent_at"]]
    open_cases = [name for name in names if not bench.team.case(name).times["acknowledged_at"]][:ROUNDS]
    contexts = [bench.browser.new_context(viewport=SCREEN, base_url=bench.url) for _ in range(PAGES)]
    for number, context in enumerate(contexts):
        context.add_cookies([bench.team.cookie(TEAM[number % len(TEAM)], bench.url)])
    pages = [context.new_page() for context in contexts]
    waits = [wait for name in open_cases for wait in _round(bench, pages, name)]
    for context in contexts:
        context.close()
    return [
        _at_most(
            f"acknowledgement on {PAGES} open pages, p95 of {len(waits)}", AT_ONCE_MS, rank(waits, 0.95), "ms"
        ),
        Row("  median; worst", "", f"{median(waits):.0f} ms; {max(waits):.0f} ms", met=True),
    ]


def _round(bench: Bench, pages: Sequence[Page], name: str) -> list[float]:
    for page in pages:
        bench.show(page, name)
        page.evaluate(WATCH)
    pages[0].evaluate(
        "() => { window.tappedAt = Date.now(); document.querySelector('.bar form button').click() }"
    )
    time.sleep(0.2)
    for page in pages:
        page.wait_for_function("() => window.toldAt")
    tapped = float(pages[0].evaluate("window.tappedAt"))
    return [float(page.evaluate("window.toldAt")) - tapped for page in pages]


def accessible(bench: Bench) -> list[Row]:
    """What axe-core calls serious or critical, in every state and language."""
    if not AXE.exists():
        return [Row("axe-core, serious or critical", "0", "not installed: make npm-peers", met=False)]
    found: list[Any] = []
    screens = 0
    for person in READER.values():
        with bench.page(person) as page:
            for name in (*bench.team.ids, "home"):
                found += _faults(bench.show(page, name), name)
                screens += 1
    return [
        Row(
            f"axe-core, serious or critical, on {screens} screens",
            "0",
            f"{len(found)} {found or ''}",
            not found,
        )
    ]


def _faults(page: Page, name: str) -> list[tuple[str, str]]:
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => { d.removeAttribute('name'); d.open = true })"
    )
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [(name, each["id"]) for each in found["violations"] if each["impact"] in {"serious", "critical"}]


def _at_most(what: str, bound: float, found: float, unit: str) -> Row:
    return Row(what, f"<= {bound:g} {unit}", f"{found:.0f} {unit}", found <= bound)


def main() -> None:
    """Measure, and print a table."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        team = stage_team(Path(folder), SHAPE)
        with serving(team.site) as url:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
            bench = Bench(browser, team, url)
            rows = [*first_paint(bench), *accessible(bench), *acknowledged(bench)]
            browser.close()
        close_site(team.site)
    print(f"{'':56}{'bound':>12}  {'found':<24}met")
    for row in rows:
        print(
            f"{row.what:56}{row.bound:>12}  {row.found:<24}{'yes' if row.met else 'NO'}"
            if row.bound
            else f"{row.what:56}{'':>12}  {row.found}"
        )


if __name__ == "__main__":
    main()
