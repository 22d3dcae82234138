"""The hosted viewer shows the core in red and the penumbra in green: looked at in a real browser.

A viewer that swaps the two colours is a clinical hazard, and it has happened; so the pixels are counted.
"""

import gzip
import http.server
import io
import json
import re
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import urllib3
from PIL import Image

from triage.errors import ConfigError, InputError
from triage.types import Analysis
from viewer_bridge.archive.private_orthanc import USER
from viewer_bridge.objects.results import file_bytes, result_objects
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role, result_uid
from viewer_bridge.pages.summary import map_pages, summary_page
from viewer_bridge.viewers.hanging import CELLS, PLAIN_CT, Stage, protocol, shown_roles
from viewer_bridge.viewers.links import stroke_link
from viewer_bridge.viewers.ohif import DICOMWEB_ROOT, MOUNT, VERSION, Ohif, app_config

DIST = Path(__file__).parents[2] / ".cache" / "ohif" / VERSION / "dist"
WINDOW = {"width": 1280, "height": 800}
SHOWN_WITHIN_MS = 60_000
"""Software rendering on two busy cores is slow; the check waits, it does not time."""

needs_dist = pytest.mark.skipif(not DIST.is_dir(), reason=f"OHIF {VERSION} is not unpacked in {DIST}")


class Handler(http.server.BaseHTTPRequestHandler):
    """The viewer's files, and DICOMweb passed on to Orthanc: the smallest possible gateway."""

    protocol_version = "HTTP/1.1"
    ohif: Ohif
    orthanc_url: str
    login: dict

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.startswith(DICOMWEB_ROOT):
            self.pass_on()
        elif path.startswith(MOUNT):
            self.serve(path.removeprefix(MOUNT))
        else:
            self.answer(404, {}, b"")

    def serve(self, path):
        try:
            found = self.ohif.serve(path)
        except InputError:
            self.answer(404, {}, b"")
            return
        body = found.path.read_bytes() if found.path else found.text.encode()
        self.answer(200, {**found.headers, "Content-Type": found.media_type}, body)

    def pass_on(self):
        host = self.headers["Host"]
        headers = {
            "Accept": self.headers.get("Accept", "*/*"),
            "Forwarded": f"host={host};proto=http",
            **self.login,
        }
        reply = urllib3.request("GET", f"{self.orthanc_url}{self.path}", headers=headers, timeout=30)
        kept = {"Content-Type": reply.headers.get("Content-Type", "application/octet-stream")}
        self.answer(reply.status, {**kept, "Cross-Origin-Resource-Policy": "same-origin"}, reply.data)

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Stay quiet."""


@pytest.fixture(scope="module")
def gateway(orthanc_server):
    login = urllib3.make_headers(basic_auth=f"{USER}:{orthanc_server.password}")
    values = {"ohif": Ohif(DIST), "orthanc_url": orthanc_server.settings.url, "login": login}
    handler = type("BoundHandler", (Handler,), values)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def colours(picture):
    """Return where the picture is clearly red and where clearly green."""
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    return (red > green + 60) & (red > blue + 60), (green > red + 40) & (green > blue + 40)


def core_is_red_inside_green_penumbra(picture):
    """Whether a red area on the patient's left lies inside a larger green one, as in the synthetic case."""
    red, green = colours(picture)
    if min(red.sum(), green.sum()) < 50:
        return False
    (red_y, red_x), (green_y, green_x) = np.nonzero(red), np.nonzero(green)
    inside = green_y.min() < red_y.min() <= red_y.max() < green_y.max()
    inside &= green_x.min() < red_x.min() <= red_x.max() < green_x.max()
    on_the_left = red_x.mean() > picture.shape[1] / 2
    return bool(inside and on_the_left and red.sum() < green.sum())


