"""A study goes to another hospital: results first, then maps, then images; and the answer comes back."""

from datetime import UTC, datetime

import pytest

from gateway.jobs.orders import OBJECTS
from gateway.ledger.records import CaseState, DeliveryKind
from gateway.ledger.sharing import Stage
from gateway.runs import acts
from tests.api.staging import browser_like
from tests.sharing.hospitals import LOWER, MAPS, RESULTS, STUDY, UPPER, serving_at, two_hospitals
from viewer_bridge.objects.uids import result_uid


@pytest.fixture
def hospitals(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        lower.receive()
        lower.conclude()
        yield lower, upper


def uids(roles, revision: int = 1) -> set[str]:
    return {result_uid(f"{STUDY}.1", role, revision, 1) for role in roles}


def came(upper) -> set[str]:
    return {uid for uid, _ in upper.objects()}


def test_results_come_first_maps_next_and_images_last(hospitals):
    lower, upper = hospitals
    lower.share()
    seen = []
    with serving_at(upper):
        courier = lower.courier()
        while not lower.is_done():
            courier.turn()
            seen.append(came(upper))
    first = [min(turn for turn, there in enumerate(seen) if one in there) for one in sorted(uids(RESULTS))]
    maps = [min(turn for turn, there in enumerate(seen) if one in there) for one in sorted(uids(MAPS))]
    images = [turn for turn, there in enumerate(seen) if any(uid.startswith(STUDY) for uid in there)]
    assert max(first) < min(maps) <= max(maps) < images[0]
    assert set(lower.objects()) < set(upper.objects())
    assert len(upper.objects()) == len(lower.objects()) + len(RESULTS) + len(MAPS)
    (sent,) = lower.exchange()["sent"]
    assert (sent["state"], sent["detail"]) == ("delivered", "results, maps and images are there")
    (received,) = upper.exchange()["received"]
    assert received["result"] == lower.site.get(STUDY).result
    assert received["announced_at"] < received["results_at"] < received["maps_at"] < received["images_at"]


def test_the_second_patients_results_go_before_the_first_ones_images(hospitals):
    lower, upper = hospitals
    lower.receive("1.2.5")
    lower.conclude("1.2.5")
    lower.share()
    with serving_at(upper):
        courier = lower.courier()
        while lower.ledger.sharing.open_of(UPPER)[0].stage is not Stage.IMAGES:
            courier.turn()
        lower.share("1.2.5")
        for _ in range(5):  # announcement, results, their end, maps, their end
            courier.turn()
        (second,) = upper.exchange("1.2.5")["received"]
        assert second["maps_at"]
        assert not any(uid.startswith(STUDY) for uid in came(upper))


def test_what_was_received_is_shown_as_theirs_and_never_analysed(hospitals):
    lower, upper = hospitals
    lower.share()
    with serving_at(upper) as url:
        lower.carry()
        case = upper.site.get(STUDY)
        assert (case.state, case.result) == (CaseState.RECEIVED, None)
        assert upper.ledger.cases.receiving() == []
        with browser_like(url, upper.site) as browser:
            page, listed = browser.get(f"/cases/{case.id}").text, browser.get("/").text
        assert "Computed by <b>lower</b>" in page
        assert "18.4" in page
        assert "wants an answer" in listed


def test_each_answer_replaces_the_former_and_both_are_kept(hospitals):
    lower, upper = hospitals
    lower.share()
    with serving_at(upper):
        lower.carry()
    upper.answer("keep", "no operator tonight")
    upper.answer("accept", "one came in <b>", by="Dr\x00 Trần")
    with serving_at(lower) as url:
        upper.carry()
        (sent,) = lower.exchange()["sent"]
        assert [(one["word"], one["by"]) for one in sent["answers"]] == [
            ("accept", "Dr Trần"),
            ("keep", "Dr Trần"),
        ]
        assert sent["answers"][0]["remark"] == "one came in <b>"
        with browser_like(url, lower.site) as browser:
            page, listed = browser.get(f"/cases/{lower.site.get(STUDY).id}").text, browser.get("/").text
        assert "one came in &lt;b&gt;" in page
        assert "upper: Accept" in listed
    assert all(one["arrived_at"] for one in upper.exchange()["received"][0]["answers"])


def test_images_that_wait_to_be_asked_for_go_when_they_are(tmp_path):
    with two_hospitals(tmp_path, lower={"images": "asked"}) as (lower, upper):
        lower.receive()
        lower.conclude()
        lower.share()
        with serving_at(upper):
            lower.carry()
        assert came(upper) == uids(RESULTS) | uids(MAPS)
        upper.answer("more_images")
        with serving_at(lower):
            upper.carry()
        with serving_at(upper):
            lower.carry()
        assert set(lower.objects()) < set(upper.objects())


def test_a_newer_result_follows_by_itself_and_images_go_once(hospitals):
    lower, upper = hospitals
    lower.share()
    with serving_at(upper):
        lower.carry()
        before = lower.ledger.sharing.accepted(UPPER, lower.objects())
        lower.ledger.cases.reopen(lower.site.get(STUDY))
        lower.courier().turn()
        assert lower.is_done()  # there is nothing to follow yet
        lower.conclude(core_ml=55.5)
        lower.courier().turn()
        lower.carry()
    (received,) = upper.exchange()["received"]
    assert (received["revision"], received["result"]["core_ml"]) == (2, 55.5)
    assert uids(RESULTS, 2) <= came(upper)
    assert len(before) == len(lower.objects())
    assert {
        one.state.value for one in lower.ledger.sharing.of_cases([lower.site.get(STUDY).id]).popitem()[1]
    } == {"delivered"}


def test_what_the_partner_refuses_is_named_the_rest_goes_and_a_person_may_try_again(hospitals):
    lower, upper = hospitals
    case = lower.site.get(STUDY)
    broken = lower.site.config.cases_dir / case.id / "r1" / OBJECTS / "05.dcm"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-1000])
    lower.share()
    with serving_at(upper):
        lower.carry()
        (sent,) = lower.exchange()["sent"]
        assert (sent["state"], sent["detail"]) == (
            "failed", "1 objects are not there: status C000, cannot understand"
        )  # fmt: skip
        assert len(upper.objects()) == len(lower.objects()) + len(RESULTS) + len(MAPS) - 1
        broken.write_bytes(whole)
        key = f"{DeliveryKind.SHARE}:{case.id}:r1:{UPPER}"
        acts.replay(lower.site.client, lower.ledger, key, datetime.now(UTC), "a test")
        lower.carry()
    assert lower.exchange()["sent"][0]["state"] == "delivered"


