"""Sessions: found in one read, new after each proof, and over at the next request when somebody ends them."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import event, text

from gateway.access import Access
from gateway.api import events, guard
from gateway.api.callers import COOKIE
from gateway.identity.sessions import PASSWORD_ONLY, SEEN_EVERY_S, Sessions
from gateway.identity.settings import Identity
from gateway.ledger.sessions_tables import sessions
from gateway.ledger.statements import rows
from gateway.team.people import ActorKind, Role
from tests.identity.conftest import OWN, now


def test_a_session_is_the_person_with_the_rights_of_now(house):
    person = house.person(Role.CATH_LAB)
    word = house.accounts.sessions.begin(person, "password", "Chrome on Android", now())
    actor = house.accounts.sessions.actor(word, now())
    assert (actor.kind, actor.person_id, actor.rights) == (ActorKind.PERSON, person.id, person.rights)
    promoted = replace(person, roles=frozenset({Role.RADIOLOGIST}))
    house.site.ledger.people.change(promoted)
    assert house.accounts.sessions.actor(word, now()).rights == promoted.rights
    assert [found.device for found in house.accounts.sessions.of(person.id, now())] == ["Chrome on Android"]


def test_a_role_that_needs_a_second_factor_ends_a_session_of_a_password_alone(house):
    person = house.person(Role.STROKE_DOCTOR)
    alone = house.accounts.sessions.begin(person, PASSWORD_ONLY, "", now())
    proven = house.accounts.sessions.begin(person, "passkey", "", now())
    assert house.accounts.sessions.actor(alone, now())
    house.site.ledger.people.change(replace(person, roles=frozenset({Role.ADMINISTRATOR})))
    assert house.accounts.sessions.actor(alone, now()) is None
    assert house.accounts.sessions.actor(proven, now())


def test_the_ledger_holds_no_word_and_a_new_token_ends_all(house):
    word = house.accounts.sessions.begin(house.person(), "password", "", now())
    kept = rows(house.site.ledger.engine, text("SELECT * FROM sessions"))
    assert not any(word in str(value) for row in kept for value in row.values())
    elsewhere = replace(house.accounts, access=Access("the token of another year, long enough"))
    assert elsewhere.sessions.actor(word, now()) is None
    assert house.accounts.sessions.actor(word, now()) is not None


def test_sessions_end_by_their_hours_by_idleness_and_with_the_account(house):
    person = house.person()
    settings = Identity(session_hours=10, idle_hours=2)
    found = Sessions(house.site.ledger, house.site.access, settings)
    begun, word = now(), found.begin(person, "password", "", now())
    assert found.actor(word, begun + timedelta(hours=1.9)) is not None
    assert found.actor(word, begun + timedelta(hours=3.8)) is not None, "used in between"
    assert found.actor(word, begun + timedelta(hours=5.9)) is None, "idle"
    for hour in (5.7, 7.6, 9.5):
        assert found.actor(word, begun + timedelta(hours=hour)) is not None
    assert found.actor(word, begun + timedelta(hours=10.1)) is None, "over"
    assert found.actor(word, begun + timedelta(hours=9.6)) is not None
    house.site.ledger.people.change(replace(person, active=False))
    assert found.actor(word, begun + timedelta(hours=9.7)) is None, "closed"


def test_finding_a_session_is_one_indexed_read_and_writes_once_a_minute(house):
    found, begun = house.accounts.sessions, now()
    word = found.begin(house.person(), "password", "", begun)
    said = []

    def listen(_connection, _cursor, statement, *_):
        said.append(statement)

    event.listen(house.site.ledger.engine, "before_cursor_execute", listen)
    try:
        for second in range(0, SEEN_EVERY_S, 10):
            assert found.actor(word, begun + timedelta(seconds=second))
        assert len(said) == 6
        assert all(statement.startswith("SELECT") for statement in said)
        found.actor(word, begun + timedelta(seconds=SEEN_EVERY_S + 1))
        writes = [statement for statement in said if statement.startswith("UPDATE")]
        assert len(writes) == 1
    finally:
        event.remove(house.site.ledger.engine, "before_cursor_execute", listen)
    plan = rows(house.site.ledger.engine, text(f"EXPLAIN QUERY PLAN {said[0]}".replace("?", "'x'")))
    assert all("USING" in row["detail"] and "INDEX" in row["detail"] for row in plan), plan


def test_a_word_that_was_planted_before_the_login_is_worth_nothing_after_it(house):
    """Session fixation: somebody else's word, or one made up, in the browser of who logs in."""
    person, attacker = house.person(), house.person()
    planted = house.accounts.sessions.begin(attacker, "password", "", now())
    for word in (planted, "made-up"):
        with house.browser() as browser:
            browser.cookies.set(COOKIE, word, domain="127.0.0.1")
            answer = house.log_in(browser, person)
            fresh = answer.cookies[COOKIE]
            assert fresh != word
            assert house.accounts.sessions.actor(fresh, now()).person_id == person.id
        assert house.accounts.sessions.actor(word, now()) is None, "and what the browser had before has ended"


