"""Every route of the application, for everybody who may come: let in by the table and by nothing else."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from starlette.responses import Response
from starlette.routing import Mount

from gateway.api import guard
from gateway.api.app import create_app
from gateway.api.callers import COOKIE, LINK_COOKIE, VISITOR_COOKIE
from gateway.api.guard import Guard
from gateway.api.lookup import READING, case_of, need_of, row_of
from gateway.api.reception import Reception
from gateway.api.rights import NEEDS
from gateway.identity.invitations import invite
from gateway.ledger.call import Call
from gateway.ledger.calls import Hold
from gateway.ledger.records import case_id_of
from gateway.passes import issue
from gateway.team.contacts import ChannelKind
from gateway.team.people import LINK_RIGHTS, RIGHTS, Right, Role
from tests.identity.conftest import OWN, now

STUDY = "1.2.3"
CASE = case_id_of(STUDY)
OTHER_CASE = case_id_of("1.2.99")
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def routes_of(app):
    """Method and address of every route, with every parameter filled in."""
    for route in app.routes:
        for inner in flattened(route):
            for method in sorted(inner.methods or {"GET"}):
                yield method, inner.path


def flattened(route):
    """The route itself, or those of the router that was included; nobody here includes one below a prefix."""
    if isinstance(route, Mount):
        return []
    router = getattr(route, "original_router", None)
    return [inner for one in router.routes for inner in flattened(one)] if router else [route]


def filled(path: str) -> str:
    values = {"case_id": CASE, "path:path": "a/b", "word": "w"}
    return re.sub(r"\{([^}]*)\}", lambda hit: values.get(hit[1], "1"), path)


@pytest.fixture(scope="module")
def every_route(house):
    app = create_app(house.site.config, house.site.ledger, house.site.client, house.site.access)
    return sorted(set(routes_of(app)))


@pytest.fixture(scope="module")
def door(house):
    """The guard before an application that lets everybody do everything."""

    async def anything(scope, receive, send):
        await Response(status_code=204)(scope, receive, send)

    site = house.site
    reception = Reception(site.config, site.ledger, site.client, site.access, None)
    guarded = Guard(anything, reception)
    guarded._paces = dict.fromkeys((True, False), Endless())

    async def ask_all(questions, headers):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(guarded), base_url="http://gateway", headers={**OWN, **headers}
        ) as client:
            return [(await client.request(method, path)).status_code for method, path in questions]

    def ask(questions, headers):
        with ThreadPoolExecutor(
            1
        ) as elsewhere:  # a browser of another test may keep a loop running in this thread
            return elsewhere.submit(asyncio.run, ask_all(questions, headers)).result()

    return ask


class Endless:
    """Nobody waits."""

    def wait_s(self, _who: str) -> float:
        return 0.0


def a_link(house, person, call_id="call-1") -> dict[str, str]:
    call = Call(call_id, f"case:{CASE}:r1", CASE, 1, 0, 0, "alert", person.id, None, 0, ChannelKind.PUSH, "")
    house.site.ledger.calls.queue([call], now(), Hold("t", now()))
    word = invite(house.site.access, call_id, (now() + timedelta(hours=1)).timestamp())
    return {"Cookie": f"{LINK_COOKIE}{CASE}={word}"}


def test_every_route_has_a_row_of_its_own(every_route):
    missing = [route for route in every_route if row_of(route[0], filled(route[1])) is None]
    assert len(every_route) > 80
    assert missing == []


def test_every_row_belongs_to_a_route(every_route, house):
    known = {
        ("GET" if method in READING else method, re.sub(r"\{[^}]*\}", "{}", path))
        for method, path in every_route
    }
    folders = [path for method, path in NEEDS if path.endswith("{path:path}")]
    rows = {(method, re.sub(r"\{[^}]*\}", "{}", path)): path for method, path in NEEDS}
    provider = {"/login/oidc"}
    lost = [
        row for row, path in rows.items() if row not in known and path not in folders and path not in provider
    ]
    assert lost == []


@pytest.mark.parametrize("role", Role)
def test_a_role_may_do_what_the_table_says_and_nothing_else(house, door, every_route, role):
    person = house.person(role)
    word = house.accounts.sessions.begin(person, "test", "test", now())
    questions = [(method, filled(path)) for method, path in every_route]
    answers = door(questions, {"Cookie": f"{COOKIE}={word}"})
    for (method, path), status in zip(questions, answers, strict=True):
        right = need_of(method, path).right
        allowed = right is None or right in RIGHTS[role]
        assert status == (204 if allowed else 403), (role, method, path)
    assert 403 in answers, "each role lacks something"


def test_nobody_may_do_anything_but_come_in(door, every_route):
    questions = [(method, filled(path)) for method, path in every_route]
    for (method, path), status in zip(questions, door(questions, {}), strict=True):
        assert status == (204 if need_of(method, path).right is None else 401), (method, path)


def test_what_everybody_may_do_is_short(every_route):
    """Whoever adds to this list has thought about it: these need no proof of who asks."""
    known = r"/(healthz|readyz|metrics|favicon\.ico|login.*|logout|welcome/.*|open/.*|a/.*|static/.*|api/v1/exchange/.*"
    also = r"|sw\.js|manifest.*|phone/manifest.*|api/v1/calls/[^/]*/received|phone/sw\.js)"
    open_to_all = [path for method, path in every_route if need_of(method, filled(path)).right is None]
    assert [path for path in open_to_all if not re.fullmatch(known + also, path)] == []


def test_the_access_token_may_do_everything(house, door, every_route):
    questions = [(method, filled(path)) for method, path in every_route]
    assert set(door(questions, {"Authorization": f"Bearer {house.site.access.token}"})) == {204}


def test_an_alerts_link_opens_its_case_without_whose_it_is(house, door, every_route):
    link = a_link(house, house.person(Role.STROKE_DOCTOR))
    questions = [(method, filled(path)) for method, path in every_route]
    for (method, path), status in zip(questions, door(questions, link), strict=True):
        need = need_of(method, path)
        mine = need.link and need.right in LINK_RIGHTS and case_of(method, path, "") == CASE
        assert status == (204 if need.right is None or mine else 403), (method, path)
        assert not (need.link and need.right not in LINK_RIGHTS), f"a link never gets {need.right}: {path}"
    foreign = [(method, path.replace(CASE, OTHER_CASE)) for method, path in questions if CASE in path]
    assert 204 not in door([row for row in foreign if need_of(*row).right is not None], link)
    events = [("GET", f"/phone/cases/{case}/events") for case in (CASE, OTHER_CASE)]
    assert door([*events, ("GET", f"/api/v1/events?case={CASE}")], link) == [204, 403, 403]


def test_a_pass_reads_its_study_and_changes_nothing(house, door, every_route):
    word = issue(STUDY, 60).signed(house.site.access)
    visitor = {"Cookie": f"{VISITOR_COOKIE}={word}"}
    changing = [(method, filled(path)) for method, path in every_route if method in CHANGING]
    changing = [row for row in changing if need_of(*row).right is not None]
    assert set(door(changing, visitor)) == {403}
    reading = [("GET", f"/cases/{CASE}"), ("GET", f"/cases/{OTHER_CASE}"), ("GET", "/"), ("GET", "/people")]
    assert door(reading, visitor) == [204, 403, 403, 403]


def test_only_an_administrator_changes_what_has_no_row(house, door):
    for role in Role:
        word = house.accounts.sessions.begin(house.person(role), "test", "test", now())
        unknown = [("GET", "/a/new/page"), ("POST", "/a/new/page")]
        may = 204 if Right.ADMINISTER in RIGHTS[role] else 403
        assert door(unknown, {"Cookie": f"{COOKIE}={word}"}) == [204, may]


@pytest.mark.parametrize("who", ["session", "link"])
def test_a_cookie_changes_nothing_from_another_site(house, door, monkeypatch, who):
    """The guard's own check is what refuses: without it, the same requests pass."""
    person = house.person(Role.STROKE_DOCTOR)
    cookie = {"Cookie": f"{COOKIE}={house.accounts.sessions.begin(person, 't', 't', now())}"}
    cookie = cookie if who == "session" else a_link(house, person, "call-csrf")
    change = [("POST", f"/phone/cases/{CASE}/answer")]
    foreign = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://gateway"},
    )
    assert door(change, cookie) == [204]
    assert [door(change, {**cookie, **headers}) for headers in foreign] == [[403]] * 4
    monkeypatch.setattr(guard, "from_us", lambda *_: True)
    assert [door(change, {**cookie, **headers}) for headers in foreign] == [[204]] * 4, "the planted mutant"
