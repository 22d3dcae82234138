"""The page that checks a copy, and the form of the sign-off, through the real API."""

import os
import time

import pytest

from gateway.ledger.records import DeliveryKind, case_id_of
from gateway.signing import asking, documents, judging
from gateway.signing.documents import PUBLISHED, SIGNED_OFF, Level, Seal
from gateway.signing.judging import Finding
from tests.api.staging import a_result, browser_like, close_site, open_site, serving
from tests.signing.conftest import a_report
from tests.viewer_bridge.drawn import make_analysis

STUDY = "1.2.900"
PHYSICIAN = "BS. Nguyễn Văn Đức"
WHO = {"revision": 1, "physician": PHYSICIAN, "role": "Radiologist", "remark": "Đồng ý."}


@pytest.fixture(scope="module")
def own_report():
    return a_report(make_analysis((4, 64, 64)), case_id_of(STUDY))


@pytest.fixture(scope="module")
def own(own_report, complete):
    return asking.sealed(own_report, complete)


@pytest.fixture
def site(tmp_path, complete, own):
    site = open_site(tmp_path, signing=complete)
    site.receive(STUDY)
    site.conclude(STUDY, a_result(STUDY))
    site.publish(STUDY)
    documents.keep(folder_of(site), PUBLISHED, *own)
    yield site
    close_site(site)


@pytest.fixture
def client(site, here):
    with serving(site) as url, browser_like(url, site) as client:
        client.headers["Origin"], client.timeout = url, 60
        yield client


def folder_of(site):
    return site.config.cases_dir / case_id_of(STUDY) / "r1"


def check(client, pdf, name="anything.pdf"):
    return client.post("/verify", files={"file": (name, pdf, "application/pdf")})


def test_a_copy_is_told_from_a_changed_one(client, own, own_report, sealed):
    page = check(client, own[0]).text
    assert "byte for byte" in page
    assert "Bệnh viện Đa khoa" in page
    assert "Root of the tests" in page
    assert "as published" in page
    changed = bytearray(own[0])
    changed[len(own_report) // 2] ^= 1
    page = check(client, bytes(changed)).text
    assert "This file is not what was issued or signed" in page
    assert "broken" in page
    page = check(client, own[0] + b"\n% more\n").text
    assert "something was added behind it" in page
    page = check(client, sealed[0]).text
    assert "Signed, but not issued here" in page
    assert "Nothing to go by" in check(client, b"%PDF-1.7 hello").text


def test_what_came_later_is_said(site, client, own):
    case = site.get(STUDY)
    documents.keep(folder_of(site), SIGNED_OFF, own[0] + b"\n% signed\n", Seal(Level.NONE))
    assert "A physician has signed this report off since" in check(client, own[0]).text
    assert site.ledger.cases.reopen(case)
    assert "revision 2 takes the place of revision 1" in check(client, own[0]).text


def test_programs_get_the_same_judgement_and_that_of_a_child(site, client, own, monkeypatch):
    monkeypatch.undo()
    answer = client.post("/api/v1/verify", content=own[0], headers={"Content-Type": "application/pdf"}).json()
    assert (answer["finding"], answer["case_id"], answer["issue"]) == ("kept", case_id_of(STUDY), 1)
    (signature,) = answer["signatures"]
    assert (signature["unaltered"], signature["whole"]) == (True, True)


HOSTILE = {"noise": os.urandom(50_000), "deep": b"%PDF-1.4\n1 0 obj\n" + b"[" * 400_000}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_an_answer(site, kind):
    found = judging.judge(HOSTILE[kind], site.ledger, site.config.cases_dir, {})
    assert found.finding is Finding.UNKNOWN
    assert "cannot be read as a PDF" in found.unreadable


def test_many_half_names_are_read_in_no_time(site):
    begun = time.process_time()
    assert judging._named(b"DocumentID>uuid:" * 300_000 + b"VersionID", site.ledger) == (None, 0)
    assert time.process_time() - begun < 20


def test_what_is_too_large_or_comes_from_nobody_is_refused(site, client):
    assert check(client, bytes(9 * 1024**2)).status_code == 413
    client.cookies.clear()
    assert client.get("/verify", follow_redirects=False).status_code == 303
    assert check(client, b"x").status_code == 401


def test_the_page_serves_the_kept_bytes(site, client, own):
    case_id = case_id_of(STUDY)
    for address in (f"/cases/{case_id}/report.pdf", f"/cases/{case_id}/r1/report-1.pdf"):
        answer = client.get(address)
        assert answer.content == own[0]
        assert answer.headers["Content-Type"] == "application/pdf"
    assert client.get(f"/cases/{case_id}/r1/report-2.pdf").status_code == 404
    said = client.get(f"/api/v1/cases/{case_id}/report").json()
    assert said["issues"][0]["seal"]["level"] == "B-LT"
    assert said["sign_off"] is None
    page = client.get(f"/cases/{case_id}").text
    assert "verifiable for the long term" in page
    assert f"/cases/{case_id}/sign-off" in page


def test_a_sign_off_by_the_form(site, client):
    case_id = case_id_of(STUDY)
    assert "Sign off revision 1" in client.get(f"/cases/{case_id}/sign-off").text
    stale = client.post(f"/cases/{case_id}/sign-off", data={**WHO, "revision": 2})
    assert stale.status_code == 409
    assert "revision 1 is the present one" in stale.text
    assert PHYSICIAN in stale.text, "what was typed stays"
    done = client.post(f"/cases/{case_id}/sign-off", data=WHO, follow_redirects=False)
    assert done.status_code == 303
    page = client.get(f"/cases/{case_id}").text
    assert PHYSICIAN in page
    assert "The copy with the sign-off is being made" in page
    assert "signed off already" in client.get(f"/cases/{case_id}/sign-off").text
    (ordered,) = [d for d in site.ledger.deliveries.of_case(case_id) if d.kind is DeliveryKind.SIGNOFF]
    assert [job.key for job in site.client.jobs() if job.key == ordered.id]


def test_a_sign_off_by_a_program_is_checked(site, client):
    address = f"/api/v1/cases/{case_id_of(STUDY)}/sign-off"
    refused = client.post(address, json={**WHO, "physician": "x"})
    assert (refused.status_code, "name and role" in refused.text) == (409, True)
    assert client.post(address, json=WHO).status_code == 202
    assert client.post(address, json=WHO).json()["sign_off"]["identity"] == "stated"
    assert client.post(address, json={**WHO, "physician": "Somebody else"}).status_code == 409


def test_a_case_without_a_result_cannot_be_signed_off(site, client):
    site.receive("1.2.901")
    answer = client.post(f"/api/v1/cases/{case_id_of('1.2.901')}/sign-off", json=WHO)
    assert answer.status_code == 409
    assert "there is no result to sign off" in answer.text