def test_a_person_asks_and_answers_over_the_interface(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper):
        lower.receive(images=2)
        with serving_at(lower) as url, browser_like(url, lower.site) as browser:
            address = f"/cases/{lower.site.get(STUDY).id}"
            asked = browser.post(
                f"/api/v1{address}/share", json={"partner": UPPER}, headers=lower.site.bearer
            )
            assert asked.status_code == 409
            assert "no result of ours" in asked.json()["detail"]
            lower.conclude()
            asked = browser.post(
                f"/api/v1{address}/share", json={"partner": "who"}, headers=lower.site.bearer
            )
            assert "partners that may receive: upper" in asked.json()["detail"]
            asked = browser.post(f"{address}/share", data={"partner": UPPER}, headers={"Origin": url})
            assert asked.status_code == 303
            assert browser.post(f"{address}/share", data={"partner": UPPER}).status_code == 403
            (sent,) = browser.get(f"/api/v1{address}").json()["exchange"]["sent"]
            assert sent["stage"] == "announcement"
        with serving_at(upper) as url, browser_like(url, upper.site) as browser:
            lower.carry()
            nobody = {"partner": "who", "answer": "accept"}
            asked = browser.post(f"/api/v1{address}/answer", json=nobody, headers=upper.site.bearer)
            assert asked.status_code == 409
            said = {"partner": LOWER, "answer": "accept", "by": "Dr Trần", "remark": "come"}
            asked = browser.post(f"{address}/answer", data=said, headers={"Origin": url})
            assert asked.status_code == 303
            assert "They do not have it yet" in browser.get(address).text
