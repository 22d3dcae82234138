"""Who is let in at the exchange, what is taken, and that nothing of a person is in a log or an address."""

import hashlib
import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import structlog
from pydantic import ValidationError

from dicom_scp.file_meta import FileMeta
from gateway.config import Config
from gateway.sharing import protocol
from gateway.sharing.signature import Ask, sign
from tests.gateway.shelf import CT, EXPLICIT, dataset
from tests.sharing.hospitals import LOWER, SECRET, STUDY, UPPER, pixels, serving_at, two_hospitals

BOUNDARY = "x" * 20
TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


@pytest.fixture(scope="module")
def open_door(tmp_path_factory):
    with two_hospitals(tmp_path_factory.mktemp("door")) as (lower, upper), serving_at(upper) as url:
        lower.receive(images=1)
        lower.conclude()
        lower.share()
        lower.carry()
        with httpx.Client(base_url=url, trust_env=False) as client:
            yield upper, client


def request(
    client, path, body=b"", *, method="POST", extent="", off_s=0.0, secret=SECRET, name=LOWER, **headers
):
    digest = hashlib.sha256(body).hexdigest()
    word = sign(Ask(method, path, digest, extent), secret, name, UPPER, time.time() + off_s)
    more = {"Content-Range": extent} if extent else {}
    return client.request(method, path, content=body, headers={"Authorization": word, **more, **headers})


def a_file(uid="1.2.826.9.9.1", study=STUDY, named=None, size=3000) -> bytes:
    return FileMeta(CT, named or uid, EXPLICIT).encode() + dataset(uid, study=study, more=pixels(size, 1))


def content(*files: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return b"".join(head + file + b"\r\n" for file in files) + f"--{BOUNDARY}--\r\n".encode()


def store(client, *files: bytes, **how):
    return request(client, protocol.STUDIES, content(*files), **{"Content-Type": TYPE}, **how)


def failures(answer) -> list[int]:
    failed = answer.json().get(protocol.FAILED_SEQUENCE, {"Value": []})["Value"]
    return [item[protocol.FAILURE_REASON]["Value"][0] for item in failed]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"name": "stranger"}, "unknown here or the signature is wrong"),
        ({"secret": "another secret of nobody"}, "unknown here or the signature is wrong"),
        ({"off_s": -400}, "clocks of the two gateways differ by 40"),
        ({"off_s": 400}, "clocks of the two gateways differ by"),
    ],
    ids=["stranger", "secret", "old", "future"],
)
def test_who_is_not_a_partner_now_is_not_admitted(open_door, how, why):
    _, client = open_door
    for path in (protocol.ANNOUNCEMENTS, protocol.ANSWERS, protocol.STUDIES):
        answer = request(client, path, b"{}", **how)
        assert answer.status_code == 401
        assert why in answer.json()["detail"]


@pytest.mark.parametrize("header", ["", "Bearer x", "StrokeGateway-HMAC-SHA256 from=lower"])
def test_a_request_without_a_signature_is_not_admitted(open_door, header):
    upper, client = open_door
    bearer = upper.site.bearer["Authorization"]
    for given in (header, bearer):
        answer = client.post(protocol.ANNOUNCEMENTS, content=b"{}", headers={"Authorization": given})
        assert answer.status_code == 401


def test_a_request_is_admitted_once_and_only_as_it_was_signed(open_door):
    _, client = open_door
    body = b"{}"
    digest = hashlib.sha256(body).hexdigest()
    word = sign(Ask("POST", protocol.ANNOUNCEMENTS, digest), SECRET, LOWER, UPPER, time.time())
    headers = {"Authorization": word}
    assert client.post(protocol.ANSWERS, content=body, headers=headers).status_code == 401
    assert client.post(protocol.ANNOUNCEMENTS, content=body, headers=headers).status_code == 422  # admitted
    again = client.post(protocol.ANNOUNCEMENTS, content=body, headers=headers)
    assert (again.status_code, "made before" in again.text) == (401, True)
    word = sign(Ask("POST", protocol.ANNOUNCEMENTS, digest), SECRET, LOWER, UPPER, time.time())
    other = client.post(protocol.ANNOUNCEMENTS, content=b"[]", headers={"Authorization": word})
    assert (other.status_code, "not the one that was signed" in other.text) == (401, True)


