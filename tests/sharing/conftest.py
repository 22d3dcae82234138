"""Hospitals, one with a result and one with people."""

import pytest

from tests.calls.conftest import Exchange
from tests.sharing.hospitals import (
    LOWER,
    SECRET,
    UPPER,
    Hospital,
    a_site,
    two_hospitals,
)
from tests.sharing.receiver import staffed, with_doctors


@pytest.fixture
def exchange(monkeypatch):
    played = Exchange()
    monkeypatch.setattr("gateway.channels.sending.send", played.send)
    return played


@pytest.fixture
def team(tmp_path, exchange):
    """The upper hospital alone: letters come by hand."""
    partner = {"name": LOWER, "title": "BV Huyện", "url": "http://127.0.0.1:9", "secret": SECRET}
    site = a_site(tmp_path, UPPER, {**partner, "may_send": True}, 0)
    team = with_doctors(staffed(Hospital(site, site.config.sharing.partners[0]), exchange))
    yield team
    team.desk.switchboard.close()
    site.ledger.engine.dispose()


@pytest.fixture
def hospitals(tmp_path, exchange):
    """Both: the lower one has a result."""
    titles = {"lower": {"title": "BV Tỉnh trên"}, "upper": {"title": "BV Huyện"}}
    with two_hospitals(tmp_path, **titles) as (lower, upper):
        lower.receive(images=2)
        lower.conclude()
        team = with_doctors(staffed(upper, exchange))
        yield lower, team
        team.desk.switchboard.close()
