"""Health, readiness and metrics."""

import re
import socket
import time

import httpx
from prometheus_client.parser import text_string_to_metric_families

from gateway.runs.watch import FRESH_S
from tests.api.staging import close_site, open_site, serving


def test_alive_and_ready(staged):
    _, _, url = staged
    assert httpx.get(f"{url}/healthz", trust_env=False).json() == {"status": "alive"}


def test_each_part_that_is_not_ready_says_why(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: nothing answers there
        port = nobody.getsockname()[1]
        site = open_site(
            tmp_path,
            dicom={"free_bytes_floor": 2**62},
            orthanc={"url": f"http://127.0.0.1:{port}"},
        )
        with serving(site) as url:
            answer = httpx.get(f"{url}/readyz", trust_env=False)
        close_site(site)
    assert answer.status_code == 503
    parts = answer.json()["parts"]
    assert {name for name, part in parts.items() if not part["ready"]} == {"archive", "disk"}
    assert "make room" in parts["disk"]["reason"]


def test_an_alert_that_nobody_works_on_is_not_ready(tmp_path):
    site = open_site(tmp_path, runs={})
    site.receive("1.2.3")
    site.alert("1.2.3")
    with serving(site) as url:
        assert httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
        with site.client._client._sys_db.engine.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE workflow_status SET created_at = created_at - 6000, updated_at = updated_at - 6000"
            )
        time.sleep(FRESH_S)
        answer = httpx.get(f"{url}/readyz", trust_env=False)
    close_site(site)
    assert answer.status_code == 503
    assert (
        answer.json()["parts"]["engine"]["reason"]
        == "runs that wait for a worker: 1, 1 of them urgent; start one"
    )


def test_a_dead_letter_is_told_and_stops_nobody(staged):
    _, _, url = staged
    answer = httpx.get(f"{url}/readyz", trust_env=False).json()
    assert answer["parts"]["engine"] == {
        "ready": True,
        "reason": "answers; dead letters that want a person: 1, see /jobs",
    }
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    assert "stroke_gateway_dead_letters 1.0" in text
    assert "stroke_gateway_stuck_runs" in text


def test_a_missing_ledger_is_not_ready(tmp_path):
    site = open_site(tmp_path)
    with serving(site) as url:
        with site.client._client._sys_db.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE workflow_status RENAME TO gone")
        answer = httpx.get(f"{url}/readyz", trust_env=False)
    close_site(site)
    assert not answer.json()["parts"]["engine"]["ready"]


def test_metrics_count_what_is_in_the_ledger(staged):
    _, _, url = staged
    answer = httpx.get(f"{url}/metrics", trust_env=False)
    assert answer.headers["content-type"].startswith("text/plain")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    states = {s.labels["state"]: s.value for s in families["stroke_gateway_cases"].samples}
    assert states == {
        "receiving": 1,
        "analysing": 0,
        "analysed": 5,
        "not_analysed": 1,
        "no_perfusion": 1,
        "received": 0,
    }
    waiting = {s.labels["forward_state"]: s.value for s in families["stroke_gateway_arrivals"].samples}
    assert {state: count for state, count in waiting.items() if count} == {"pending": 745}
    assert set(waiting) == {"pending", "forwarded", "seen", "archived", "shadowed", "refused", "quarantined"}
    failed = [
        s.value
        for s in families["stroke_gateway_deliveries"].samples
        if s.labels == {"kind": "emr", "state": "failed"}
    ]
    assert failed == [1]
    alert = families["stroke_gateway_last_image_to_alert_seconds"].samples
    within = {s.labels.get("le"): s.value for s in alert if s.name.endswith("_bucket")}
    assert (within["3"], within["4"], within["+Inf"]) == (0, 4, 4)
    stages = {
        s.labels["stage"]: s.value
        for s in families["stroke_gateway_stage_seconds"].samples
        if s.labels.get("le") == "5"
    }
    assert {name: count for name, count in stages.items() if count} == {
        **dict.fromkeys(("wait_for_proof", "queue", "compute"), 6),
        **dict.fromkeys(("hand_over", "last_image_to_alert"), 4),
        "alert_to_delivered": 1,
    }
    assert not re.search(r"1\.2\.\d|[0-9a-f]{8}-", answer.text)
