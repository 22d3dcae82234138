"""Live events over a real socket: the present first, then every change, once."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx

from gateway.ledger.records import case_id_of
from tests.api.staging import a_result


@contextmanager
def listening_to(client: httpx.Client, path: str = "/api/v1/events"):
    """An iterator over (event, data) with a deadline, so that silence fails a test instead of hanging it."""
    with client.stream("GET", path, timeout=5) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def events(answer):
    name = ""
    for line in answer.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def next_case(stream):
    return next(data for name, data in stream if name == "case")


def test_a_listener_hears_the_present_and_then_each_change(a_site, an_api):
    a_site.receive("1.2.1", 3)
    a_site.receive("1.2.2", 3)
    with listening_to(an_api) as stream:
        assert next(stream)[0] == "heartbeat"
        assert {next_case(stream)["study_uid"], next_case(stream)["study_uid"]} == {"1.2.1", "1.2.2"}
        a_site.receive("1.2.1", 2, start=4)
        changed = next_case(stream)
        assert (changed["study_uid"], changed["images"]["received"]) == ("1.2.1", 5)
        a_site.conclude("1.2.1", a_result("1.2.1"))
        while changed["state"] != "analysed":
            changed = next_case(stream)
        assert changed["result"]["core_ml"] == 18.4
        a_site.ledger.arrivals.mark_forwarded([1], datetime.now(UTC))
        assert next_case(stream)["images"] == {"received": 5, "pending": 4, "forwarded": 1}


def test_a_delivery_that_changes_is_a_change_of_its_case(a_site, an_api):
    case = a_site.receive("1.2.1")
    with listening_to(an_api) as stream:
        first = next_case(stream)
        a_site.alert("1.2.1")
        seen = next_case(stream)
        while not seen["deliveries"]:
            seen = next_case(stream)
        assert seen["id"] == case.id
        assert seen["mark"] != first["mark"]


def test_a_listener_may_ask_for_one_case(a_site, an_api):
    a_site.receive("1.2.1")
    a_site.receive("1.2.2")
    with listening_to(an_api, f"/api/v1/events?case={case_id_of('1.2.2')}") as stream:
        assert next_case(stream)["study_uid"] == "1.2.2"
        a_site.receive("1.2.1", 1, start=4)
        a_site.receive("1.2.2", 1, start=4)
        assert next_case(stream)["study_uid"] == "1.2.2"


def test_the_mark_of_an_event_is_the_mark_of_the_page(a_site, an_api):
    case = a_site.receive("1.2.1")
    with listening_to(an_api) as stream:
        mark = next_case(stream)["mark"]
    assert f'data-mark="{mark}"' in an_api.get("/").text
    assert f'data-mark="{mark}"' in an_api.get(f"/parts/cases/{case.id}").text
    a_site.receive("1.2.1", 1, start=4)
    assert f'data-mark="{mark}"' not in an_api.get("/").text


def test_many_listeners_share_one_look_at_the_ledger(a_site, an_api, monkeypatch):
    looks = []
    real = type(a_site.ledger.cases).get
    monkeypatch.setattr(type(a_site.ledger.cases), "get", lambda *args: looks.append(1) or real(*args))
    a_site.receive("1.2.1")
    with listening_to(an_api) as one, listening_to(an_api) as two, listening_to(an_api) as three:
        for stream in (one, two, three):
            next_case(stream)
        looks.clear()
        a_site.ledger.cases.stamp(case_id_of("1.2.1"), 1, "published_at", datetime.now(UTC))
        for stream in (one, two, three):
            assert next_case(stream)["times"]["published_at"]
    assert len(looks) == 1
