"""The storage page, and the bytes behind a conflict, as a person at the console gets them."""

import httpx
import pytest
from blake3 import blake3

from gateway import casefolder
from gateway.ledger.records import Cause, ObjectState, Round
from gateway.storage.evidence import dataset_of
from tests.api.staging import browser_like, close_site, open_site, serving
from tests.gateway.shelf import STUDY, Archive, a_shelf


@pytest.fixture
def disputed(tmp_path):
    """A case with two images under one UID and one in quarantine; site, its case, digests."""
    site = open_site(tmp_path, dicom={"free_bytes_floor": 2**62})
    with a_shelf(tmp_path, Archive()) as shelf:
        arrivals = [shelf.receive("1.2.1"), shelf.receive("1.2.1", patient=b"P2")]
        bad = shelf.receive("1.2.2")
        digests = [shelf.get(number).digest for number in arrivals]
    site.ledger.holdings.note_conflicts(STUDY, 0)
    site.ledger.holdings.quarantine(bad, Cause.STRUCTURE, "its sequences nest <deeper> than 32 levels")
    site.ledger.holdings.save_round("scrub", Round(position=1, checked_bytes=1, damaged=1))
    case = site.get(STUDY)
    casefolder.save_inputs({"1.2.1": digests[0]}, site.config.cases_dir / case.id / "r1")
    yield site, case, digests
    close_site(site)


def test_both_images_of_a_conflict_can_be_had_and_the_analysed_one_is_named(disputed):
    site, case, digests = disputed
    with serving(site) as url, httpx.Client(base_url=url, headers=site.bearer, trust_env=False) as client:
        (conflict,) = client.get(f"/api/v1/cases/{case.id}").json()["conflicts"]
        assert [(found["digest"], found["used"]) for found in conflict["objects"]] == [
            (digests[0], True),
            (digests[1], False),
        ]
        for found in conflict["objects"]:
            answer = client.get(found["href"])
            assert blake3(dataset_of(answer.content)).hexdigest() == found["digest"]
            assert answer.headers["content-disposition"].startswith("attachment")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert httpx.get(f"{url}{found['href']}", trust_env=False).status_code == 401
        assert client.get(f"/api/v1/cases/{case.id}/inputs").json()["digest"] == {"1.2.1": digests[0]}
        assert client.get(f"/api/v1/cases/{case.id}/objects/{'0' * 64}").status_code == 404
        (site.config.spool_dir / site.ledger.holdings.by_digest(STUDY, digests[1]).path).unlink()
        assert client.get(conflict["objects"][1]["href"]).status_code == 410


def test_the_page_says_what_wants_somebody(disputed, chromium):
    site, case, digests = disputed
    with serving(site) as url:
        context = chromium.new_context(viewport={"width": 390, "height": 800}, base_url=url)
        page = context.new_page()
        page.goto(f"/login#token={site.access.token}&next=/storage")
        page.wait_for_url(f"{url}/storage")
        assert "Senders are turned away" in page.inner_text(".alarm")
        assert "nest <deeper> than 32 levels" in page.inner_text("main")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.goto(f"/cases/{case.id}")
        text = page.inner_text("main")
        context.close()
    assert "Two different images share one SOP instance UID" in text
    assert f"{digests[0][:12]} (analysed)" in text
    assert digests[1][:12] in text


def test_what_is_held_back_is_tried_again_by_a_touch(disputed, chromium):
    site, *_ = disputed
    (held,) = site.ledger.holdings.held_back()
    with serving(site) as url:
        context = chromium.new_context(viewport={"width": 390, "height": 800}, base_url=url, has_touch=True)
        page = context.new_page()
        page.goto(f"/login#token={site.access.token}&next=/storage")
        page.wait_for_url(f"{url}/storage")
        button = page.get_by_role("button", name=f"Try {held.digest[:12]} again")
        assert button.bounding_box()["height"] >= 44
        button.tap()
        page.wait_for_url(f"{url}/storage")
        page.wait_for_selector("#held-title", state="detached")
        context.close()
    again = site.ledger.holdings.get(held.arrival_id)
    assert (again.state, again.cause, again.archive_deaths) == (ObjectState.PENDING, None, 0)


def test_only_who_may_and_from_our_own_pages_lets_it_be_tried_again(disputed):
    site, case, _ = disputed
    (held,) = site.ledger.holdings.held_back()
    address = f"/cases/{case.id}/objects/{held.digest}/retry"
    with serving(site) as url, browser_like(url, site) as person:
        assert httpx.post(f"{url}{address}", trust_env=False).status_code == 401
        assert person.post(address, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert person.post(address).status_code == 403, "no word on where it comes from"
        assert site.ledger.holdings.get(held.arrival_id).state is ObjectState.QUARANTINED
        assert person.post(address, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 303
        machine = {"headers": site.bearer, "trust_env": False}
        assert httpx.post(f"{url}/api/v1{address}", **machine).status_code == 409, "nothing is held back"
        site.ledger.holdings.quarantine(held.arrival_id, Cause.DEADLY, "the archive died twice")
        assert httpx.post(f"{url}/api/v1{address}", **machine).json()["state"] == "pending"
        unknown = f"{url}/api/v1/cases/{case.id}/objects/{'0' * 64}/retry"
        assert httpx.post(unknown, **machine).status_code == 404


def test_metrics_alarm_on_damage_and_conflicts(disputed):
    site, *_ = disputed
    with serving(site) as url:
        text = httpx.get(f"{url}/metrics", trust_env=False).text
    assert 'stroke_gateway_arrivals{forward_state="quarantined"} 1.0' in text
    assert 'stroke_gateway_scrubbed_objects{finding="damaged"} 1.0' in text
    assert "stroke_gateway_disputed_uids 1.0" in text
