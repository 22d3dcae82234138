"""The contract of the cases' interface."""

import httpx
import pytest

from gateway.ledger.records import case_id_of
from gateway.ledger.schema import TIMES
from tests.api.staging import MOTION, a_result

PROMISED = {
    *("first_image_at", "last_image_at", "complete_at", "analysed_at", "alert_sent_at", "alert_opened_at"),
    *("acknowledged_at", "published_at", "emr_accepted_at"),
}
"""Names that others rely on: more may come, none may go."""


def test_a_case_has_every_promised_field(staged):
    site, ids, url = staged
    case = httpx.get(f"{url}/api/v1/cases/{ids['done']}", headers=site.bearer, trust_env=False).json()
    assert set(case["times"]) == set(TIMES) >= PROMISED
    assert all(time.endswith("Z") and len(time) == 27 for time in case["times"].values())
    assert case["study_uid"] == "1.2.1"
    assert (case["state"], case["revision"], case["acknowledged_by"]) == ("analysed", 1, "Dr Lê, stroke team")
    assert case["result"] == a_json_result(site, "1.2.1")
    assert case["proof"].startswith("16 slices")
    assert case["images"] == {"received": 120, "pending": 120}
    assert {d["kind"] for d in case["deliveries"]} == {"alert", "publish"}
    assert case["links"]["case"] == f"{site.config.http.base_url}/cases/{ids['done']}"
    assert case["links"]["viewer"] is None


def a_json_result(site, study_uid):
    return site.get(study_uid).result


def test_states_reasons_and_order(staged):
    site, ids, url = staged
    cases = httpx.get(f"{url}/api/v1/cases", headers=site.bearer, trust_env=False).json()
    assert [case["id"] for case in cases] == [
        ids[name]
        for name in (
            "receiving",
            "fresh",
            "severe",
            "not_analysed",
            "no_perfusion",
            "no_input",
            "unsure",
            "done",
        )
    ]
    by_id = {case["id"]: case for case in cases}
    assert by_id[ids["receiving"]]["state"] == "receiving"
    assert by_id[ids["receiving"]]["times"]["analysed_at"] is None
    assert "no arterial curve" in by_id[ids["not_analysed"]]["reason"]
    assert by_id[ids["no_perfusion"]]["result"] is None
    assert by_id[ids["no_input"]]["result"]["core_ml"] is None
    assert by_id[ids["fresh"]]["result"]["intervals"]["core_ml"]["high"] > 18.4


@pytest.mark.parametrize("path", ["/api/v1/cases/nothing", "/api/v1/nothing", "/api/v1/cases?limit=0"])
def test_an_error_names_the_thing_and_the_next_step(staged, path):
    site, _, url = staged
    answer = httpx.get(url + path, headers=site.bearer, trust_env=False)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code in {404, 422}
    assert "/" in problem["detail"]


def test_the_first_acknowledgement_stands_and_stops_the_escalation(a_site, an_api):
    a_site.receive("1.2.3")
    a_site.conclude("1.2.3", a_result("1.2.3", MOTION))
    a_site.alert("1.2.3")
    path = f"/api/v1/cases/{case_id_of('1.2.3')}/acknowledge"
    first = an_api.post(path, json={"by": "neurologist on call"})
    assert first.status_code == 200
    assert first.json()["acknowledged_by"] == "neurologist on call"
    again = an_api.post(path, json={"by": "somebody else"}).json()
    assert again["acknowledged_by"] == "neurologist on call"
    assert again["times"]["acknowledged_at"] == first.json()["times"]["acknowledged_at"]
    assert an_api.post(path).status_code == 200
    assert signals_of(a_site) >= 1, "a repeat tells the run again, which bears it"


def signals_of(site) -> int:
    with site.client._client._sys_db.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT destination_uuid, topic FROM notifications").all()
    assert all(topic == "answered" for _, topic in rows)
    return len(rows)


def test_nothing_can_be_acknowledged_before_the_alert(a_site, an_api):
    case = a_site.receive("1.2.4")
    answer = an_api.post(f"/api/v1/cases/{case.id}/acknowledge", json={"by": "me"})
    assert answer.status_code == 409
    assert a_site.get("1.2.4").acknowledged_by is None


@pytest.mark.parametrize("body", [{"by": "x" * 65}, {"by": 3}, {"who": "me"}, []])
def test_an_acknowledgement_that_is_none_is_refused(a_site, an_api, body):
    case = a_site.receive("1.2.5")
    answer = an_api.post(f"/api/v1/cases/{case.id}/acknowledge", json=body)
    assert answer.status_code == 422
    assert "body" in answer.json()["detail"]


def test_control_characters_do_not_reach_the_ledger(a_site, an_api):
    a_site.receive("1.2.6")
    a_site.conclude("1.2.6", a_result("1.2.6"))
    case = a_site.alert("1.2.6")
    an_api.post(f"/api/v1/cases/{case.id}/acknowledge", json={"by": "Dr\n\x1b[31m X"})
    assert a_site.get("1.2.6").acknowledged_by == "Dr[31m X"


def test_opening_the_case_page_is_noted_once_and_only_after_the_alert(a_site, an_api):
    case = a_site.receive("1.2.7")
    an_api.get(f"/cases/{case.id}")
    assert a_site.get("1.2.7").times["alert_opened_at"] is None
    a_site.conclude("1.2.7", a_result("1.2.7"))
    a_site.alert("1.2.7")
    an_api.get(f"/cases/{case.id}", headers={"Sec-Purpose": "prefetch"})
    an_api.get(f"/parts/cases/{case.id}")
    an_api.get(f"/api/v1/cases/{case.id}")
    assert a_site.get("1.2.7").times["alert_opened_at"] is None
    an_api.get(f"/cases/{case.id}")
    opened = a_site.get("1.2.7").times["alert_opened_at"]
    assert opened is not None
    an_api.get(f"/cases/{case.id}")
    assert a_site.get("1.2.7").times["alert_opened_at"] == opened


def test_runs_are_listed(staged):
    site, ids, url = staged
    jobs = httpx.get(f"{url}/api/v1/jobs", headers=site.bearer, trust_env=False).json()
    assert f"alert:{ids['fresh']}:r1" in {job["key"] for job in jobs}


def test_the_interface_describes_itself(staged):
    site, _, url = staged
    schema = httpx.get(f"{url}/openapi.json", headers=site.bearer, trust_env=False).json()
    assert "/api/v1/cases/{case_id}/acknowledge" in schema["paths"]
    page = httpx.get(f"{url}/docs", headers=site.bearer, trust_env=False).text
    assert "/api/v1/cases/{case_id}/acknowledge" in page


def test_a_database_that_is_away_is_said_so(a_site, an_api):
    with a_site.ledger.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE cases RENAME TO gone")
    answer = an_api.get("/api/v1/cases")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "try again" in answer.json()["detail"]
