"""What phones and programs ask about calls."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI

from gateway.access import Access
from gateway.api import calls, metrics, problems
from gateway.api.reception import Reception
from gateway.identity.invitations import invite
from gateway.ledger.call import CallState
from tests.calls.conftest import Team

ACCESS = Access("a token of twenty or more characters")


@dataclass
class Page:
    """A team, and the application that is asked about it."""

    team: Team
    app: FastAPI

    def ask(self, method: str, address: str, **what) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.request(method, address, **what)

        # In a thread of its own: a browser of another test may keep an event loop in this one.
        with ThreadPoolExecutor(1) as alone:
            return alone.submit(lambda: asyncio.run(once())).result()

    def get(self, address: str) -> httpx.Response:
        return self.ask("GET", address)

    def post(self, address: str, json: dict) -> httpx.Response:
        return self.ask("POST", address, json=json)


@pytest.fixture
def page(make_team):
    """A client beside a team of which one person was called by push."""
    team = make_team(levels=[{"name": "all", "role": "stroke_doctor", "who": "everybody"}])
    team.enter("le", "push", "le")
    team.conclude()
    team.settle()
    desk, app = team.desk, FastAPI()
    reception = Reception(desk.config, desk.ledger, desk.client, ACCESS, SimpleNamespace())
    problems.install(app)
    app.include_router(calls.routes(reception))
    app.include_router(metrics.routes(desk.ledger, desk.config))
    return Page(team, app)


def test_the_word_of_a_call_is_its_receipt_and_no_other_is(page):
    (call,) = page.team.calls
    address, ends_s = f"/api/v1/calls/{call.id}/received", time.time() + 60
    for word in (invite(ACCESS, "another", ends_s), invite(ACCESS, call.id, time.time() - 1), "x", ""):
        assert page.post(address, json={"word": word}).status_code == 403
    assert page.team.calls[0].state is CallState.SENT
    for _ in range(2):
        assert page.post(address, json={"word": invite(ACCESS, call.id, ends_s)}).status_code == 204
    assert page.team.calls[0].state is CallState.DELIVERED


def test_the_link_of_a_notice_holds_the_word_of_its_call(page):
    (call,) = page.team.calls
    ((_, key, notice),) = page.team.exchange.sent
    assert key == call.id
    word = notice.link.rpartition("/a/")[2]
    site = Access.open(page.team.desk.config.site.data_dir)
    assert calls.opened(word, site) == call.id
    assert len(notice.link) < 250


def test_who_was_called_can_be_read_without_an_address(page):
    for address in ("/api/v1/calls", f"/api/v1/cases/{page.team.case.id}/calls"):
        (plain,) = page.get(address).json()
        assert (plain["person"], plain["kind"], plain["state"], plain["level"]) == ("le", "push", "sent", 0)
        assert "push.example" not in str(plain)


def test_metrics_count_calls_by_kind_and_state(page):
    text = page.get("/metrics").text
    assert 'stroke_gateway_calls{kind="push",state="sent"} 1.0' in text
    assert 'stroke_gateway_calls{kind="email",state="failed"} 0.0' in text
    assert "stroke_gateway_call_to_acknowledged_seconds_count 0.0" in text
    assert "stroke_gateway_call_to_sent_seconds_count 1.0" in text
