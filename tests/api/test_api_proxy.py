"""The archive behind our door, with a real Orthanc, and the viewer's files."""

import io

import httpx
import pydicom
import pytest

from benchmarks.running import free_port
from gateway.ledger.records import case_id_of
from tests.api.staging import ARCHIVE_PASSWORD, ARCHIVED_STUDY, close_site, open_site, serving


def get(archived, path, **headers):
    site, url = archived
    return httpx.get(url + path, headers={**site.bearer, **headers}, trust_env=False, timeout=20)


def test_a_study_is_found_and_its_links_lead_to_us(archived):
    found = get(archived, "/dicom-web/studies?StudyInstanceUID=1.2.77&includefield=all")
    assert found.json()[0]["0020000D"]["Value"] == [ARCHIVED_STUDY]
    metadata = get(archived, f"/dicom-web/studies/{ARCHIVED_STUDY}/metadata").json()
    assert metadata[0]["7FE00010"]["BulkDataURI"].startswith(
        f"{archived[1]}/dicom-web/studies/{ARCHIVED_STUDY}/"
    )


def test_an_object_comes_through_byte_for_byte(archived):
    site, _ = archived
    wanted = 'multipart/related; type="application/dicom"; transfer-syntax=*'
    answer = get(archived, f"/dicom-web/studies/{ARCHIVED_STUDY}", Accept=wanted)
    assert answer.headers["content-type"].startswith("multipart/related")
    sent = pydicom.dcmread(site.config.spool_dir / f"{ARCHIVED_STUDY}.dcm")
    body = answer.content[answer.content.index(b"\r\n\r\n") + 4 :]
    assert pydicom.dcmread(io.BytesIO(body)).PixelData == sent.PixelData


@pytest.mark.parametrize(
    "path",
    [
        "/dicom-web/servers",
        "/dicom-web/studies/..%2f..%2fsystem",
        "/dicom-web/studies/%2e%2e/%2e%2e/system",
        "/dicom-web//system",
        "/orthanc/tools/generate-uid?level=study",
        "/orthanc/modalities",
        "/orthanc/studies/..%2ftools",
        "/orthanc/app/..%2f..%2ftools",
    ],
)
def test_other_parts_of_the_archive_cannot_be_read(archived, path):
    assert get(archived, path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_the_archive_cannot_be_changed(archived, method):
    site, url = archived
    for path in (f"/dicom-web/studies/{ARCHIVED_STUDY}", "/orthanc/studies", "/dicom-web/studies"):
        answer = httpx.request(method, url + path, headers=site.bearer, trust_env=False)
        saves = method == "POST" and path.startswith("/dicom-web")  # segmentations alone, see tests/feedback
        assert answer.status_code == (400 if saves else 405)
    assert get(archived, "/dicom-web/studies").json()


def test_credentials_of_neither_side_pass_through(archived):
    answer = get(archived, "/orthanc/system")
    assert answer.status_code == 200
    assert "www-authenticate" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert ARCHIVE_PASSWORD not in answer.text


def test_a_case_leads_to_the_explorer(archived):
    answer = get(archived, f"/cases/{case_id_of(ARCHIVED_STUDY)}/archive")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/orthanc/app/explorer.html#study?uuid=")
    page = get(archived, "/orthanc/app/explorer.html")
    assert "Orthanc Explorer" in page.text
    assert "script-src 'self';" in page.headers["content-security-policy"]
    case = get(archived, f"/api/v1/cases/{case_id_of(ARCHIVED_STUDY)}").json()
    assert case["links"]["explorer"].endswith("/archive")
    assert "/viewer/ohif/viewer?StudyInstanceUIDs=1.2.77" in case["links"]["viewer"]


def test_the_archives_own_viewer_is_asked_for_only_where_it_is_installed(archived):
    answer = get(archived, f"/cases/{case_id_of(ARCHIVED_STUDY)}/orthanc-viewer")
    assert answer.status_code == 404
    assert "no plugin web-viewer" in answer.json()["detail"]


def test_the_viewer_is_served_isolated(archived):
    answer = get(archived, f"/viewer/ohif/viewer?StudyInstanceUIDs={ARCHIVED_STUDY}")
    assert "/viewer/ohif/" in answer.text
    assert answer.headers["cross-origin-embedder-policy"] == "require-corp"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert "window.config" in get(archived, "/viewer/ohif/app-config.js").text
    assert get(archived, "/viewer/ohif/nothing.js").status_code == 404


def test_without_a_viewer_the_page_says_how_to_get_one(staged):
    site, _, url = staged
    answer = httpx.get(f"{url}/viewer/ohif/viewer", headers=site.bearer, trust_env=False)
    assert answer.status_code == 404
    assert "@ohif/app" in answer.json()["detail"]
    assert "viewer.ohif_dir" in answer.json()["detail"]


def test_an_archive_that_is_away_or_not_configured_is_said_so(staged, tmp_path):
    site, _, url = staged
    none = httpx.get(f"{url}/dicom-web/studies", headers=site.bearer, trust_env=False)
    assert none.status_code == 404
    assert "orthanc.url" in none.json()["detail"]
    away = open_site(tmp_path, orthanc={"url": f"http://127.0.0.1:{free_port()}"})
    with serving(away) as other:
        answer = httpx.get(f"{other}/dicom-web/studies", headers=away.bearer, trust_env=False)
        assert answer.status_code == 502
        assert "/readyz" in answer.json()["detail"]
    close_site(away)
