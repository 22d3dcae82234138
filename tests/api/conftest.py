"""One staged site for everybody who only reads, and a fresh one for everybody who writes."""

import os
import subprocess

import pytest

from benchmarks.running import free_port
from tests.api.staging import (
    ARCHIVE_PASSWORD,
    ARCHIVED_STUDY,
    a_dicom_file,
    browser_like,
    close_site,
    open_site,
    serving,
    stage_everything,
)
from viewer_bridge.archive.orthanc import Orthanc
from viewer_bridge.archive.private_orthanc import DICOMWEB_PLUGIN, PROGRAM, USER, PrivateOrthanc


@pytest.fixture
def a_site(tmp_path):
    site = open_site(tmp_path)
    yield site
    close_site(site)


@pytest.fixture
def an_api(a_site):
    with serving(a_site) as url, browser_like(url) as client:
        client.headers.update({**a_site.bearer, "Accept": "application/json"})
        yield client


@pytest.fixture(scope="session")
def staged(tmp_path_factory):
    """Site, identifiers of its cases, address."""
    site = open_site(tmp_path_factory.mktemp("staged"))
    ids = stage_everything(site)
    with serving(site) as url:
        yield site, ids, url
    close_site(site)


@pytest.fixture(scope="session")
def archive_site(tmp_path_factory):
    """A site with every viewer configured and an archive that is away; yields site and address."""
    site = open_site(
        tmp_path_factory.mktemp("archive_site"),
        orthanc={"url": f"http://127.0.0.1:{free_port()}"},
        viewer={
            "weasis": True,
            "orthanc_web_viewer": True,
            "template": "https://pacs.example/v?s={study_uid}",
        },
    )
    site.receive("1.2.5")
    with serving(site) as url:
        yield site, url
    close_site(site)


@pytest.fixture(scope="session")
def archived(tmp_path_factory):
    """A site whose Orthanc wants a password and holds one study; yields site and address."""
    if not (PROGRAM.exists() and DICOMWEB_PLUGIN.exists()):
        pytest.skip("Orthanc is not installed (Debian packages orthanc, orthanc-dicomweb)")
    folder = tmp_path_factory.mktemp("archived")
    private = PrivateOrthanc(folder / "orthanc", free_port(), password=ARCHIVE_PASSWORD)
    launch = private.prepare()
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(launch.command, env={**os.environ, **launch.env}, stderr=log, stdout=log)
    try:
        private.wait_until_ready()
        dist = folder / "dist"
        dist.mkdir()
        (dist / "index.html").write_text('<script>window.PUBLIC_URL="/"</script>')
        site = open_site(
            folder / "site",
            orthanc={"url": private.url, "username": USER, "password": ARCHIVE_PASSWORD},
            viewer={"ohif_dir": str(dist), "orthanc_web_viewer": True},
        )
        site.receive(ARCHIVED_STUDY)
        orthanc = Orthanc(private.url, USER, ARCHIVE_PASSWORD)
        orthanc.upload(
            a_dicom_file(site.config.spool_dir / f"{ARCHIVED_STUDY}.dcm", ARCHIVED_STUDY).read_bytes()
        )
        orthanc.close()
        with serving(site) as url:
            yield site, url
        close_site(site)
    finally:
        process.terminate()
        process.wait(30)
