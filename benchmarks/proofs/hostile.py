"""Twenty thousand strings in every place that a person can write into, drawn by every page that shows them."""

import csv
import io
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

from benchmarks.proofs import places
from benchmarks.proofs.browser import Trap, trapped
from benchmarks.proofs.strings import marks, strings
from benchmarks.proofs.table import Row, caught, none_of
from gateway.console.rendering import environment
from gateway.statistics.table import FORMULAS
from tests.api.staging import browser_like, close_site, serving
from tests.phone.staging import LE, Team, stage_team

NUMBER, AT_ONCE = 20_000, 1000
TOURS = 5
"""Live pages draw every string; all other pages are visited whenever so many batches were written."""
PATIENCE_MS = 30_000
SHAPE = (4, 32, 32)

PAGES = (
    "/", "/cases/{taken}", "/phone/cases/{taken}", "/phone", "/people", "/people/{me}", "/rota", "/rota/stroke_doctor", "/me",
    "/audit", "/sources", "/statistics", "/orders", "/orders/{message}", "/destinations", "/jobs", "/storage", "/times",
    "/cases/{taken}/sign-off", "/cases/{other}", "/phone/cases/{other}", "/audit?person={me}", "/verify",
)  # fmt: skip
LIVE = ("/cases/{taken}", "/phone/cases/{taken}")
"""Kept open: what is new comes to them by server-sent events."""
TABLES = (
    "/audit.csv",
    "/api/v1/statistics/registry?from=2020-01-01&to=2099-01-01",
    "/api/v1/statistics/months/{month}/csv",
)


class Walk:
    """One browser before one site, batch after batch."""

    def __init__(self, team: Team, trap: Trap, url: str) -> None:
        self.team, self.trap, self.url = team, trap, url
        self.written: dict[str, set[str]] = {}
        self.cells: list[str] = []
        self.read = 0
        self.broken: list[str] = []
        self.told: Counter[str] = Counter()
        self.live = {address: self._opened(address) for address in LIVE}
        self.page = trap.page()

    def address(self, pattern: str) -> str:
        """An address of this site."""
        month = self.team.site_now().strftime("%Y-%m")
        ids = self.team.ids
        return pattern.format(taken=ids["taken"], other=ids["no_perfusion"], me=LE.id, message=1, month=month)

    def _opened(self, address: str) -> Page:
        page = self.trap.page()
        with self._noted(address):
            page.goto(self.address(address), wait_until="domcontentloaded")
        return page

    def batch(self, texts: Sequence[str], pages: Sequence[str] = PAGES) -> None:
        """Write strings everywhere, and look at every page."""
        written = places.write(places.Batch(self.team, LE, texts))
        for place, found in written.items():
            self.written.setdefault(place, set()).update(found)
        wanted = marks(texts[-1])
        for address, page in self.live.items():
            self._await(address, page, wanted)
        for address in pages:
            self._look(address)
        self._read_tables()

    def _await(self, address: str, page: Page, wanted: set[str]) -> None:
        """A live page shows what is new without being asked."""
        look = "mark => document.body.innerHTML.includes(mark)"
        with self._noted(f"live {address}"):
            page.wait_for_function(look, arg=next(iter(wanted)), timeout=PATIENCE_MS)
            self.told[address] += len(self.trap.look(page, f"live {address}"))

    def _look(self, address: str) -> None:
        with self._noted(address):
            answer = self.page.goto(self.address(address), wait_until="load")
            if answer is None or not answer.ok:
                self.broken.append(f"{address}: {answer and answer.status}")
            self.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
            self.trap.look(self.page, address)

    @contextmanager
    def _noted(self, address: str) -> Iterator[None]:
        """A page that a string leads away, or that shows nothing, is a finding."""
        try:
            yield
        except PlaywrightError as exc:
            self.broken.append(f"{address}: {exc.message.splitlines()[0][:90]}")

    def _read_tables(self) -> None:
        with browser_like(self.url) as client:
            client.headers.update(self.team.site.bearer)
            for address in TABLES:
                self._read_table(client, self.address(address))

    def _read_table(self, client: httpx.Client, address: str) -> None:
        answer = client.get(address, timeout=60)
        if not answer.is_success:
            self.broken.append(f"{address}: {answer.status_code}")
            return
        self.trap.drawn |= marks(answer.text)
        for row in csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"), newline="")):
            self.read += len(row)
            self.cells += [f"{address}: {cell[:60]!r}" for cell in row if would_run(cell)]


