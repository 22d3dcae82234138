"""One staged site for everybody who only reads, and a fresh one for everybody who writes."""

import pytest

from tests.api.staging import browser_like, close_site, open_site, serving, stage_everything


@pytest.fixture
def a_site(tmp_path):
    site = open_site(tmp_path)
    yield site
    close_site(site)


@pytest.fixture
def an_api(a_site):
    with serving(a_site) as url, browser_like(url) as client:
        client.headers.update({**a_site.bearer, "Accept": "application/json"})
        yield client


@pytest.fixture(scope="session")
def staged(tmp_path_factory):
    """Site, identifiers of its cases, address."""
    site = open_site(tmp_path_factory.mktemp("staged"))
    ids = stage_everything(site)
    with serving(site) as url:
        yield site, ids, url
    close_site(site)
