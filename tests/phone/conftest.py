"""A team's phones: real pages in a real Chromium, before a staged site."""

import pytest

from tests.api.staging import close_site, serving
from tests.phone.staging import stage_team

OFFLINE = "ERR_INTERNET_DISCONNECTED"
"""What a browser says when a test cuts the line."""
SCREEN = {"width": 360, "height": 640}


@pytest.fixture(scope="module")
def team_at(tmp_path_factory):
    """The team and its address."""
    team = stage_team(tmp_path_factory.mktemp("team"))
    with serving(team.site) as url:
        yield team, url
    close_site(team.site)


@pytest.fixture
def phone(chromium, team_at):
    """Phones of people, or of whoever has an alert's link; a complaint of the browser fails the test."""
    team, url = team_at
    contexts, complaints = [], []

    def of(person, link_to=None, **also):
        context = chromium.new_context(viewport=SCREEN, has_touch=True, base_url=url, **also)
        context.add_cookies([team.link_cookie(link_to, person, url) if link_to else team.cookie(person, url)])
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        contexts.append(context)
        return page

    yield of
    for context in contexts:
        context.close()
    assert [said for said in complaints if OFFLINE not in said] == []
