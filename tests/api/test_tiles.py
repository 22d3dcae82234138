"""Slices over HTTP: behind the door, kept by the browser, and nothing but slices."""

import gzip
import http.client
from urllib.parse import urlsplit

import httpx
import pytest

from tests.api.staging import a_result, close_site, draw_slices, open_site, serving
from tests.viewer_bridge.drawn import make_analysis


@pytest.fixture(scope="module")
def sliced(tmp_path_factory):
    """Site, address, and where the tiles of its one case are."""
    site = open_site(tmp_path_factory.mktemp("sliced"))
    site.receive("1.2.1")
    case = site.conclude("1.2.1", a_result("1.2.1"))
    draw_slices(site, "1.2.1", make_analysis((4, 48, 48)))
    with serving(site) as url:
        yield site, f"{url}/cases/{case.id}/r1/tiles/"
    close_site(site)


def get(sliced, name, **headers):
    site, base = sliced
    return httpx.get(base + name, headers={**site.bearer, **headers}, trust_env=False)


def test_a_slice_is_sent_once_and_kept(sliced):
    first = get(sliced, "ct-001.webp")
    assert first.status_code == 200
    assert first.headers["content-type"] == "image/webp"
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    again = get(sliced, "ct-001.webp", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert get(sliced, "ct-001.webp", **{"If-None-Match": '"another"'}).status_code == 200


def test_values_are_packed_for_those_who_unpack_them(sliced):
    packed = get(sliced, "values-002.gz", **{"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = get(sliced, "values-002.gz", **{"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content == gzip.decompress(a_file(sliced, "values-002.gz"))


def a_file(sliced, name):
    site, _ = sliced
    return next(site.config.cases_dir.rglob(name)).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "ct-099.webp",
        "manifest.json",
        "..%2f..%2fresult.json",
        "..%2fpictures%2fsummary.png",
        "ct-001.png",
        ".webp",
    ],
)
def test_nothing_but_slices_is_served(sliced, name):
    host = urlsplit(sliced[1])
    connection = http.client.HTTPConnection(host.hostname, host.port, timeout=5)
    try:  # http.client sends the path as it is
        connection.request("GET", host.path + name, headers=sliced[0].bearer)
        assert connection.getresponse().status == 404
    finally:
        connection.close()


def test_slices_of_another_revision_or_without_a_login_are_not_shown(sliced):
    site, base = sliced
    other = httpx.get(f"{base.replace('/r1/', '/r2/')}ct-001.webp", headers=site.bearer, trust_env=False)
    assert other.status_code == 404
    assert httpx.get(f"{base}ct-001.webp", trust_env=False).status_code == 401
