"""Links that leave the hospital: one study, to read, for a while; every refusal has its counterpart that passes."""

import re
from dataclasses import replace
from urllib.parse import unquote

import httpx
import pytest

from gateway.access import Access
from gateway.api.guard import VISITOR_COOKIE
from gateway.api.scope import may_read
from gateway.identity.invitations import invite, read
from gateway.ledger.records import case_id_of
from gateway.passes import LINK_S, VISIT_S, Pass, issue, opened, visit
from tests.api.staging import browser_like
from triage.errors import InputError

ACCESS = Access("a token that is long enough")
OTHER = Access("the token of another house")
MINE, THEIRS = "1.2.5", "1.2.51"
CASE = case_id_of(MINE)


def test_a_pass_opens_its_study_until_it_expires():
    word = issue(MINE, 60, now_s=1000).signed(ACCESS)
    found = opened(word, ACCESS, now_s=1059)
    assert (found.study_uid, found.made_s, found.expires_s) == (MINE, 1000, 1060)
    assert opened(word, ACCESS, now_s=1060) is None


def test_a_pass_that_was_changed_or_made_elsewhere_opens_nothing():
    granted = issue(MINE, 60, now_s=1000)
    signature, expires, rest = granted.signed(ACCESS).split(".", 2)
    assert opened(f"{signature}.{expires}.{rest}", ACCESS, now_s=1000)
    longer = f"{signature}.{int(expires) + 1}.{rest}"
    another = f"{signature}.{expires}.{rest.replace(MINE, THEIRS)}"
    flipped = f"{'0' if signature[0] != '0' else '1'}{signature[1:]}.{expires}.{rest}"
    for word in (longer, another, flipped, f".{expires}.{rest}", "", "x", "é.1.2"):
        assert opened(word, ACCESS, now_s=1000) is None
    assert opened(granted.signed(OTHER), ACCESS, now_s=1000) is None
    assert opened(invite(ACCESS, MINE, 2000, now_s=1000), ACCESS, now_s=1000) is None, "no alert's link"
    assert read(granted.signed(ACCESS), ACCESS) is None, "and a pass is no alert's link"


def test_a_visit_is_short_and_never_longer_than_its_pass():
    whole = Pass(MINE, 1000 + LINK_S, 1000, "7f")
    assert visit(whole, now_s=1000) == replace(whole, expires_s=1000 + VISIT_S), "it is revoked with its pass"
    assert visit(Pass(MINE, 1010), now_s=1000).expires_s == 1010


def test_nothing_but_a_uid_gets_a_pass():
    with pytest.raises(InputError):
        issue("1.2/../1.3", 60)


@pytest.mark.parametrize(
    "address",
    [
        f"/dicom-web/studies/{MINE}",
        f"/dicom-web/studies/{MINE}/series/1.2.5.1/instances/1.2.5.1.1/frames/1,2",
        f"/dicom-web/studies?limit=101&offset=0&StudyInstanceUID={MINE}&includefield=00081030",
        f"/dicom-web/series?0020000D={MINE}",
        "/viewer/ohif/viewer",
        "/viewer/ohif/app.bundle.0123456789abcdef.js",
        f"/cases/{CASE}",
        f"/parts/cases/{CASE}?seen=true",
        f"/cases/{CASE}/pictures/summary.png",
        f"/cases/{CASE}/r1/tiles/ct-001.webp",
        f"/api/v1/cases/{CASE}",
        f"/api/v1/events?case={CASE}",
    ],
)
def test_a_pass_reads_its_own_study(address):
    path, _, query = address.partition("?")
    assert may_read(MINE, path, query)
    assert path.startswith("/viewer/") or not may_read(THEIRS, path, query)


@pytest.mark.parametrize(
    "address",
    [
        f"/dicom-web/studies/{THEIRS}",
        f"/dicom-web/studies/{MINE}1/series",
        "/dicom-web/studies/1x2x5",
        f"/dicom-web/studies/{MINE}/../{THEIRS}",
        f"/dicom-web/studies/{MINE}//{THEIRS}",
        "/dicom-web/studies",
        "/dicom-web/studies?PatientID=7",
        "/dicom-web/studies?StudyInstanceUID=",
        "/dicom-web/studies?StudyInstanceUID=*",
        f"/dicom-web/studies?StudyInstanceUID={MINE},{THEIRS}",
        f"/dicom-web/studies?StudyInstanceUID={MINE}&StudyInstanceUID={THEIRS}",
        f"/dicom-web/studies?StudyInstanceUID={MINE}&0020000d={THEIRS}",
        f"/dicom-web/instances?x={MINE}",
        "/orthanc/studies",
        "/",
        "/jobs",
        "/api/v1/cases",
        "/api/v1/events",
        f"/api/v1/events?case={case_id_of(THEIRS)}&case={CASE}",
        f"/cases/{case_id_of(THEIRS)}",
        f"/cases/{CASE}/archive",
        f"/cases/{CASE}/weasis",
        f"/cases/{CASE}/pictures/../../x.png",
    ],
)
def test_a_pass_reads_nothing_else(address):
    path, _, query = address.partition("?")
    assert not may_read(MINE, path, query)


