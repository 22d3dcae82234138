"""What a person sees of orders: expected stroke codes, studies that want a decision, messages that want another try."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from benchmarks.hospital.messages import Somebody, orm
from gateway.ledger.records import case_id_of
from gateway.orders.evidence import StudyHeader
from gateway.orders.matchmaker import Matchmaker
from gateway.orders.office import Incoming, Office
from tests.api.staging import Site, a_result, browser_like, close_site, open_site, serving

STUDY = "1.2.1"
NUMBER, STROKE_NUMBER = "BN-QXJ4", "BN-ZWK7"
"""Letters that no time, key or digest holds by chance."""


@pytest.fixture
def staged(tmp_path: Path) -> Iterator[Site]:
    """A study whose accession number is another patient's, a stroke code without images, a refused message."""
    site, now = open_site(tmp_path, orders={"port": 0}), datetime.now(UTC)
    site.receive(STUDY)
    site.conclude(STUDY, a_result(STUDY))
    at = f"{now:%Y%m%d%H%M%S}+0000"
    stroke = Somebody(f"{STROKE_NUMBER}^^^BVTW^MR", "LÊ^THỊ HOA", "19440203", "F")
    raws = (
        orm("1", Somebody(f"{NUMBER}^^^BVTW^MR"), at=at, planned=at, priority="S"),
        orm(
            "2",
            stroke,
            placer="P2",
            accession="A2",
            at=at,
            planned=at,
            procedure="CTP^CT tưới máu: ĐỘT QUỴ^L",
        ),
        orm("3", control="CA", placer="P3", accession="A3", at=at),
        b"not HL7 at all",
    )
    Office(site.ledger.engine, site.config.orders).take([Incoming(raw, now) for raw in raws])
    study = StudyHeader(STUDY, "A1", (NUMBER,), "BVTW", "NGUYEN^VAN A", "19510102", "M", now, "CT")
    Matchmaker(site.ledger, site.config.orders).settle(study, now)
    yield site
    close_site(site)


def test_a_person_says_whose_study_it_is(staged: Site, chromium: Browser, tmp_path: Path) -> None:
    with serving(staged) as url:
        context = chromium.new_context(viewport={"width": 360, "height": 740}, base_url=url)
        page = context.new_page()
        page.goto(f"/login#token={staged.access.token}&next=/orders")
        page.wait_for_url(f"{url}/orders")
        assert "Stroke code, expected" in page.inner_text("#banner")
        assert "1 study: whose order?" in page.inner_text("#banner")
        assert "The birth date differs" in page.inner_text("main")
        for width in (360, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.screenshot(path=str(tmp_path / f"orders-{width}.png"), full_page=True)
        page.goto(f"/cases/{case_id_of(STUDY)}")
        page.screenshot(path=str(tmp_path / "case.png"), full_page=True)
        page.get_by_role("button", name="It is this order").click()
        page.wait_for_url(f"{url}/cases/{case_id_of(STUDY)}")
        assert "Order found" in page.inner_text(".order")
        context.close()
    order = staged.ledger.orders.order_of(STUDY)
    assert order is not None
    assert order.accession_number == "A1"
    assert [reason for *_, reason in staged.ledger.orders.matches.corrections_waiting()]


def test_the_interface_names_nobody_and_can_replay(staged: Site) -> None:
    with serving(staged) as url, httpx.Client(base_url=url, headers=staged.bearer, trust_env=False) as api:
        listed = api.get("/api/v1/orders/messages", params={"refused": True}).json()
        assert {message["condition"] for message in listed} == {"100", "204"}
        texts = [
            api.get(path).text
            for path in ("/api/v1/orders/messages", "/api/v1/orders/expected", "/api/v1/orders/uncertain")
        ]
        assert not any(name in text for text in texts for name in ("HOA", "NGUY", NUMBER, STROKE_NUMBER))
        known = next(message for message in listed if message["condition"] == "204")
        again = api.post(f"/api/v1/orders/messages/{known['id']}/replay").json()
        assert again["state"] == "refused"
        wrong = api.post(f"/api/v1/cases/{case_id_of(STUDY)}/order", json={"order_key": "no such"})
        assert wrong.status_code == 409


def test_another_site_cannot_press_the_button(staged: Site) -> None:
    with serving(staged) as url, browser_like(url, staged) as browser:
        answer = browser.post(
            f"/cases/{case_id_of(STUDY)}/order",
            data={"order": "none"},
            headers={"Origin": "https://elsewhere.example"},
        )
        assert answer.status_code == 403
    assert staged.ledger.orders.matches.counts() == {"uncertain": 1}