def test_each_proof_has_a_word_of_its_own(house):
    person = house.person(Role.STROKE_DOCTOR)
    app = house.seed(person)
    with house.browser() as browser:
        step = house.log_in(browser, person)
        assert step.headers["location"].startswith("/login/second")
        first = step.cookies["stroke_gateway_step"]
        assert COOKIE not in step.cookies
        browser.cookies.set(COOKIE, first, domain="127.0.0.1")
        assert browser.get("/").status_code == 303, "the first proof alone opens nothing"
        browser.cookies.delete(COOKIE)
        whole = browser.post("/login/second", data={"code": app.now()}, headers=OWN)
        assert whole.cookies[COOKIE] != first
    assert house.accounts.sessions.find(first, now()) is None


def test_logging_out_ends_the_session_also_for_whoever_copied_the_cookie(house):
    with house.browser(house.person()) as browser, house.browser() as thief:
        word = browser.cookies[COOKIE]
        thief.cookies.set(COOKIE, word, domain="127.0.0.1")
        assert thief.get("/").status_code == 200
        assert browser.post("/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
        assert browser.post("/logout", headers=OWN).status_code == 303
        assert thief.get("/").status_code == 303


@pytest.mark.parametrize("end", ["disable", "revoke", "reset", "one", "password"])
def test_who_is_sent_away_is_refused_at_the_next_request(house, end):
    person = house.person()
    with house.browser(person) as browser:
        assert browser.get("/").status_code == 200
        session = house.accounts.sessions.of(person.id, now())[0]
        acts = {
            "disable": lambda: house.accounts.disable(person, now()),
            "revoke": lambda: house.accounts.revoke(person.id, now()),
            "reset": lambda: house.accounts.reset(person, now()),
            "one": lambda: house.site.ledger.sessions.revoke(session.id, person.id),
            "password": lambda: house.accounts.set_password(person, "năm con cá bơi ra sông", now()),
        }
        acts[end]()
        assert browser.get("/").status_code == 303
        assert browser.get("/api/v1/cases").status_code == 401


def test_people_see_and_end_their_own_sessions_only(house):
    person, other = house.person(), house.person()
    with house.browser(person) as phone, house.browser(person) as desk, house.browser(other) as stranger:
        listed = desk.get("/api/v1/me/sessions").json()
        assert [session["this"] for session in listed].count(True) == 1
        theirs = next(session["id"] for session in listed if not session["this"])
        refused = stranger.post("/api/v1/me/sessions/revoke", json={"session": theirs}, headers=OWN)
        assert refused.status_code == 404
        assert phone.get("/").status_code == 200
        assert desk.post("/api/v1/me/sessions/revoke", headers=OWN).status_code == 200
        assert phone.get("/").status_code == 303
        assert desk.get("/").status_code == 200


def test_the_access_tokens_sessions_are_listed_and_end_too(fresh_house):
    house = fresh_house
    with house.browser() as browser:
        assert browser.post("/login", data={"token": house.site.access.token}).status_code == 303
        assert browser.get("/").status_code == 200
        assert len(house.accounts.sessions.of(None, now())) == 1
        house.site.ledger.sessions.revoke_all(None)
        assert browser.get("/").status_code == 303
    assert rows(house.site.ledger.engine, sessions.select()) == []


def test_live_events_end_soon_after_the_session(house, monkeypatch):
    monkeypatch.setattr(guard, "LOOK_AGAIN_S", 0.1)
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.1)
    person, ended = house.person(), threading.Event()

    def listen(word: str) -> None:
        cookies = {COOKIE: word}
        with httpx.stream(
            "GET", f"{house.url}/api/v1/events", cookies=cookies, timeout=10, trust_env=False
        ) as stream:
            heard.extend(time.monotonic() for _ in stream.iter_raw())
        ended.set()

    heard: list[float] = []
    thread = threading.Thread(target=listen, args=[house.accounts.sessions.begin(person, "t", "t", now())])
    thread.start()
    time.sleep(0.6)
    assert not ended.is_set()
    assert len(heard) >= 3
    house.accounts.revoke(person.id, now())
    assert ended.wait(3), "the stream goes on"
    thread.join(3)
