"""The page of the runs, and the line on every page, as a person at night gets them."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import insert, update

from gateway.journal import ACTIVE, UnforeseenError, dumped
from gateway.lanes import Queue
from gateway.ledger.records import DeliveryKind, DeliveryState
from gateway.runs import acts
from tests.api.staging import a_result, browser_like, close_site, open_site, serving

STUDY = "1.2.1"
PHONE = {"width": 360, "height": 740}
BANNER = "2 dead letters and 1 run stands still"


def die(site, key: str) -> None:
    """Let a run end as a worker would let it end that met a mistake of ours in its second step."""
    error = dumped(UnforeseenError("forwarding.py:83 _send_one, KeyError"))
    system, form = site.client._client._sys_db, {"serialization": "stroke-gateway-json"}
    times = {"started_at_epoch_ms": 1, "completed_at_epoch_ms": 1, "retention_timestamp": 1}
    steps = [
        {"workflow_uuid": key, "function_id": 1, "function_name": "forward_images", "output": '"some"'},
        {"workflow_uuid": key, "function_id": 2, "function_name": "forward_images", "error": error},
    ]
    with system.engine.begin() as connection:
        for step in steps:
            connection.execute(insert(system.tables.operation_outputs), step | times | form)
        status = system.tables.workflow_status
        ended = {"status": "ERROR", "error": error, "recovery_attempts": 1, **form}
        connection.execute(update(status).where(status.c.workflow_uuid == key).values(**ended))


@pytest.fixture
def troubled(tmp_path):
    """A case whose images and whose message to the EMR went wrong, and an alert that nobody takes."""
    site, now = open_site(tmp_path, runs={"urgent_wait_s": 0.001}), datetime.now(UTC)
    site.receive(STUDY)
    site.conclude(STUDY, a_result(STUDY))
    case = site.alert(STUDY)
    forward = f"forward:{case.id}:0"
    site.client.submit("forward", forward, case.id, 0, queue=Queue.FORWARD)
    die(site, forward)
    emr = site.ledger.deliveries.queue(case.id, 1, DeliveryKind.EMR, "his", now)
    site.ledger.deliveries.failed(emr, now, "AR: unknown order <b>; correct it in the EMR")
    yield site, case, forward, emr
    close_site(site)


@pytest.fixture
def a_visit(troubled, chromium):
    site = troubled[0]
    with serving(site) as url:
        context = chromium.new_context(viewport=PHONE, base_url=url, has_touch=True)
        page = context.new_page()
        page.goto(f"/login#token={site.access.token}&next=/jobs")
        page.wait_for_url(f"{url}/jobs")
        yield page
        context.close()


def test_the_page_says_what_failed_and_a_touch_replays_it(troubled, a_visit):
    site, case, forward, emr = troubled
    page, short = a_visit, case.id[:8]
    said = page.inner_text(".held")
    for words in (
        "Images to the archive",
        "An unforeseen error of the program (forwarding.py:83 _send_one, KeyError).",
        "Message to his",
        "AR: unknown order <b>; correct it in the EMR.",
        "Escalation of an alert",
        "No worker takes it: start one.",
        forward,
    ):
        assert words in said
    assert "CANARY" not in page.content()
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    button = page.get_by_role("button", name=f"Replay: Images to the archive, case {short}")
    assert button.bounding_box()["height"] >= 44
    button.tap()
    page.locator(".held").get_by_text("Images to the archive").wait_for(state="detached")
    assert acts.find(site.client, forward).status in ACTIVE
    assert [step.number for step in site.client.steps(forward)] == [1], "what was done stays done"

    page.get_by_label(f"Give up: Message to his, case {short}").tap()
    page.get_by_role("button", name="Give it up for good").tap()
    page.locator(".held").get_by_text("Message to his").wait_for(state="detached")
    assert site.ledger.deliveries.get(emr).state is DeliveryState.CANCELLED


def test_every_page_says_that_something_wants_a_person(troubled, a_visit):
    site, case, *_ = troubled
    for path in ("/", "/storage", "/times", "/docs", f"/cases/{case.id}"):
        a_visit.goto(path)
        a_visit.wait_for_selector(f"#banner >> text={BANNER}")
    text = a_visit.inner_text("#live")
    assert "Images to the archive: stopped." in text
    assert "Escalation of an alert: standing still." in text
    with site.client._client._sys_db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE workflow_status RENAME TO gone")
    a_visit.goto("/jobs")
    a_visit.wait_for_timeout(2100)
    a_visit.goto("/jobs")
    assert "The journal cannot be read" in a_visit.inner_text("main")


def test_only_who_may_and_from_our_own_pages_replays(troubled):
    site, _, forward, emr = troubled
    with serving(site) as url, browser_like(url, site) as person:
        form = {"key": forward}
        assert httpx.post(f"{url}/jobs/replay", data=form, trust_env=False).status_code == 401
        for address in ("/jobs/replay", "/jobs/cancel"):
            refused = person.post(address, data=form, headers={"Sec-Fetch-Site": "cross-site"})
            assert refused.status_code == 403
            assert person.post(address, data=form).status_code == 403, "no word on where it comes from"
        assert acts.find(site.client, forward).status == "ERROR"
        machine = {"headers": site.bearer, "trust_env": False}
        found = httpx.get(f"{url}/api/v1/jobs/troubles", **machine).json()
        dead = {(one["kind"], one["key"]) for one in found[1:]}  # the two died at once, in either order
        assert dead == {("dead", forward), ("dead", emr)}
        assert len(found) == 3
        answers = [
            httpx.post(f"{url}/api/v1/jobs/replay", json={"key": forward}, **machine).json()["done"]
            for _ in range(2)
        ]
        assert answers == ["it runs again from step 2", "it is under way already"]
        assert httpx.post(f"{url}/api/v1/jobs/replay", json={"key": "x"}, **machine).status_code == 400
        given_up = httpx.post(f"{url}/api/v1/jobs/cancel", json={"key": emr}, **machine)
        assert given_up.json()["done"] == "it is given up"