class Viewer:
    """One page of the browser on one link."""

    def __init__(self, page, link):
        self.page = page
        self.missing = []
        page.on("response", lambda reply: reply.status == 404 and self.missing.append(reply.url))
        page.goto(link)
        self.canvas = page.locator("canvas.cornerstone-canvas").first
        self.canvas.wait_for(timeout=SHOWN_WITHIN_MS)

    def turn_to(self, place):
        """Look at the viewport in that place, counted from 0 in the order of the protocol."""
        self.canvas = self.page.locator("canvas.cornerstone-canvas").nth(place)
        self.canvas.wait_for(timeout=SHOWN_WITHIN_MS)

    def picture(self):
        return np.asarray(Image.open(io.BytesIO(self.canvas.screenshot())).convert("RGB"))

    def wait_for(self, seen, scroll=False):
        """Look four times a second, scrolling through the slices if asked, until `seen(picture)`; return the last."""
        for attempt in range(SHOWN_WITHIN_MS // 250):
            self.page.wait_for_timeout(250)
            picture = self.picture()
            if seen(picture):
                break
            if scroll:
                self.canvas.hover()
                self.page.mouse.wheel(0, -100 if attempt // 16 % 2 else 100)
        return picture


def green_only(picture):
    red, green = colours(picture)
    return green.sum() > 200 and red.sum() < 20


@pytest.fixture
def look(chromium, gateway):
    pages = []

    def open_link(source, revision=1):
        series = {role: result_uid(source.SeriesInstanceUID, role, revision) for role in Role}
        pages.append(chromium.new_page(viewport=WINDOW))
        return Viewer(pages[-1], stroke_link(gateway, source.StudyInstanceUID, series, Stage.MAPS))

    yield open_link
    for page in pages:
        page.close()


def publish(orthanc, analysis, source, former=()):
    """Upload the revision that comes after `former`; returns its objects."""
    revision = len(former) + 1
    objects = result_objects(analysis, source, revision=revision, software_version="0.1.0", former=former)
    for ds in objects:
        orthanc.upload(file_bytes(ds))
    return objects


def alike(picture, page):
    """Correlation of a viewport with a page that is shown whole in it, as large as fits."""
    height, width = picture.shape[:2]
    scale = min(height / page.shape[0], width / page.shape[1])
    size = (round(page.shape[1] * scale), round(page.shape[0] * scale))
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    seen = picture[top : top + size[1], left : left + size[0]].mean(axis=-1)
    drawn = np.asarray(Image.fromarray(page).resize(size).convert("RGB")).mean(axis=-1)
    seen, drawn = (np.asarray(Image.fromarray(x.astype(np.uint8)).resize((64, 48))) for x in (seen, drawn))
    return np.corrcoef(seen.ravel(), drawn.ravel())[0, 1]


SUMMARY, OVERLAY = 0, 1
"""Places of the viewports in the protocol's first stage."""


@needs_dist
def test_the_link_opens_on_the_summary_beside_a_red_core_inside_a_green_penumbra(
    look, orthanc, analysis, source
):
    publish(orthanc, analysis, source)
    viewer = look(source)
    pages = [summary_page(analysis, software_version="0.1.0"), *map_pages(analysis).values()]
    summary = viewer.wait_for(lambda picture: alike(picture, pages[0]) > 0.8)
    likeness = [alike(summary, page) for page in pages]
    assert likeness[0] > 0.8 > max(likeness[1:])
    assert min(mask.sum() for mask in colours(summary)) > 50, "its own colours"
    viewer.turn_to(OVERLAY)
    picture = viewer.wait_for(core_is_red_inside_green_penumbra, scroll=True)
    assert core_is_red_inside_green_penumbra(picture)
    assert not core_is_red_inside_green_penumbra(picture[..., [1, 0, 2]]), "swapped colours must be noticed"
    assert viewer.page.locator("canvas.cornerstone-canvas").count() >= 6, "and the maps below"
    assert not viewer.missing
    words = viewer.page.inner_text("body")
    assert "Do you want to open" not in words
    assert "investigational" not in words.lower()


@needs_dist
def test_the_link_opens_the_newest_revision_and_hypoperfusion_without_core_is_green(
    look, orthanc, analysis, build_source
):
    """Revision 1 had a core; its objects are still there, and the note that rejects them disturbs nobody."""
    source = build_source(StudyInstanceUID="2.25.110", SeriesInstanceUID="2.25.210", PatientID="BN-0002")
    result = replace(analysis.result, study_uid="2.25.110", series_uid="2.25.210", core_ml=0.0)
    findings = replace(analysis.findings, core=np.zeros_like(analysis.findings.core))
    first = publish(orthanc, Analysis(replace(result, core_ml=9.0), analysis.findings), source)
    publish(orthanc, Analysis(result, findings), source, former=[first])
    viewer = look(source, revision=2)
    viewer.turn_to(OVERLAY)
    assert green_only(viewer.wait_for(green_only))


@needs_dist
def test_every_file_the_start_page_names_is_served_below_the_mount():
    ohif = Ohif(DIST)
    ohif.check()
    start = ohif.serve("viewer").text
    named = re.findall(r'(?:src|href)="([^"]+)"', start)
    assert any("app.bundle" in name for name in named)
    for name in named:
        assert name.startswith(f"{MOUNT}/")
        found = ohif.serve(name.removeprefix(MOUNT))
        assert found.path or found.text
    assert "service-worker" not in start


def small_dist(folder):
    (folder / "index.html").write_text(
        '<script>window.PUBLIC_URL="/"</script><script src="/app.js"></script>'
    )
    (folder / "app.bundle.0123456789abcdef.js").write_text('__webpack_require__.p = "/";')
    (folder / "plain.js").write_text("1;")
    (folder / "style.css").write_text("a{src:url(/font.woff2)}")
    return Ohif(folder)


def test_the_viewer_moves_below_its_mount(tmp_path):
    ohif = small_dist(tmp_path)
    assert f'PUBLIC_URL="{MOUNT}/"' in ohif.serve("").text
    assert ohif.serve("app.bundle.0123456789abcdef.js").text == f'__webpack_require__.p = "{MOUNT}/";'
    assert ohif.serve("style.css").text == f"a{{src:url({MOUNT}/font.woff2)}}"
    assert ohif.serve("plain.js").path == tmp_path / "plain.js"


def test_unknown_paths_get_the_start_page_and_unknown_files_do_not(tmp_path):
    ohif = small_dist(tmp_path)
    assert ohif.serve("viewer").media_type.startswith("text/html")
    assert ohif.serve("/viewer/").text == ohif.serve("index.html").text
    with pytest.raises(InputError):
        ohif.serve("missing.js")


@pytest.mark.parametrize(
    "path", ["../secret.txt", "a/../../secret.txt", "/../secret.txt", "link.txt", "x\0.js"]
)
def test_no_path_leads_out_of_the_folder(tmp_path, path):
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "dist").mkdir()
    ohif = small_dist(tmp_path / "dist")
    (tmp_path / "dist" / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(InputError):
        ohif.serve(path)


def test_headers_isolate_the_viewer_and_let_only_fingerprinted_files_be_cached(tmp_path):
    ohif = small_dist(tmp_path)
    for path in ("", "app-config.js", "plain.js", "app.bundle.0123456789abcdef.js"):
        headers = ohif.serve(path).headers
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert ("immutable" in headers["Cache-Control"]) == (".bundle." in path)


def test_the_configuration_speaks_to_our_own_origin_only():
    config = app_config()
    assert "://" not in config
    assert f'"qidoRoot": "{DICOMWEB_ROOT}"' in config
    assert f'"routerBasename": "{MOUNT}"' in config


def test_a_folder_without_a_viewer_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="no built OHIF"):
        Ohif(tmp_path).check()


def test_the_hanging_protocol_names_series_that_exist_and_fills_the_window():
    plain = json.loads(json.dumps(protocol()))
    described = {role: kind.description for role, kind in SERIES.items()}
    for stage in plain["stages"]:
        for viewport in stage["viewports"]:
            for shown in viewport["displaySets"]:
                rules = plain["displaySetSelectors"][shown["id"]]["seriesMatchingRules"]
                named = [r["constraint"]["contains"] for r in rules if "contains" in r["constraint"]]
                assert (
                    shown["id"] == PLAIN_CT
                    or [named[0] in text for text in described.values()].count(True) == 1
                )
    for stage, cells in CELLS.items():
        assert sum(cell.width * cell.height for cell in cells) == 1, stage
        assert shown_roles(stage)[0] == Role.PAGES, "the summary comes first"


def test_what_is_sent_packed_is_what_is_sent_plain_and_much_smaller(tmp_path):
    (tmp_path / "dist").mkdir()
    ohif = replace(small_dist(tmp_path / "dist"), shelf=tmp_path / "shelf")
    (tmp_path / "dist" / "large.js").write_text("let a = 1;\n" * 5000)
    for name in ("app.bundle.0123456789abcdef.js", "large.js", "style.css"):
        plain, packed = ohif.serve(name), ohif.serve(name, packed=True)
        wanted = plain.text or plain.path.read_text()
        assert gzip.decompress(packed.path.read_bytes()).decode() == wanted
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
        assert packed.headers["Cache-Control"] == plain.headers["Cache-Control"]
        assert packed.media_type == plain.media_type
    assert ohif.serve("large.js", packed=True).path.stat().st_size < 1000
    before = ohif.serve("large.js", packed=True).path
    (tmp_path / "dist" / "large.js").write_text("new")
    assert (
        gzip.decompress(ohif.serve("large.js", packed=True).path.read_bytes())
        == b"new"
        != before.read_bytes()
    )
