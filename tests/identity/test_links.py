"""Links of alerts, and passes: what they open, and that they open nothing once somebody takes them back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.access import Access
from gateway.api.callers import LINK_COOKIE
from gateway.identity import links
from gateway.identity.invitations import invite, opened, read
from gateway.identity.pace import CHANGING, Pace, Rate
from gateway.ledger.call import Call
from gateway.ledger.calls import Hold
from gateway.ledger.records import case_id_of
from gateway.team.contacts import ChannelKind
from gateway.team.people import LINK_RIGHTS, ActorKind, Right
from tests.identity.conftest import OWN, now

CASE = case_id_of("1.2.3")
IN = (200,)


def a_word(house, person, call_id, ago_s=10.0, hours=1.0):
    """The word of a link that a person got some seconds ago."""
    call = Call(call_id, f"case:{CASE}:r1", CASE, 1, 0, 0, "alert", person.id, None, 0, ChannelKind.PUSH, "")
    house.site.ledger.calls.queue([call], now(), Hold("t", now()))
    made = now().timestamp() - ago_s
    return invite(house.site.access, call_id, made + hours * 3600, made)


def called(house, word):
    return links.called(house.site.ledger, house.site.access, word, now())


def test_a_link_is_its_person_for_its_case_and_nobodys_name(house):
    person = house.person()
    actor = called(house, a_word(house, person, "c1"))
    assert (actor.kind, actor.person_id, actor.case_id, actor.call_id) == (
        ActorKind.LINK,
        person.id,
        CASE,
        "c1",
    )
    assert actor.rights == LINK_RIGHTS
    assert not actor.may(Right.NAMES)


def test_a_word_that_was_changed_made_elsewhere_or_is_over_opens_nothing(house):
    word = a_word(house, house.person(), "c2")
    signature, rest = word.split(".", 1)
    assert called(house, word)
    other = invite(Access("the token of another hospital"), "c2", 1e12)
    longer = f"{signature}.{int(rest.split('.')[0]) + 1}.{rest.split('.', 1)[1]}"
    for bad in (other, longer, word[:-1] + "3", "", ".", "é", a_word(house, house.person(), "c3", 7200, 1)):
        assert called(house, bad) is None
    assert called(house, invite(house.site.access, "no-such-call", 1e12)) is None
    assert opened(word, house.site.access, now_s=0) == "c2"
    assert read(word, house.site.access).made_s < now().timestamp()


def test_a_link_leads_to_its_case_and_leaves_a_cookie_of_its_own(house):
    word = a_word(house, house.person(), "c4")
    with house.browser() as browser:
        for _ in range(2):
            came = browser.get(f"/a/{word}")
            assert came.headers["location"] == f"/phone/cases/{CASE}"
            assert "HttpOnly" in came.headers["set-cookie"]
        assert f"{LINK_COOKIE}{CASE}" in browser.cookies
        assert browser.get(f"/phone/cases/{CASE}").status_code in IN
        for path in (
            "/",
            f"/api/v1/cases/{CASE}",
            f"/cases/{CASE}/report.pdf",
            "/api/v1/cases",
            "/people",
            "/orders",
        ):
            refused = browser.get(path)
            assert refused.status_code == 403
            assert "one case, without whose it is" in refused.text
        assert browser.get("/a/nonsense").status_code == 403


@pytest.mark.parametrize("how", ["call", "case", "person", "disabled", "all of the person's"])
def test_a_link_that_was_taken_back_is_refused_at_the_next_request(house, how):
    person = house.person()
    word = a_word(house, person, f"back-{how}")
    ledger = house.site.ledger
    acts = {
        "call": lambda: links.revoke_call(ledger, f"back-{how}", now()),
        "case": lambda: links.revoke_case(ledger, CASE, now()),
        "person": lambda: links.revoke_person(ledger, person.id, now()),
        "disabled": lambda: ledger.people.change(replace(person, active=False)),
        "all of the person's": lambda: house.accounts.revoke(person.id, now()),
    }
    with house.browser() as browser:
        browser.get(f"/a/{word}")
        assert browser.get(f"/phone/cases/{CASE}").status_code in IN
        acts[how]()
        assert browser.get(f"/phone/cases/{CASE}").status_code not in IN
        assert browser.get(f"/a/{word}").status_code == 403
    later = a_word(house, person, f"new-{how}", ago_s=-2)
    assert (called(house, later) is None) is (how == "disabled"), "what is made later opens again"


def test_a_pass_can_be_taken_back_alone_or_with_all_of_its_case(house):
    bearer = house.site.bearer
    with house.browser() as desk, house.browser() as first, house.browser() as second:
        made = [
            desk.post(f"/api/v1/cases/{CASE}/pass", headers=bearer)
            .json()["url"]
            .replace(house.site.config.http.base_url, "")
            for _ in range(2)
        ]
        for browser, path in zip((first, second), made, strict=True):
            assert browser.get(path).status_code == 303
            assert browser.get(f"/cases/{CASE}").status_code == 200
        back = {"url": f"http://anywhere{made[0]}"}
        wrong = desk.post(f"/api/v1/cases/{CASE}/pass/revoke", json={"url": "x"}, headers=bearer)
        assert wrong.status_code == 404
        assert desk.post(f"/api/v1/cases/{CASE}/pass/revoke", json=back, headers=bearer).status_code == 200
        assert first.get(f"/cases/{CASE}").status_code == 303, "the visit ends with its pass"
        assert first.get(made[0]).status_code == 403
        assert second.get(f"/cases/{CASE}").status_code == 200
        doctor = house.person()
        with house.browser(doctor) as team:
            done = team.post(f"/cases/{CASE}/revoke", headers=OWN)
            assert done.headers["location"] == f"/cases/{CASE}"
        assert second.get(f"/cases/{CASE}").status_code == 303
        assert second.get(made[1]).status_code == 403


def test_somebody_logged_in_is_themselves_also_with_a_link(house):
    person, other = house.person(), house.person()
    word = a_word(house, other, "c5")
    with house.browser(person) as browser:
        browser.get(f"/a/{word}")
        assert browser.get("/").status_code == 200


def test_whoever_asks_too_fast_is_slowed_down_and_the_site_is_not(house):
    person = house.person()
    with house.browser(person) as browser:
        answers = [browser.post("/cases/none/revoke", headers=OWN) for _ in range(int(CHANGING.burst) + 10)]
        assert answers[0].status_code == 404
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert browser.get("/api/v1/cases").status_code == 200, "reading has a pace of its own"
        machine = {"headers": house.site.bearer}
        site = [browser.post("/cases/none/revoke", **machine) for _ in range(int(CHANGING.burst) + 10)]
        assert {answer.status_code for answer in site} == {404}


def test_a_bucket_fills_again():
    moment = [0.0]
    pace = Pace(Rate(2, 0.5), clock=lambda: moment[0])
    assert [pace.wait_s("a") for _ in range(3)] == [0.0, 0.0, 2.0]
    moment[0] = 2.0
    assert [pace.wait_s("a"), pace.wait_s("a")] == [0.0, 2.0]
    assert timedelta(seconds=pace.wait_s("b")) == timedelta(0)