def test_objects_are_taken_once_and_only_of_announced_studies(open_door):
    upper, client = open_door
    before = len(upper.objects())
    good = a_file()
    answer = store(
        client, good, a_file("1.2.3", study="1.2.3.4"), b"no file", a_file(named="1.2.9"), good[:-500]
    )
    assert answer.status_code == 202
    assert failures(answer) == [
        protocol.NOT_ANNOUNCED, protocol.NOT_UNDERSTOOD, protocol.MISMATCH, protocol.NOT_UNDERSTOOD
    ]  # fmt: skip
    assert len(upper.objects()) == before + 1
    assert store(client, good).status_code == 200
    assert len(upper.objects()) == before + 1
    assert upper.site.ledger.cases.of_study("1.2.3.4") is None
    assert store(client, a_file("1.2.5", study="1.2.3.4")).status_code == 409
    upper.ledger.sharing.received.announce(LOWER, "1.2.3.4", 1, {}, "", (), datetime.now(UTC))
    assert store(client, a_file("1.2.5", study="1.2.3.4")).status_code == 200  # a refusal is not for ever


@pytest.mark.parametrize(
    ("body", "content_type", "why"),
    [
        (b"", TYPE, "does not begin with its boundary"),
        (b"abc", TYPE, "does not begin with its boundary"),
        (b"--" + BOUNDARY.encode() + b"\r\n\r\nx", TYPE, "ends within a part"),
        (content(a_file("1.2.826.9.9.5")), "application/dicom", "send multipart/related"),
        (
            content(a_file("1.2.826.9.9.6")),
            "multipart/related; type=application/dicom",
            "send multipart/related",
        ),
    ],
)
def test_what_is_no_content_is_refused_with_its_reason(open_door, body, content_type, why):
    _, client = open_door
    answer = request(
        client, protocol.STUDIES, body + b"" if body else b"\n", **{"Content-Type": content_type}
    )
    assert (answer.status_code, why in answer.text) == (400, True), answer.text


