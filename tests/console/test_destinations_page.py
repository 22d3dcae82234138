"""The page of the destinations, and the interface behind it."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from gateway.emr import watch
from gateway.ledger.letter import Cause
from gateway.ledger.records import DeliveryState, case_id_of, utc_text
from tests.api.staging import close_site, open_site, serving

SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}
EMR = {
    "destinations": [
        {"name": "his", "host": "127.0.0.1", "port": 2575},
        {"name": "letters", "kind": "mdm", "host": "127.0.0.1", "port": 2576},
        {"name": "district-fhir", "kind": "fhir", "url": "https://fhir.example/r4"},
    ]
}


@pytest.fixture
def staged(tmp_path):
    """One that is there, one that is away, one that is paused."""
    site, now = open_site(tmp_path, emr=EMR), datetime.now(UTC)
    letters = site.ledger.letters
    for number in range(3):
        for name in ("letters", "district-fhir"):
            letters.queue(
                case_id_of(f"1.2.{number}"), 1, name, Cause.RESULT, "", now - timedelta(hours=number)
            )
    letters.queue(case_id_of("1.2.9"), 1, "his", Cause.RESULT, "", now)
    (dead,) = letters.waiting("his", 10)
    letters.note("his", delivered_at=utc_text(now - timedelta(minutes=4)))
    letters.end(dead, DeliveryState.FAILED, now, "AR: unknown order", tried=True)
    trouble = "medical record 127.0.0.1:2576: ConnectionRefusedError"
    letters.note("letters", away_since=utc_text(now - timedelta(hours=2)), trouble=trouble)
    letters.note("district-fhir", paused_at=utc_text(now), paused_by="root on the command line")
    yield site
    close_site(site)


@pytest.mark.parametrize("size", SIZES)
def test_a_person_sees_who_is_away_and_holds_a_queue_back(staged, chromium, size, tmp_path):
    with serving(staged) as url:
        context = chromium.new_context(viewport=SIZES[size], base_url=url)
        page = context.new_page()
        page.goto(f"/login#token={staged.access.token}&next=/destinations")
        page.wait_for_url(f"{url}/destinations")
        shown = page.inner_text("main")
        for words in ("There", "Away", "Paused", "3 waiting", "1 dead", "ConnectionRefusedError"):
            assert words in shown
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
        page.screenshot(path=tmp_path / f"{size}.png", full_page=True)
        page.get_by_label("Pause his").click()
        page.get_by_role("button", name="Hold everything for his back").click()
        page.get_by_label("Resume his").wait_for()
        assert staged.ledger.letters.standing("his").paused_by == "somebody at the console"
        page.get_by_label("Resume his").click()
        page.get_by_label("Pause his").wait_for()
        context.close()
    assert staged.ledger.letters.standing("his").paused_at is None


def test_a_machine_pauses_and_resumes_and_hears_of_a_wrong_name(staged):
    machine = {"headers": {"Authorization": f"Bearer {staged.access.token}"}}
    with serving(staged) as url:
        listed = {one["name"]: one for one in httpx.get(f"{url}/api/v1/destinations", **machine).json()}
        assert (listed["letters"]["waiting"], listed["letters"]["kind"]) == (3, "mdm")
        paused = httpx.post(f"{url}/api/v1/destinations/his/pause", **machine)
        assert paused.json() == {"name": "his", "done": "it is paused; its queue is kept"}
        assert httpx.post(f"{url}/api/v1/destinations/his/resume", **machine).json()["done"] == "it goes on"
        wrong = httpx.post(f"{url}/api/v1/destinations/nope/pause", **machine)
        assert wrong.is_client_error
        assert "configured: his, letters, district-fhir" in wrong.text
        assert httpx.post(f"{url}/api/v1/destinations/his/pause").status_code == httpx.codes.UNAUTHORIZED


def test_every_page_says_for_whom_letters_have_waited_too_long(staged, chromium, tmp_path):
    now = datetime.now(UTC)
    with serving(staged) as url:
        context = chromium.new_context(viewport=SIZES["phone"], base_url=url)
        page = context.new_page()
        page.goto(f"/login#token={staged.access.token}&next=/")
        page.wait_for_url(f"{url}/")
        page.locator(".wants").nth(1).wait_for()
        lines = page.locator(".wants").all_inner_texts()
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES["phone"]["width"]
        page.screenshot(path=tmp_path / "banner.png")
    assert lines[0].startswith("letters is away")
    assert lines[1].startswith("district-fhir is paused")
    assert "3 letters wait, the oldest queued 2 h ago" in lines[0]
    config, ledger = staged.config, staged.ledger
    assert [one.name for one in watch.held_up(config, ledger, now)] == ["letters", "district-fhir"]
    assert watch.held_up(config, ledger, now - timedelta(hours=1, minutes=50)) == [], (
        "minutes are no trouble yet"
    )


def test_metrics_tell_how_each_destination_fares_and_name_nobody_else(staged):
    with serving(staged) as url:
        text = httpx.get(f"{url}/metrics", trust_env=False).text
    found = {
        line.split(" ")[0].removeprefix("stroke_gateway_destination_"): float(line.split(" ")[1])
        for line in text.splitlines()
        if line.startswith("stroke_gateway_destination_")
    }
    assert found['waiting{destination="letters"}'] == 3
    assert (found['failed{destination="his"}'], found['waiting{destination="his"}']) == (1, 0)
    assert (found['paused{destination="district-fhir"}'], found['paused{destination="his"}']) == (1, 0)
    assert (found['away{destination="letters"}'], found['away{destination="his"}']) == (1, 0)
    assert 7200 <= found['oldest_waiting_seconds{destination="letters"}'] < 7400
    assert 240 <= found['since_accepted_seconds{destination="his"}'] < 440
    assert 'oldest_waiting_seconds{destination="his"}' not in found
