"""One study from dcmtk's sender to alert, archive and EMR: every process and every peer is real."""

import os
import re
import signal
import subprocess
import time

import httpx
import pytest
from pydicom import dcmread
from sqlalchemy import select

from benchmarks.running import NO_NAGLE, running_gateway
from benchmarks.scanner import Part, write_study
from benchmarks.small_phone import SmallPhone
from gateway.engine import Client
from tests.walk.peers import everybody_has_it, opened

STORESCU = "/usr/bin/storescu"
TIMEOUT_S = 120
LARGEST_VALUE = 10_000
"""Characters; images and curves have more."""


def store(gateway, paths, called_ae="STROKEGW"):
    command = [
        STORESCU,
        "-aet",
        "CT01",
        "-aec",
        called_ae,
        "127.0.0.1",
        str(gateway.dicom_port),
        *map(str, paths),
    ]
    return subprocess.run(
        command,
        env={**os.environ, **NO_NAGLE},
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )


def dicomweb(gateway, path):
    with gateway.api as api:
        return api.get(f"/dicom-web/{path}", headers={"Accept": "application/dicom+json"}).json()


def tag(item, name):
    return item[name]["Value"][0]


@pytest.fixture(params=["sqlite", "postgresql"])
def site_and_journal(request, tmp_path):
    """A site on the embedded default and on what several machines share, and where its engine writes."""
    if request.param == "sqlite":
        site = request.getfixturevalue("a_site")
        yield site, f"sqlite:///{site.gateway.data_dir / 'engine.db'}"
        return
    url = request.getfixturevalue("a_postgres_url")
    with opened(tmp_path / "gateway", {"database": {"url": url}}) as site:
        yield site, url


def test_a_study_walks_from_the_scanner_to_phone_archive_and_emr(a_phantom, a_study, site_and_journal):
    site, journal = site_and_journal
    gateway = site.gateway
    sent = store(gateway, a_study.paths)
    assert sent.returncode == 0, sent.stderr
    case = gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)

    result, truth = case["result"], a_phantom.truth
    assert result["side"] == truth.side
    assert result["core_ml"] == pytest.approx(truth.core_ml, abs=10)
    assert result["hypoperfused_ml"] == pytest.approx(truth.hypoperfused_ml, abs=20)
    assert re.search(r"12 of 12 slices x 30 of 30 frames", case["proof"])

    (alert,) = site.alerts(case["id"])
    assert f"core {result['core_ml']:.1f} ml" in alert["lines"][0]
    assert alert["link"] == case["links"]["case"]
    (message,) = site.messages(a_study.study_uid)
    assert f"Infarct core volume^99STROKEGW||{result['core_ml']:.1f}|mL" in message

    series = dicomweb(gateway, f"studies/{a_study.study_uid}/series")
    by_modality = {tag(item, "00080060"): tag(item, "0020000E") for item in series}
    assert {"CT", "SEG", "OT"} <= set(by_modality)
    ctp = dicomweb(gateway, f"studies/{a_study.study_uid}/series/{a_study.ctp_series_uid}/instances")
    assert len(ctp) == 12 * 30

    viewer = httpx.get(
        case["links"]["viewer"],
        headers={"Authorization": f"Bearer {gateway.token}"},
        follow_redirects=True,
        trust_env=False,
    )
    assert viewer.status_code == (200 if "ohif" in case["links"]["viewer"] else 404)

    with gateway.api as api:
        api.post(f"/api/v1/cases/{case['id']}/acknowledge", json={"by": "on call"}).raise_for_status()
        after = api.get(f"/api/v1/cases/{case['id']}").json()
        assert after["acknowledged_by"] == "on call"
        assert after["times"]["acknowledged_at"]
        public = [api.get("/api/v1/cases").text, api.get("/metrics").text, str(site.phone.alerts)]
    person = person_of(a_study)
    for text in ("".join(gateway.log), *public):
        assert not any(word in text for word in person), "a person outside archive, EMR and case page"
    assert any(word in message for word in person), "the EMR needs the person: the canary must be real"
    values = journal_of(journal)
    assert any(case["id"] in value for value in values)
    assert not any(word in value for value in values for word in person), "a person in the engine's journal"
    assert max(map(len, values)) < LARGEST_VALUE, "the journal holds references only"


def journal_of(url):
    """Every value that the engine has written down, as text."""
    client = Client(url)
    try:
        system = client._client._sys_db
        tables = (
            "workflow_status",
            "workflow_input",
            "workflow_output",
            "operation_outputs",
            "notifications",
        )
        with system.engine.connect() as connection:
            found = [connection.execute(select(getattr(system.tables, name))).all() for name in tables]
    finally:
        client.close()
    values = [value for rows in found for row in rows for value in row if isinstance(value, (str, bytes))]
    assert not any(isinstance(value, bytes) for value in values)
    return values


def retried(case) -> bool:
    return any(d["kind"] == "alert" and d["state"] == "retrying" for d in case["deliveries"])


def person_of(study):
    """Words that name the phantom's person."""
    header = dcmread(study.paths[0], stop_before_pixels=True)
    names = re.split(r"[\^= ]", str(header.PatientName))
    return [word for word in (*names, header.PatientID, header.PatientBirthDate) if len(word) > 3]


def test_a_study_without_perfusion_is_kept_and_says_so(a_study, a_site):
    paths = [path for path in a_study.paths if path not in a_study.files[Part.PERFUSION]]
    gateway = a_site.gateway
    assert store(gateway, paths).returncode == 0
    case = gateway.wait_for(a_study.study_uid, lambda c: c["state"] == "no_perfusion", TIMEOUT_S)
    assert "no perfusion series" in case["reason"]
    assert not a_site.alerts(case["id"])
    gateway.wait_for(a_study.study_uid, lambda c: c["images"].get("forwarded") == len(paths), TIMEOUT_S)


