"""A real Chromium before a staged site."""

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.api.staging import close_site, open_site, serving, stage_everything

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Site, identifiers, address."""
    site = open_site(tmp_path_factory.mktemp("shown"))
    ids = stage_everything(site)
    with serving(site) as url:
        yield site, ids, url
    close_site(site)


@pytest.fixture
def a_page(chromium, shown):
    """A logged-in page; a complaint of the browser fails the test."""
    site, _, url = shown
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, base_url=url)
    page = context.new_page()
    complaints = []
    page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))
    page.goto(f"/login#token={site.access.token}&next=/")
    page.wait_for_url(f"{url}/")
    yield page
    context.close()
    assert complaints == []
