"""A certificate's end is told in time: in the log every day, on the page, in readiness and metrics."""

import subprocess
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.certificates import Warner, certificates_of
from gateway.config import Config
from tests.api.staging import browser_like, close_site, open_site, serving


def a_certificate(path, days: int):
    options = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x")
    command = ("openssl", "req", "-x509", *options, "-days", str(days), "-keyout", path.with_suffix(".key"), "-out", path)  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    return path.read_text()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Our certificate ends in 10 days, and so does the second one of two authorities."""
    folder = tmp_path_factory.mktemp("pem")
    a_certificate(folder / "own.pem", 10)
    bundle = a_certificate(folder / "first.pem", 400) + a_certificate(folder / "second.pem", 20)
    (folder / "authorities.pem").write_text(bundle)
    return {
        "certificate": str(folder / "own.pem"),
        "key": str(folder / "own.key"),
        "authorities": str(folder / "authorities.pem"),
    }


@pytest.fixture
def config(tls):
    return Config.model_validate({"dicom": {"tls": tls}})


def test_of_several_certificates_the_first_that_ends_counts(config):
    now = datetime.now(UTC)
    assert [item.days_left(now) for item in certificates_of(config)] == [9, 19]
    assert certificates_of(Config()) == ()


def test_it_is_told_daily_from_thirty_days_before(config):
    now, warn = datetime.now(UTC), Warner(config)
    with capture_logs() as logs:
        warn(now - timedelta(days=25))
        assert len(logs) == 0, "35 days left"
        warn(now - timedelta(days=24, hours=1))
        warn(now - timedelta(days=19))
        warn(now - timedelta(days=18, hours=1))
        assert len(logs) == 1, "not again on the same day"
        warn(now - timedelta(days=17))
        assert len(logs) == 2 + 0
        warn(now)
        assert len(logs) == 4, "both"
    assert "dicom.tls.certificate expires on" in logs[0]["what"]


def test_page_readiness_and_metrics_know(tls, tmp_path):
    site = open_site(tmp_path, dicom={"free_bytes_floor": 0, "tls": tls})
    try:
        with serving(site) as url, browser_like(url, site) as person:
            page = person.get("/storage").text
            part = person.get("/readyz").json()["parts"]["certificates"]
            text = httpx.get(f"{url}/metrics", trust_env=False).text
    finally:
        close_site(site)
    assert "dicom.tls.certificate expires on" in page
    assert "dicom.tls.authorities expires on" in page
    assert part["ready"]
    assert "in 9 days" in part["reason"]
    ends = next(
        line for line in text.splitlines() if line.startswith("stroke_gateway_certificate_expires_seconds{")
    )
    assert abs(float(ends.split()[-1]) - (datetime.now(UTC) + timedelta(days=20)).timestamp()) < 11 * 86400


def test_what_has_expired_or_cannot_be_read_is_said(config, tls):
    late = datetime.now(UTC) + timedelta(days=11)
    own, _ = certificates_of(config)
    assert "expired on" in own.sentence(late)
    missing = Config.model_validate({"dicom": {"tls": {**tls, "certificate": "/nowhere.pem"}}})
    own, _ = certificates_of(missing)
    assert own.wants_renewal(late)
    assert "cannot be read" in own.sentence(late)
