"""IHE Invoke Image Display: what is asked for is opened, what makes no sense is said so."""

import httpx
import pytest

from gateway.api.invoke import Asked, Found, chosen, understood
from gateway.api.problems import Problem
from tests.api.staging import ARCHIVED_STUDY as STUDY
from tests.api.staging import CANARY_ID

IID = "/IHEInvokeImageDisplay"


def get(archived, path):
    site, url = archived
    return httpx.get(url + path, headers=site.bearer, trust_env=False, timeout=20)


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("", 400, "requestType"),
        ("requestType=SERIES&studyUID=1.2", 400, "requestType"),
        ("requestType=STUDY", 400, "studyUID"),
        ("requestType=STUDY&studyUID=1.2&accessionNumber=7", 400, "exactly one"),
        ("requestType=STUDY&patientID=7", 400, "exactly one"),
        ("requestType=STUDY&studyUID=1.2.x", 400, "UID"),
        ("requestType=STUDY&accessionNumber=*", 400, "wildcard"),
        ("requestType=PATIENT&patientID=BN%3F", 400, "wildcard"),
        ("requestType=PATIENT&patientID=7&mostRecentResults=0", 400, "mostRecentResults"),
        ("requestType=PATIENT&patientID=7&lowerDateTime=yesterday", 400, "lowerDateTime"),
        ("requestType=STUDY&studyUID=1.2.77&viewerType=PATIENT_PORTAL", 406, "viewerType"),
        ("requestType=STUDY&studyUID=1.2.78", 404, "studyUID"),
        ("requestType=STUDY&accessionNumber=NONE", 404, "accessionNumber"),
        ("requestType=PATIENT&patientID=NOBODY", 404, "patientID"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason(archived, query, status, word):
    answer = get(archived, f"{IID}?{query}")
    assert answer.status_code == status
    assert word in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        f"requestType=STUDY&studyUID={STUDY}",
        f"requestType=STUDY&studyUID={STUDY}&viewerType=IHE_BIR&diagnosticQuality=true&keyImagesOnly=false",
        f"requestType=PATIENT&patientID={CANARY_ID}",
        f"requestType=PATIENT&patientID={CANARY_ID}%5E%5E%5EBVDK%26&mostRecentResults=3",
    ],
)
def test_a_study_or_a_patient_is_opened_in_the_viewer(archived, query):
    answer = get(archived, f"{IID}?{query}")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/viewer/ohif/viewer?StudyInstanceUIDs={STUDY}"


@pytest.mark.parametrize(
    "link", [f"/ohif/viewer?StudyInstanceUIDs={STUDY}", f"/stone-webviewer/index.html?study={STUDY}"]
)
def test_links_to_the_plugins_of_orthanc_lead_to_the_viewer(archived, link):
    answer = get(archived, link)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/viewer/ohif/viewer?StudyInstanceUIDs={STUDY}"
    assert get(archived, link.replace(STUDY, "1.2.78")).status_code == 404
    nothing = get(archived, link.replace(STUDY, ""))
    assert nothing.status_code == 400
    assert "names no study" in nothing.json()["detail"]
    assert httpx.get(archived[1] + link, trust_env=False).status_code == 401


def test_a_case_with_a_result_opens_on_it(staged):
    site, ids, url = staged
    answer = httpx.get(f"{url}{IID}?requestType=STUDY&studyUID=1.2.5", headers=site.bearer, trust_env=False)
    assert answer.headers["location"] == f"/cases/{ids['fresh']}", "no viewer is hosted here"
    answer = httpx.get(f"{url}/ohif/viewer?StudyInstanceUIDs=1.2.5", headers=site.bearer, trust_env=False)
    assert answer.headers["location"] == f"/cases/{ids['fresh']}"


def test_nobody_is_shown_anything_without_a_login(archived):
    answer = httpx.get(f"{archived[1]}{IID}?requestType=PATIENT&patientID={CANARY_ID}", trust_env=False)
    assert answer.status_code == 401


def test_the_latest_studies_within_the_times_are_chosen():
    found = [Found("1.1", "20260101080000"), Found("1.2", "20260301"), Found("1.3", "20260201120000")]
    everything = Asked("patientID", ("7",), "", "", 10)
    assert chosen(found, everything) == ["1.2", "1.3", "1.1"]
    asked = understood(
        {
            "requestType": "PATIENT",
            "patientID": "7",
            "lowerDateTime": "2026-01-15T00:00:00",
            "upperDateTime": "2026-02-28",
            "mostRecentResults": "2",
        }
    )
    assert chosen(found, asked) == ["1.3"]


def test_a_viewer_for_patients_we_are_not():
    with pytest.raises(Problem, match="IHE_BIR"):
        understood({"requestType": "STUDY", "studyUID": "1.2", "viewerType": "X"})
