"""The rota in a real Chromium: two taps to hand over, and every form without script."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from gateway.ledger.accesses import Action
from gateway.team.people import Role
from tests.team.conftest import DESK, EVIL, PHONE, a_swap, grave, now, too_wide

DOCTOR = Role.STROKE_DOCTOR


def test_a_duty_is_handed_over_in_two_taps_and_no_script(team, doctors, chromium):
    an, binh = doctors
    with team.page(chromium, an, has_touch=True, java_script_enabled=False) as page:
        page.goto("/rota")
        duty = page.locator(".rota-duty", has_text="Stroke doctor")
        assert "BS Nguyễn Văn An" in duty.inner_text()
        duty.get_by_text("Hand over").tap()
        with page.expect_navigation():
            duty.get_by_role("button", name="BS Trần Thị Bình").tap()
        assert "BS Trần Thị Bình" in duty.locator(".rota-who").inner_text()
    assert team.on_duty(DOCTOR) == [binh.name]
    (swap,) = team.site.ledger.rota.read().swaps
    assert (swap.absent, swap.instead, swap.by) == (an.id, binh.id, an.name)
    assert f"{Action.CHANGED_ROTA}: stroke_doctor" in team.log(an)[0]


def test_only_ones_own_duty_is_ones_own_to_hand_over(team, doctors):
    nurse, other = (team.person(name, Role.CATH_LAB) for name in ("Cath one", "Cath two"))
    team.always(nurse, Role.CATH_LAB)
    form = {"role": "cath_lab", "giver": nurse.id, "taker": other.id}
    with team.client(other) as client:
        refused = client.post("/rota/hand-over", data=form)
        assert refused.status_code == 400
        assert "your own duty is yours" in refused.text
        assert client.get("/rota/cath_lab").status_code == 403
        assert client.post("/rota/cath_lab/swaps/remove", data={"swap": "x"}).status_code == 403
    with team.client(nurse) as client:
        assert client.post("/rota/hand-over", data=form).status_code == 303
        again = client.post("/rota/hand-over", data=form)
        assert "not on duty any more" in again.text
    assert team.on_duty(Role.CATH_LAB) == ["Cath two"]


def test_a_week_is_written_without_script_and_its_holes_are_loud(team, chromium):
    team.empty()
    an = team.person("BS Ann Day", DOCTOR)
    with team.page(chromium, an, DESK, java_script_enabled=False) as page:
        page.goto("/rota")
        assert "no rota yet" in page.locator(".alarm").inner_text()
        page.get_by_label("Change the plan: Stroke doctors").click()
        page.select_option("#person", an.id)
        for day in ("Mon", "Wed", "Sun"):
            page.get_by_label(day, exact=True).check()
        page.fill("#starts", "20:00")
        page.fill("#ends", "08:00")
        with page.expect_navigation():
            page.get_by_role("button", name="Add to every week").click()
        assert page.locator(".rota-pattern form").count() == 3
        page.goto("/rota?day=2027-03-03")
        assert "1 Mar to Sun 7 Mar 2027" in page.inner_text("#week-title")
        cells = page.locator("tbody tr").first.locator("td")
        assert "until 08:00" in cells.nth(0).inner_text(), "the night of the Sunday before"
        assert "20:00–08:00" in cells.nth(0).inner_text()
        assert (
            cells.nth(1).inner_text().split() == ["08:00–24:00", "▲", "nobody"]
            or "nobody" in cells.nth(1).inner_text()
        )
        assert "nobody on duty" in page.locator(".alarm").first.inner_text()
        assert page.locator("[aria-current=date]").count() == 0
        page.goto("/rota")
        today = now().astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
        assert f"{today:%a} {today.day}" in page.locator("[aria-current=date]").inner_text()
        page.goto("/rota/stroke_doctor")
        with page.expect_navigation():
            page.get_by_label("Remove BS Ann Day, Monday").click()
        assert page.locator(".rota-pattern form").count() == 2
    log = team.log(an)
    assert "Monday, Wednesday, Sunday 20:00 to 08:00 added" in log[1]
    assert "Monday 20:00 to 08:00 removed" in log[0]


def test_an_exception_is_written_and_taken_back_without_script(team, doctors, chromium):
    an, binh = doctors
    soon = now().astimezone(ZoneInfo("Asia/Ho_Chi_Minh")) - timedelta(minutes=5)
    with team.page(chromium, an, java_script_enabled=False) as page:
        page.goto("/rota/stroke_doctor")
        page.select_option("#absent", an.id)
        page.select_option("#instead", binh.id)
        page.fill("#swap-starts", f"{soon:%Y-%m-%dT%H:%M}")
        page.fill("#swap-ends", f"{soon + timedelta(days=2):%Y-%m-%dT%H:%M}")
        page.fill("#note", "congress")
        with page.expect_navigation():
            page.get_by_role("button", name="Add the exception").click()
        assert team.on_duty(DOCTOR) == [binh.name]
        shown = page.locator(".rota-swaps").inner_text()
        assert f"{binh.name} instead of {an.name}" in shown
        assert "congress, by BS Nguyễn Văn An" in shown
        page.goto("/rota")
        assert page.get_by_text("by an exception").count() > 0
        page.goto("/rota/stroke_doctor")
        with page.expect_navigation():
            page.get_by_label("Remove the exception").click()
    assert team.on_duty(DOCTOR) == [an.name]


def test_whoever_lost_the_role_or_the_account_leaves_a_hole_that_is_seen(team, doctors):
    an, binh = doctors
    team.site.ledger.rota.add_swap(a_swap(DOCTOR, an, binh))
    assert team.on_duty(DOCTOR) == [binh.name]
    team.accounts.disable(binh, now())
    assert team.on_duty(DOCTOR) == []
    with team.client() as client:
        assert "Nobody is on duty" in client.get("/rota").text
        assert "does not count" in client.get("/rota/stroke_doctor").text
        found = client.get("/api/v1/rota/stroke_doctor/stretches?days=1&holes_only=true").json()
    assert len(found) == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"weekdays": ["0"], "starts": "7", "ends": "19:00"}, "HH:MM"),
        ({"weekdays": [], "starts": "07:00", "ends": "19:00"}, "at least one day"),
        ({"weekdays": ["9"], "starts": "07:00", "ends": "19:00"}, "a day of the week"),
        ({"weekdays": ["0"], "starts": "07:00", "ends": "19:00", "from_day": "tomorrow"}, "2026-01-31"),
        ({"weekdays": ["0"], "starts": "07:00", "ends": "19:00", "person": "nobody"}, "who has this role"),
    ],
)
def test_hours_that_make_no_sense_are_refused_in_a_sentence(team, doctors, form, said):
    with team.client(doctors[0]) as client:
        before = team.site.ledger.rota.written()
        refused = client.post("/rota/stroke_doctor/shifts", data={"person": doctors[0].id, **form})
        assert refused.status_code == 400
        assert said in refused.text
        assert team.site.ledger.rota.written() == before


def test_programs_read_and_change_the_plan(team, doctors):
    an, binh = doctors
    at = [(now() + timedelta(hours=hours)).isoformat() for hours in (-1, 1)]
    swap = {
        "role": "stroke_doctor",
        "starts_at": at[0],
        "ends_at": at[1],
        "absent": an.id,
        "instead": binh.id,
    }
    with team.client() as client:
        client.headers["Accept"] = "application/json"
        made = client.post("/api/v1/rota/swaps", json=swap)
        assert made.status_code == 200, made.text
        assert team.on_duty(DOCTOR) == [binh.name]
        assert client.delete(f"/api/v1/rota/stroke_doctor/swaps/{made.json()['id']}").status_code == 200
        assert team.on_duty(DOCTOR) == [an.name]
        local = client.post("/api/v1/rota/swaps", json={**swap, "starts_at": "2026-01-01T00:00:00"})
        assert "zone" in local.json()["detail"]
        assert client.get("/api/v1/rota").json()["time_zone"] == "Asia/Ho_Chi_Minh"


def test_the_pages_fit_and_name_what_they_show(team, doctors, chromium):
    evil = team.person(f"{EVIL} and a very long name indeed"[:64], DOCTOR)
    team.site.ledger.rota.add_swap(a_swap(DOCTOR, None, evil))
    with team.page(chromium, doctors[0]) as page:
        for address in ("/rota", "/rota/stroke_doctor"):
            page.goto(address)
            assert grave(page) == []
            assert page.title() != "owned"
            assert "<script>" in page.inner_text("main")
            for viewport in (PHONE, DESK):
                page.set_viewport_size(viewport)
                assert too_wide(page) == 0, address
