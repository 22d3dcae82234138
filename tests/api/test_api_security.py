"""Who may pass, and what passes out: every check here has its counterpart that must succeed."""

import http.client
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.api.guard import COOKIE
from gateway.ledger.records import case_id_of
from tests.api.staging import (
    CANARY,
    CANARY_ID,
    EVIL,
    a_refusal,
    a_result,
    browser_like,
    close_site,
    open_site,
    serving,
)

CLOSED = (
    "/",
    "/cases/{fresh}",
    "/parts/cases/{fresh}",
    "/parts/rows/{fresh}",
    "/cases/{fresh}/pictures/summary.png",
    "/cases/{fresh}/archive",
    "/api/v1/cases",
    "/api/v1/cases/{fresh}",
    "/api/v1/jobs",
    "/api/v1/jobs/troubles",
    "/parts/banner",
    "/api/v1/events",
    "/docs",
    "/openapi.json",
    "/jobs",
    "/viewer/ohif/",
    "/dicom-web/studies",
    "/orthanc/app/explorer.html",
    "/no/such/page",
)
OPEN = ("/healthz", "/readyz", "/metrics", "/login", "/static/console.css", "/static/console.js")


@pytest.mark.parametrize("path", CLOSED)
def test_without_authentication_nothing_is_shown(staged, path):
    _, ids, url = staged
    answer = httpx.get(url + path.format(**ids), trust_env=False)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "token" in answer.json()["detail"]


@pytest.mark.parametrize("path", OPEN)
def test_open_addresses_need_no_authentication(staged, path):
    assert httpx.get(staged[2] + path, trust_env=False).status_code == 200


@pytest.mark.parametrize("credentials", ["Bearer wrong", "Bearer", "Basic {token}", "{token}"])
def test_wrong_credentials_are_refused_and_the_right_ones_accepted(staged, credentials):
    site, _, url = staged
    header = {"Authorization": credentials.format(token=site.access.token)}
    assert httpx.get(f"{url}/api/v1/cases", headers=header, trust_env=False).status_code == 401
    assert httpx.get(f"{url}/api/v1/cases", headers=site.bearer, trust_env=False).status_code == 200


def test_a_browser_is_led_to_the_login_and_back(staged):
    site, ids, url = staged
    with browser_like(url) as browser:
        sent_away = browser.get(f"/cases/{ids['fresh']}")
        assert sent_away.status_code == 303
        assert sent_away.headers["location"] == f"/login?next=/cases/{ids['fresh']}"
        back = browser.post("/login", data={"token": site.access.token, "next": f"/cases/{ids['fresh']}"})
        assert back.headers["location"] == f"/cases/{ids['fresh']}"
        cookie = back.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert site.access.token not in cookie
        assert browser.get("/").status_code == 200


def test_a_wrong_token_opens_nothing(staged):
    with browser_like(staged[2]) as browser:
        answer = browser.post("/login", data={"token": "wrong"})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb"]
)
def test_a_login_never_leads_to_another_site(staged, wanted):
    site, _, url = staged
    with browser_like(url) as browser:
        answer = browser.post("/login", data={"token": site.access.token, "next": wanted})
        assert answer.headers["location"] == "/"


def test_a_forged_session_is_refused(staged):
    with browser_like(staged[2]) as browser:
        browser.cookies.set(COOKIE, "99999999999.0000")
        assert browser.get("/").status_code == 303


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{url}"}, False),
        ({"Origin": "{url}"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
    ],
)
def test_a_cookie_changes_state_only_from_our_own_pages(staged, headers, allowed):
    site, ids, url = staged
    headers = {name: value.format(url=url) for name, value in headers.items()}
    path = f"/api/v1/cases/{ids['done']}/acknowledge"
    with browser_like(url, site) as browser:
        assert browser.post(path, headers=headers).status_code == (200 if allowed else 403)
    assert httpx.post(url + path, headers=site.bearer, trust_env=False).status_code == 200


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2fresult", "%2e%2e/%2e%2e/result", "....//summary", "/etc/passwd", "summary%00", ".%2fsummary"],
)
def test_pictures_come_from_the_list_only(staged, name):
    site, ids, url = staged
    host = urlsplit(url)
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=5)
    try:  # http.client sends the path as it is
        connection.request("GET", f"/cases/{ids['fresh']}/pictures/{name}.png", headers=site.bearer)
        assert connection.getresponse().status == 404
    finally:
        connection.close()
    good = httpx.get(f"{url}/cases/{ids['fresh']}/pictures/summary.png", headers=site.bearer, trust_env=False)
    assert good.status_code == 200
    assert good.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["/static/..%2fpages.py", "/static/../pages.py", "/static/%2e%2e/pages.py"])