def test_pieces_make_a_whole_and_what_is_there_is_told(open_door):
    upper, client = open_door
    body = content(a_file("1.2.826.9.9.7", size=50_000))
    digest, half = hashlib.sha256(body).hexdigest(), len(body) // 2
    about = f"{protocol.UPLOADS}/{digest}"
    changed = bytes([body[half] ^ 1]) + body[half + 1 :]  # one bit of a pixel

    def piece(start, end, sent=None):
        extent = f"bytes {start}-{end - 1}/{len(body)}"
        word = sign(Ask("POST", protocol.STUDIES, digest, extent), SECRET, LOWER, UPPER, time.time())
        headers = {"Authorization": word, "Content-Range": extent, "Content-Type": TYPE}
        return client.post(
            protocol.STUDIES, content=body[start:end] if sent is None else sent, headers=headers
        )

    def known():
        return request(client, about, method="GET").json()

    assert piece(0, half).status_code == 204
    assert known() == {"offset": half, "answer": None}
    assert piece(half + 10, len(body)).status_code == 503  # something between is missing
    assert piece(half, len(body), changed).status_code == 400  # not what was signed
    assert known()["offset"] == 0
    assert piece(0, half).status_code == 204
    assert piece(half // 2, len(body)).status_code == 200
    assert protocol.STORED_SEQUENCE in known()["answer"]
    assert not list((upper.site.config.site.data_dir / "exchange").rglob("*.part"))
    assert piece(0, half, b"x").status_code == 400  # Content-Range and Content-Length disagree


def test_what_is_too_large_or_not_allowed_is_refused(open_door):
    _, client = open_door
    assert store(client, a_file(size=protocol.PIECE_BYTES + 1000)).status_code == 413
    extent = f"bytes 0-9/{3 * 1024**3}"
    answer = request(client, protocol.STUDIES, b"0123456789", extent=extent)
    assert (answer.status_code, "at most" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "change",
    [
        {"study_uid": "1.2.77"},
        {"study_uid": "NGUYEN VAN A"},
        {"revision": 0},
        {"more": 1},
        {"result": {}},
        {"result": {"status": "analysed"}},
        ("core_ml", "<script>"),
        ("core_ml", float("nan")),
        ("volumes_ml", {"tmax_gt_6": "many"}),
        ("quality", [{"code": "x", "severity": "worst", "text": "y"}]),
    ],
    ids=str,
)
def test_a_result_that_could_not_be_shown_is_not_taken(open_door, change):
    upper, client = open_door
    result = dict(upper.exchange()["received"][0]["result"])
    told = {"study_uid": STUDY, "revision": 7, "by": "", "over": [], "result": result}
    told = (
        {**told, **change}
        if isinstance(change, dict)
        else {**told, "result": {**result, change[0]: change[1]}}
    )
    answer = request(client, protocol.ANNOUNCEMENTS, json.dumps(told).encode())
    assert answer.status_code in {400, 422}
    assert "NGUYEN" not in answer.text
    assert [one["revision"] for one in upper.exchange()["received"]] == [1]


def test_an_answer_to_what_was_never_sent_is_refused(open_door):
    upper, client = open_door
    case_id = upper.site.get(STUDY).id
    said = {"id": case_id, "case_id": case_id, "revision": 1, "number": 1, "word": "accept"}
    said |= {"remark": "", "by": "", "at": "2026-01-01T00:00:00.000000Z"}
    assert request(client, protocol.ANSWERS, json.dumps(said).encode()).status_code == 400
    assert request(client, protocol.ANSWERS, json.dumps({**said, "word": "burn"}).encode()).status_code == 422


def test_a_partner_that_asks_too_often_is_slowed_down(tmp_path):
    with two_hospitals(tmp_path) as (_, upper):
        slow = upper.site.config.sharing.model_copy(update={"requests_per_s": 2.0})
        upper.site.config = upper.site.config.model_copy(update={"sharing": slow})
        with serving_at(upper) as url, httpx.Client(base_url=url, trust_env=False) as client:
            answers = [request(client, f"{protocol.UPLOADS}/{'0' * 64}", method="GET") for _ in range(12)]
    found = [answer.status_code for answer in answers]
    assert found[:6] == [200] * 6
    assert found[-1] == 429
    assert answers[-1].headers["Retry-After"] == "1"


def test_a_partner_that_may_not_send_sends_nothing(tmp_path):
    rights = {"may_send": False, "may_receive": True}
    with two_hospitals(tmp_path, upper=rights) as (lower, upper), serving_at(upper):
        lower.receive(images=1)
        lower.conclude()
        lower.share()
        lower.courier().turn()
        (sent,) = lower.exchange()["sent"]
        assert (sent["state"], "see may_send" in sent["detail"]) == ("failed", True)
        assert upper.objects() == []


@contextmanager
def nothing_wrong():
    yield


@pytest.mark.parametrize(
    ("partner", "fault"),
    [
        ({}, nothing_wrong()),
        ({"url": "http://127.0.0.1:8000"}, nothing_wrong()),
        ({"url": "http://upper.example", "unencrypted": True}, nothing_wrong()),
        ({"url": "http://upper.example"}, pytest.raises(ValidationError, match="must be https")),
        ({"url": "https://me:word@upper.example"}, pytest.raises(ValidationError, match="neither a name")),
        ({"url": "ftp://upper.example"}, pytest.raises(ValidationError, match="must begin with https")),
        ({"secret": "too short"}, pytest.raises(ValidationError, match="at least 16")),
        ({"may_receive": False}, pytest.raises(ValidationError, match="may_receive, may_send")),
        ({"name": LOWER}, pytest.raises(ValidationError, match="our own name")),
        ({"name": "Upper Hospital"}, pytest.raises(ValidationError, match="pattern")),
    ],
)
def test_a_partner_that_cannot_be_used_stops_the_start(partner, fault):
    table = {"name": UPPER, "url": "https://upper.example", "secret": SECRET, "may_receive": True, **partner}
    with fault:
        config = Config.model_validate({"sharing": {"name": LOWER, "partners": [table]}})
        assert SECRET not in repr(config)


def test_no_person_is_in_logs_or_addresses(tmp_path):
    with two_hospitals(tmp_path) as (lower, upper), structlog.testing.capture_logs() as logs:
        lower.receive(images=1)
        lower.conclude()
        lower.share(by="Dr CANARY")
        with serving_at(upper):
            lower.carry()
        upper.answer("accept", remark="CANARY is expected", by="Dr CANARY")
        with serving_at(lower):
            upper.carry()
    assert logs
    assert not any(word in repr(logs) for word in ("CANARY", STUDY, "A^B", SECRET))
    assert all(STUDY not in path for path in (protocol.STUDIES, protocol.UPLOADS))
