"""A real Chromium before a staged site."""

import pytest

from tests.api.staging import close_site, open_site, serving, stage_everything


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