@pytest.fixture(scope="module")
def sent(staged):
    """A link for the staged case "fresh", as somebody who is logged in makes it."""
    site, ids, url = staged
    answer = httpx.post(
        f"{url}/api/v1/cases/{ids['fresh']}/pass", headers=site.bearer, trust_env=False
    ).json()
    return answer["url"].replace(site.config.http.base_url, url)


def test_whoever_comes_by_the_link_sees_the_case_and_no_other(staged, sent):
    _, ids, url = staged
    with browser_like(url) as visitor:
        assert visitor.get(f"/cases/{ids['fresh']}").status_code == 303
        came = visitor.get(sent)
        assert came.headers["location"] == f"/cases/{ids['fresh']}"
        cookie = came.headers["set-cookie"]
        assert f"Max-Age={VISIT_S}" in cookie
        assert "HttpOnly" in cookie
        assert "CANARY" in visitor.get(f"/cases/{ids['fresh']}").text
        assert visitor.get(f"/cases/{ids['fresh']}/pictures/summary.png").status_code == 200
        for path in ("/", f"/cases/{ids['done']}", "/api/v1/cases", f"/dicom-web/studies/{THEIRS}"):
            refused = visitor.get(path)
            assert refused.status_code == 403
            assert "one study" in refused.text
        own = {"Sec-Fetch-Site": "same-origin"}
        assert visitor.post(f"/cases/{ids['fresh']}/answers", headers=own).status_code == 403
        assert visitor.post(f"/api/v1/cases/{ids['fresh']}/pass", headers=own).status_code == 403
        # the archive is not configured here: the question passes the door and ends behind it
        assert visitor.get(f"/dicom-web/studies/{MINE}").status_code == 404


def test_a_damaged_or_expired_link_says_so_and_leaves_no_cookie(staged, sent):
    site, _, url = staged
    expired = f"{url}/open/{Pass(MINE, 1000).signed(site.access)}"
    for address in (sent[:-1] + ("1" if sent[-1] != "1" else "2"), expired, f"{url}/open/x"):
        with browser_like(url) as visitor:
            answer = visitor.get(address)
            assert answer.status_code == 403
            assert "set-cookie" not in answer.headers
            assert "expired or is damaged" in answer.text
            visitor.cookies.set(VISITOR_COOKIE, address.rpartition("/")[2])
            assert visitor.get("/cases/" + CASE).status_code == 303


def test_a_link_is_made_by_people_who_are_logged_in_only(staged):
    _, ids, url = staged
    assert httpx.post(f"{url}/api/v1/cases/{ids['fresh']}/pass", trust_env=False).status_code == 401


def test_the_console_shows_the_link_and_until_when(staged):
    site, ids, url = staged
    with browser_like(url, site) as browser:
        page = browser.post(f"/cases/{ids['fresh']}/pass", headers={"Sec-Fetch-Site": "same-origin"}).text
        assert re.search(r"/open/[0-9a-f]{64}\.\d+\.\d+\.[0-9a-f]{16}\.1\.2\.5<", page)
        assert "UTC" in page


def test_weasis_gets_a_bearer_for_one_study(archive_site):
    site, url = archive_site
    answer = httpx.get(f"{url}/cases/{CASE}/weasis", headers=site.bearer, trust_env=False)
    said = unquote(answer.headers["location"])
    assert said.startswith("weasis://?$dicom:rs --url ")
    word = re.search(r"Bearer ([^\"]+)\"", said)[1]
    assert site.access.token not in said
    own = {"Authorization": f"Bearer {word}"}
    assert httpx.get(f"{url}/dicom-web/studies/{MINE}", headers=own, trust_env=False).status_code == 502
    assert httpx.get(f"{url}/dicom-web/studies/{THEIRS}", headers=own, trust_env=False).status_code == 403


def test_a_case_offers_every_viewer_that_the_site_has_and_no_other(archive_site, staged):
    site, url = archive_site
    links = httpx.get(f"{url}/api/v1/cases/{CASE}", headers=site.bearer, trust_env=False).json()["links"]
    base = site.config.http.base_url
    assert links["viewer"] is None
    assert links["explorer"] == f"{base}/cases/{CASE}/archive"
    assert links["orthanc_viewer"] == f"{base}/cases/{CASE}/orthanc-viewer"
    assert links["weasis"] == f"{base}/cases/{CASE}/weasis"
    assert links["site_viewer"] == f"https://pacs.example/v?s={MINE}"
    page = httpx.get(f"{url}/cases/{CASE}", headers=site.bearer, trust_env=False).text
    for address in (f"/cases/{CASE}/archive", f"/cases/{CASE}/weasis", f"https://pacs.example/v?s={MINE}"):
        assert f'href="{address}"' in page
    other, ids, there = staged
    plain = httpx.get(f"{there}/api/v1/cases/{ids['fresh']}", headers=other.bearer, trust_env=False).json()
    assert [name for name, address in plain["links"].items() if address] == ["case"]