def would_run(cell: str) -> bool:
    """Whether a spreadsheet takes a cell for a formula; a plain number is none.

    >>> would_run("=1+1"), would_run("'=1+1"), would_run("-2.5"), would_run(" @SUM(A1)")
    (True, False, False, True)
    """
    begins = cell.startswith(FORMULAS) or cell.lstrip().startswith(FORMULAS)
    return begins and not cell.lstrip("+-").replace(".", "", 1).isdigit()


@contextmanager
def a_team() -> Iterator[tuple[Team, str]]:
    """A staged hospital and its address."""
    with tempfile.TemporaryDirectory() as name:
        team = places.prepared(stage_team(Path(name), SHAPE))
        with serving(team.site) as url:
            yield team, url
        close_site(team.site)


@contextmanager
def walking(browser: Browser, team: Team, url: str, *, policy: bool) -> Iterator[Walk]:
    """Somebody with every right, logged in."""
    with trapped(browser, url, policy=policy) as trap:
        trap.context.add_cookies([team.cookie(LE, url)])
        yield Walk(team, trap, url)


@contextmanager
def unescaped() -> Iterator[None]:
    """The very same pages by templates that forget to escape."""
    templates = environment()
    templates.autoescape = False
    templates.cache.clear()  # type: ignore[union-attr]
    try:
        yield
    finally:
        templates.autoescape = True
        templates.cache.clear()  # type: ignore[union-attr]


def prove(
    browser: Browser, number: int = NUMBER, at_once: int = AT_ONCE, pages: Sequence[str] = PAGES
) -> list[Row]:
    """Write, draw and watch; then forget to escape, and see that the watch notices."""
    texts = strings(number)
    begun = time.process_time()
    with a_team() as (team, url):
        with walking(browser, team, url, policy=False) as walk:
            for turn, start in enumerate(range(0, number, at_once)):
                walk.batch(texts[start : start + at_once], () if turn % TOURS else pages)
                sys.stderr.write(
                    f"{start + at_once} strings: {len(walk.trap.sprung)} ran, {len(walk.broken)} broke\n"
                )
        rows = _rows(walk, texts)
        rows += _controls(browser, team, url, texts[:150])
    return [*rows, Row("  CPU of server and driver, s", "", f"{time.process_time() - begun:.0f}")]


def _rows(walk: Walk, texts: Sequence[str]) -> list[Row]:
    lacking = len(texts) - len(walk.trap.drawn)
    live = ", ".join(f"{address.split('{')[0]} {count}" for address, count in walk.told.items())
    return [
        none_of(
            f"script executed, handlers and addresses of strangers; {len(texts)} strings, CSP turned off",
            walk.trap.sprung,
        ),
        Row("  pages looked at; places written into", "", f"{walk.trap.pages}; {len(walk.written)}"),
        Row("  strings never drawn by any page", "0", str(lacking), lacking == 0),
        Row("  strings drawn by live pages (server-sent events)", "", live),
        Row("  strings written, by place, fewest to most", "", _by_place(walk)),
        none_of("pages that broke over a string", walk.broken),
        none_of(f"cells that a spreadsheet would run, of {walk.read}", walk.cells),
    ]


def _by_place(walk: Walk) -> str:
    counts = sorted((len(found), name) for name, found in walk.written.items())
    return "".join(f"\n    {count:6} {name}" for count, name in counts)


def _controls(browser: Browser, team: Team, url: str, texts: Sequence[str]) -> list[Row]:
    places.write(places.Batch(team, LE, texts))
    with unescaped():
        with walking(browser, team, url, policy=False) as walk:
            walk.batch(texts, LIVE)
            planted = [each for each in walk.trap.sprung if "called on" in each]
        with walking(browser, team, url, policy=True) as walk:
            walk.batch(texts, LIVE)
            behind = [each for each in walk.trap.sprung if "called on" in each]
    return [
        caught("  control: templates that do not escape, CSP off: calls noticed", len(planted)),
        none_of("the same with the site's CSP: script executed", behind),
    ]
