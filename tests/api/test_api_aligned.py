"""Asking for the motion-corrected series."""

from gateway.lanes import Queue
from tests.api.staging import a_result


def test_the_aligned_series_is_ordered_once_in_a_lane_where_nobody_waits(a_site, an_api):
    case = a_site.receive("1.2.31")
    path = f"/api/v1/cases/{case.id}/aligned"
    early = an_api.post(path)
    assert early.status_code == 409
    assert "not yet" in early.json()["detail"]
    a_site.conclude("1.2.31", a_result("1.2.31"))
    for _ in range(2):
        answer = an_api.post(path)
        assert answer.status_code == 202
        assert (answer.json()["kind"], answer.json()["state"]) == ("aligned", "queued")
    (run,) = [job for job in an_api.get("/api/v1/jobs").json() if job["key"].startswith("aligned:")]
    assert run["queue"] == Queue.DELIVER.value
    assert "Motion-corrected series to archive" in an_api.get(f"/cases/{case.id}").text
    assert an_api.post("/api/v1/cases/nothing/aligned").status_code == 404