def test_static_files_come_from_their_folder_only(staged, path):
    host = urlsplit(staged[2])
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=5)
    try:
        connection.request("GET", path)
        assert connection.getresponse().status in {401, 404}
    finally:
        connection.close()


def test_every_answer_carries_the_security_headers(staged):
    site, ids, url = staged
    with browser_like(url, site) as browser:
        for path in ("/", f"/cases/{ids['fresh']}", "/api/v1/cases", "/nothing", "/static/console.js"):
            headers = browser.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            policy = headers["content-security-policy"]
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
        assert browser.get(f"/cases/{ids['fresh']}").headers["cache-control"] == "no-store"
        assert "unsafe-eval" in browser.get("/viewer/ohif/").headers["content-security-policy"]


def test_pages_hold_no_inline_script_or_style(staged):
    site, ids, url = staged
    with browser_like(url, site) as browser:
        for path in ("/", f"/cases/{ids['fresh']}", f"/cases/{ids['severe']}", "/login", "/docs", "/jobs"):
            page = browser.get(path).text
            assert page.count("<script") == page.count('<script type="module" src="/static/console.js">') == 1
            assert " style=" not in page
            assert "Research use. Not for primary diagnosis." in page


def test_foreign_text_is_text(tmp_path):
    site = open_site(tmp_path)
    site.receive("1.2.9")
    site.conclude("1.2.9", a_refusal("1.2.9", EVIL))
    site.alert("1.2.9")
    with serving(site) as url, browser_like(url, site) as browser:
        own = {"Sec-Fetch-Site": "same-origin"}
        browser.post(
            f"/cases/{case_id_of('1.2.9')}/answers", data={"kind": "take", "by": EVIL[:60]}, headers=own
        )
        for path in (
            "/",
            f"/cases/{case_id_of('1.2.9')}",
            f"/parts/rows/{case_id_of('1.2.9')}",
            "/nothing<b>",
        ):
            page = browser.get(path).text
            assert "<script>document" not in page
            assert "<img src=x" not in page
        assert "&lt;script&gt;" in browser.get("/").text
    close_site(site)


def test_a_person_is_on_the_case_page_and_nowhere_else(tmp_path, capfd):
    site = open_site(tmp_path)
    site.receive("1.2.8")
    site.conclude("1.2.8", a_result("1.2.8"))
    site.alert("1.2.8")
    case_id = case_id_of("1.2.8")
    with serving(site) as url, browser_like(url, site) as browser:
        page = browser.get(f"/cases/{case_id}").text
        assert "CANARY TUẤN" in page
        assert CANARY_ID in page
        assert "<title>Case" in page
        paths = ("/", "/api/v1/cases", f"/api/v1/cases/{case_id}", f"/parts/cases/{case_id}", "/api/v1/jobs")
        for path in (*paths, "/metrics", "/readyz", "/openapi.json", "/jobs"):
            answer = browser.get(path)
            assert answer.status_code in {200, 503}
            assert "CANARY" not in answer.text
        assert "1.2.8" not in browser.get("/metrics").text
        (site.config.spool_dir / "1.2.8.dcm").write_bytes(CANARY.encode())
        assert "cannot be read" in browser.get(f"/cases/{case_id}").text
    close_site(site)
    said = capfd.readouterr()
    assert "cannot be read" in said.out + said.err  # the log is seen here, so its silence means something
    assert "CANARY" not in said.out + said.err


def test_a_large_body_is_refused_before_it_is_read(staged):
    site, ids, url = staged
    path = f"{url}/api/v1/cases/{ids['done']}/acknowledge"
    too_large = httpx.post(path, content=b"x" * 70_000, headers=site.bearer, trust_env=False)
    assert too_large.status_code == 413
    endless = httpx.post(path, content=iter([b"{}"]), headers=site.bearer, trust_env=False)
    assert endless.status_code == 411
