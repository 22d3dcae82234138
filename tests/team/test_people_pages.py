"""People in a real Chromium: the very first one, the team, and what an administrator can take away."""

import re

import pytest

from gateway.team.contact_list import a_contact
from gateway.team.contacts import ChannelKind
from gateway.team.people import Role
from tests.team.conftest import DESK, EVIL, PHONE, grave, now, too_wide

PASSWORD = "bốn con trâu gặm cỏ"
TOKEN = "tgram://12345:a-secret-of-mine/987"


def test_the_first_person_ever_finds_the_way_from_the_token_to_an_account(fresh_team, chromium):
    context = chromium.new_context(viewport=PHONE, base_url=fresh_team.url)
    page = context.new_page()
    page.goto(f"/login#token={fresh_team.site.access.token}&next=/people")
    page.wait_for_url("**/people")
    assert "How to begin" in page.inner_text("main")
    page.fill("#name", "BS Lê Chi")
    page.fill("#login", "Chi.Le")
    page.get_by_label("Radiologist").check()
    page.get_by_role("button", name="Add", exact=True).click()
    page.wait_for_selector(".people-welcome")
    link = page.inner_text(".people-welcome code")
    assert link.startswith("http://")
    context.clear_cookies()
    page.goto(re.sub(r"^https?://[^/]+", fresh_team.url, link))
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.get_by_role("button", name="Dùng mật khẩu này").click()
    page.wait_for_url(lambda address: "/welcome/" not in address)
    (chi,) = fresh_team.site.ledger.people.all()
    assert (chi.login, chi.roles) == ("chi.le", {Role.RADIOLOGIST})
    assert fresh_team.accounts.factors(chi.id).password
    assert any("BS Lê Chi added: radiologist" in line for line in fresh_team.log())
    with fresh_team.client() as client:
        assert "How to begin" not in client.get("/people").text, "there is somebody now"
    context.close()


@pytest.mark.parametrize("address", ["/people", "/audit", "/audit.csv", "/api/v1/people", "/api/v1/audit"])
def test_who_does_not_look_after_people_sees_none(team, doctors, address):
    with team.client(doctors[0]) as client:
        assert client.get(address).status_code == 403


def test_channels_are_put_in_order_and_keep_their_secrets(team, doctors, chromium):
    an, chief = doctors[0], team.person("BS Chief", Role.ADMINISTRATOR)
    people = team.site.ledger.people
    people.set_contacts(
        an.id,
        [
            a_contact(an.id, ChannelKind.EMAIL, "an@hospital.example"),
            a_contact(an.id, ChannelKind.APPRISE, TOKEN),
        ],
    )

    def kinds():
        return [contact.kind for contact in people.contacts_of([an.id])[an.id]]

    with team.page(chromium, chief, java_script_enabled=False) as page:
        page.goto(f"/people/{an.id}")
        assert "an@hospital.example" in page.content()
        assert "a-secret-of-mine" not in page.content()
        with page.expect_navigation():
            page.get_by_label("Messenger earlier").click()
        assert kinds() == [ChannelKind.APPRISE, ChannelKind.EMAIL]
        page.get_by_text("Add a channel").click()
        page.select_option("#kind", "push")
        with page.expect_navigation():
            page.get_by_role("button", name="Add the channel").click()
        assert kinds() == [ChannelKind.APPRISE, ChannelKind.EMAIL, ChannelKind.PUSH]
        assert "reaches nothing yet" in page.inner_text(".people-contacts")
        with page.expect_navigation():
            page.get_by_label("Remove E-mail").click()
        assert kinds() == [ChannelKind.APPRISE, ChannelKind.PUSH]
    assert not any("a-secret-of-mine" in line for line in team.log())


def test_a_closed_account_ends_at_once_and_leaves_a_hole(team, doctors):
    an, chief = doctors[0], team.person("BS Chief", Role.ADMINISTRATOR)
    with team.client(an) as phone, team.client(chief) as client:
        assert phone.get("/rota").status_code == 200
        assert client.post(f"/people/{an.id}/disable").status_code == 303
        assert phone.get("/api/v1/rota").status_code == 401
        assert team.on_duty(Role.STROKE_DOCTOR) == []
        assert client.post(f"/people/{an.id}/enable").status_code == 303
        assert team.on_duty(Role.STROKE_DOCTOR) == [an.name]
        assert phone.get("/api/v1/rota").status_code == 401, "what was ended stays ended"


def test_a_reset_takes_everything_and_gives_one_link(team, doctors):
    an, chief = doctors[0], team.person("BS Chief", Role.ADMINISTRATOR)
    team.accounts.set_password(an, PASSWORD, now())
    with team.client(chief) as client:
        page = client.post(f"/people/{an.id}/reset").text
        link = re.search(r"/welcome/[\w-]+", page)[0]
        assert not team.accounts.factors(an.id).password
        assert link not in client.get(f"/people/{an.id}").text, "shown once"
    assert link.rpartition("/")[2] not in "".join(team.log())


def test_an_administrator_cannot_lock_herself_out(team):
    chief = team.person("BS Chief", Role.ADMINISTRATOR)
    with team.client(chief) as client:
        assert client.post(f"/people/{chief.id}/disable").status_code == 400
        particulars = {"name": chief.name, "login": chief.login, "roles": ["it"]}
        refused = client.post(f"/people/{chief.id}", data=particulars)
        assert "ask another administrator" in refused.text
    assert team.site.ledger.people.get(chief.id) == chief


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": " "}, "a name has"),
        ({"login": "a b"}, "a login has"),
        ({"phone": "call me"}, "telephone number"),
    ],
)
def test_particulars_that_cannot_be_are_refused_in_a_sentence(team, wrong, said):
    with team.client() as client:
        refused = client.post("/people", data={"name": "X", "login": "some.body", "roles": ["it"], **wrong})
        assert refused.status_code == 400
        assert said in refused.text.lower()


def test_a_login_is_one_persons(team, doctors):
    with team.client() as client:
        client.headers["Accept"] = "application/json"
        wanted = {"name": "X", "login": doctors[0].login.upper(), "roles": ["it"]}
        assert "choose another" in client.post("/api/v1/people", json=wanted).json()["detail"]
        assert client.post("/api/v1/people", json={**wanted, "power": 1}).status_code == 422
        assert client.get(f"/api/v1/people/{doctors[0].id}").json()["rights"] == [
            "answer",
            "arrange",
            "names",
            "read",
        ]


def test_the_pages_fit_and_run_nothing_foreign(team, doctors, chromium):
    chief = team.person(EVIL[:64], Role.ADMINISTRATOR, Role.STROKE_DOCTOR)
    with team.page(chromium, chief) as page:
        for address in ("/people", f"/people/{chief.id}", "/me", "/audit"):
            page.goto(address)
            assert grave(page) == [], address
            assert page.title() != "owned"
            for viewport in (PHONE, DESK):
                page.set_viewport_size(viewport)
                assert too_wide(page) == 0, address