def test_a_scan_that_cannot_be_analysed_alerts_with_its_reason(a_study, a_site):
    lost = set(a_study.files[Part.PERFUSION][5::30])
    paths = [path for path in a_study.paths if path not in lost][: -len(a_study.files[Part.PERFUSION]) // 2]
    assert store(a_site.gateway, paths).returncode == 0
    case = a_site.gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)
    assert case["state"] == "not_analysed"
    assert case["reason"]
    (alert,) = a_site.alerts(case["id"])
    assert "NOT ANALYSED" in alert["headline"]
    assert "look at the images" in alert["lines"][0]
    (message,) = a_site.messages(a_study.study_uid)
    assert "||not analysed: " in message


def test_late_images_make_a_revised_result(a_study, a_site):
    early = [path for path in a_study.paths if path not in set(a_study.files[Part.PERFUSION][-24:])]
    gateway = a_site.gateway
    assert store(gateway, early).returncode == 0
    first = gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)
    assert first["revision"] == 1
    assert store(gateway, a_study.files[Part.PERFUSION][-24:]).returncode == 0
    second = gateway.wait_for(
        a_study.study_uid, lambda c: c["revision"] == 2 and everybody_has_it(c), TIMEOUT_S
    )
    assert second["state"] == "analysed"
    assert [alert["revision"] for alert in a_site.alerts(first["id"])] == [1, 2]
    assert second["announcement"] == {
        "rings": True,
        "supersedes": 1,
        "change": ["analysed, before not analysed"],
    }
    messages = a_site.messages(a_study.study_uid)
    assert [re.findall(r"\rOBR(?:\|[^|\r]*){24}\|(\w)", text) for text in messages] == [["P"], ["C"]]
    told = [item["0008103E"]["Value"][0] for item in dicomweb(gateway, f"studies/{a_study.study_uid}/series")]
    assert any("Superseded results" in text for text in told), "the first page of all is rejected"
    assert first["links"]["viewer"] != second["links"]["viewer"], "the link opens the newest revision"


def test_peers_that_are_down_get_everything_when_they_return(a_study, a_site):
    gateway = a_site.gateway
    a_site.phone.down = a_site.emr.silent = True
    orthanc = gateway.children()["orthanc"]
    os.kill(orthanc, signal.SIGSTOP)  # an archive that accepts and never answers
    try:
        assert store(gateway, a_study.paths).returncode == 0
        case = gateway.wait_for(a_study.study_uid, lambda c: c["times"]["alert_sent_at"], TIMEOUT_S)
        assert case["images"]["received"] == len(a_study.paths)
        gateway.wait_for(a_study.study_uid, retried, TIMEOUT_S)
    finally:
        os.kill(orthanc, signal.SIGCONT)
        a_site.phone.down = a_site.emr.silent = False
    case = gateway.wait_for(a_study.study_uid, everybody_has_it, TIMEOUT_S)
    assert len(a_site.alerts(case["id"])) == len(a_site.messages(a_study.study_uid)) == 1


def test_a_wrong_ae_title_is_refused(a_study, a_site):
    before = len(a_site.gateway.cases())
    refused = store(a_site.gateway, a_study.paths[:1], called_ae="OTHER")
    assert refused.returncode != 0
    assert "Called AE Title Not Recognized" in refused.stderr + refused.stdout
    assert len(a_site.gateway.cases()) == before
    time.sleep(1)
    assert len(a_site.gateway.cases()) == before
    assert a_site.gateway.case(a_study.study_uid) is None


def test_the_next_level_is_alerted_until_somebody_answers(
    tmp_path, a_phantom, a_study, a_phone, an_emr, peers
):
    """One study is answered at the second level, and another at none: that one proves that the third would ring."""
    unanswered = write_study(a_phantom, tmp_path / "unanswered", "siemens")
    with SmallPhone() as head, SmallPhone() as director:
        patience = {"escalate_after_minutes": 0.1}
        levels = [
            {"name": name, "webhooks": [{"url": phone.url, "secret": phone.secret}]}
            for name, phone in (("doctor", a_phone), ("head", head), ("director", director))
        ]
        settings = {**peers, "alerts": {"levels": levels, **patience}}
        with running_gateway(tmp_path / "gateway", settings) as gateway:
            assert store(gateway, a_study.paths).returncode == 0
            deadline = time.monotonic() + TIMEOUT_S
            while not head.alerts and time.monotonic() < deadline:
                time.sleep(0.05)
            assert len(a_phone.alerts) == len(head.alerts) == 1
            case = gateway.case(a_study.study_uid)
            with gateway.api as api:
                api.post(f"/api/v1/cases/{case['id']}/acknowledge", json={"by": "head"}).raise_for_status()
            assert store(gateway, unanswered.paths).returncode == 0
            silent = gateway.wait_for(unanswered.study_uid, nobody_answered, TIMEOUT_S)
            assert silent["times"]["acknowledged_at"] is None
            assert [alert["case_id"] for alert in director.alerts] == [silent["id"]], (
                "an answer stops the escalation, and nothing else does"
            )
            assert case["revision"] == 1
            assert not nobody_answered(gateway.case(a_study.study_uid))


def nobody_answered(case) -> bool:
    return any("nobody acknowledged" in (delivery["detail"] or "") for delivery in case["deliveries"])
