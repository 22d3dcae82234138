"""The judgement on the page of a case, and through the interface; in a real browser."""

from datetime import UTC, datetime

import pytest

from gateway.feedback.judgement import Reason, Verdict
from gateway.identity.sessions import Sessions
from gateway.team.people import Person, Role
from tests.api.staging import EVIL, a_result, browser_like, close_site, open_site, serving

COOKIE = "stroke_gateway_session"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A site with one answered case, a radiologist and a stroke doctor; yields site, address, case."""
    site = open_site(tmp_path_factory.mktemp("page"))
    site.receive("1.2.5")
    site.conclude("1.2.5", a_result("1.2.5"))
    case = site.alert("1.2.5")
    for login, role in (("tran", Role.RADIOLOGIST), ("le", Role.STROKE_DOCTOR)):
        person = Person(f"p-{login}", login, f"BS {login} {EVIL}"[:64], frozenset({role}))
        site.ledger.people.add(person, datetime.now(UTC))
    with serving(site) as url:
        yield site, url, case
    close_site(site)


def word_of(site, login):
    person = site.ledger.people.by_login(login)
    return Sessions(site.ledger, site.access, site.config.identity).begin(
        person, "password", "x", datetime.now(UTC)
    )


def a_page(chromium, served, login, width=360):
    site, url, case = served
    context = chromium.new_context(viewport={"width": width, "height": 800}, base_url=url)
    context.add_cookies([{"name": COOKIE, "value": word_of(site, login), "url": url}])
    page = context.new_page()
    page.goto(f"/cases/{case.id}")
    return page


def test_a_radiologist_agrees_with_one_tap_and_rejects_with_a_reason(chromium, served):
    site, _, case = served
    page = a_page(chromium, served, "tran")
    page.get_by_role("button", name="I agree with the result").click()
    page.wait_for_selector(".feedback-said")
    page.locator("#feedback-reject summary").click()
    page.select_option("#reject-reason", "old_infarct")
    page.fill("#reject-text", EVIL)
    page.get_by_role("button", name="Reject").click()
    page.wait_for_selector("#feedback-earlier")
    said = site.ledger.judgements.of_case(case.id)
    assert [(each.verdict, each.reason, each.person_id) for each in said] == [
        (Verdict.AGREE, None, "p-tran"),
        (Verdict.REJECT, Reason.OLD_INFARCT, "p-tran"),
    ]
    assert "<script>" in page.locator(".feedback-why").first.inner_text()
    assert page.title() != "owned"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.context.close()


def test_whoever_may_not_judge_reads_and_cannot_say(chromium, served):
    page = a_page(chromium, served, "le", 1280)
    assert page.locator("#feedback-title").count() == 1
    assert page.locator(".feedback button").count() == 0
    page.context.close()


def test_the_interface_says_who_and_why_not(served):
    site, url, case = served
    address = f"/api/v1/cases/{case.id}/judgements"
    body = {"revision": 1, "verdict": "edit", "reason": "core_too_large", "core_ml": 12.5}
    with browser_like(url) as client:
        client.headers.update({"Accept": "application/json"})
        assert client.post(address, json=body).status_code == 401
        client.headers.update(site.bearer)
        assert client.post(address, json=body).json()["detail"].startswith("type the name")
        answer = client.post(address, json={**body, "name": "BS Phạm"})
        assert answer.status_code == 201
        assert (answer.json()["standing"]["name"], answer.json()["standing"]["core_ml"]) == ("BS Phạm", 12.5)
        for wrong in ({"verdict": "maybe"}, {"core_ml": -1}, {"reason": "the moon"}, {"more": 1}):
            assert client.post(address, json={**body, **wrong}).status_code == 422
        assert client.post(address, json={**body, "revision": 7, "name": "x"}).status_code == 409
        doctor = {
            "Cookie": f"{COOKIE}={word_of(site, 'le')}",
            "Sec-Fetch-Site": "same-origin",
            "Authorization": "",
        }
        assert client.post(address, json=body, headers=doctor).status_code == 403
        assert len(client.get(address).json()["judgements"]) >= 1
        form = {"revision": "1", "verdict": "edit", "reason": "motion", "core_ml": "vierzig", "name": "x"}
        assert client.post(f"/cases/{case.id}/judgement", data=form).status_code == 422
        ours = {**form, "core_ml": " 40,5 "}
        assert client.post(f"/cases/{case.id}/judgement", data=ours).status_code == 303
        assert client.get(address).json()["standing"]["core_ml"] == 40.5
