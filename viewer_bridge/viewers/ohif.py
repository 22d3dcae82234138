"""The hosted OHIF viewer: its configuration, its start page, and which file answers which request.

OHIF comes as a built folder, the ``dist`` of the npm package ``@ohif/app``; nothing here changes it on disk. The
gateway serves it under `MOUNT` on the same origin as DICOMweb, so links need no host and cookies just work.
"""

import gzip
import hashlib
import json
import mimetypes
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from triage.errors import ConfigError, InputError
from viewer_bridge.objects.series import RESEARCH, SERIES
from viewer_bridge.objects.uids import Role
from viewer_bridge.viewers.hanging import PROTOCOL, protocol

VERSION = "3.13.2"
"""The version whose colours and links are tested."""

MOUNT = "/viewer/ohif"
DICOMWEB_ROOT = "/dicom-web"

HEADERS: Mapping[str, str] = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Isolation gives OHIF shared memory for volumes; the referrer would carry UIDs elsewhere."""

FOREVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
FINGERPRINTED = re.compile(r"\.bundle\.[0-9a-f]{16}\.js$|^[0-9a-f]{16}\.(wasm|woff2)$")
"""Files whose name changes with their content may stay in the browser's cache."""

MEDIA_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
    ".json": "application/json",
}
"""Where the machine's own table is missing or wrong; browsers refuse modules of another type."""

EXTENSION = "stroke-gateway"
"""Name of our extension in OHIF's registry."""

PAGES, NOTE = json.dumps(SERIES[Role.PAGES].name), json.dumps(f" - {RESEARCH}")
CAPTIONS = f"""{{ "viewportOverlay.topLeft": {{ $set: [{{
  id: "SeriesDescription", inheritsFrom: "ohif.overlayItem", label: "", title: "Series description",
  condition: ({{ referenceInstance: it }}) => it?.SeriesDescription && !it.SeriesDescription.includes({PAGES}),
  contentF: ({{ referenceInstance: it }}) => it.SeriesDescription.replace({NOTE}, " (research)"),
}}] }} }}"""
"""What stands in the corner of a viewport: nothing on our pages, whose first number it would cover; elsewhere the series,
short enough for a narrow viewport."""

TOUR = "basicViewerTour"
"""The first-use tour would cover the lesion; it is marked as seen."""

CONFIG = {
    "name": "stroke-gateway",
    "routerBasename": MOUNT,
    "modes": [],
    "showStudyList": False,
    "maxNumberOfWebWorkers": 3,
    "showWarningMessageForCrossOrigin": False,
    "showCPUFallbackMessage": False,
    "showLoadingIndicator": True,
    "strictZSpacingForVolumeViewport": True,
    "disableConfirmationPrompts": True,  # overlays open at once
    "customizationService": [{"autoCineModalities": {"$set": ["US"]}}],  # pages are not a film
    "investigationalUseDialog": {"option": "never"},
    "defaultDataSourceName": "dicomweb",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "dicomweb",
            "configuration": {
                "friendlyName": "stroke-gateway",
                "name": "dicomweb",
                "qidoRoot": DICOMWEB_ROOT,
                "wadoRoot": DICOMWEB_ROOT,
                "wadoUriRoot": "/wado",
                "qidoSupportsIncludeField": False,
                "supportsFuzzyMatching": False,
                "supportsWildcard": True,
                "supportsReject": False,
                "imageRendering": "wadors",
                "thumbnailRendering": "wadors",
                "enableStudyLazyLoad": True,
                "singlepart": "bulkdata,video",
                "omitQuotationForMultipartRequest": True,
                "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
            },
        }
    ],
}
"""OHIF's settings; our pages carry the research-use sentence themselves, so its dialog would only hide them."""

MOVES = (
    ('__webpack_require__.p = "/"', f'__webpack_require__.p = "{MOUNT}/"'),
    ("url(/", f"url({MOUNT}/"),
)
"""Places where bundles and style sheets insist on living at ``/``, and what they say instead."""

MOVABLE = re.compile(r"\.bundle\..*js$|\.css$")
"""Files that may contain them."""

PACKABLE = frozenset({".js", ".mjs", ".css", ".json", ".wasm", ".svg"})
PACKING_EFFORT = 6
"""Of gzip's 0 to 9: the largest file takes 0.4 s once; 9 takes twice as long and saves a hundredth."""

ABSOLUTE_REFERENCE = re.compile(r'(src|href)="/(?!/)')
SERVICE_WORKER = re.compile(r'<script[^>]*src="[^"]*init-service-worker\.js"[^>]*></script>')
"""A service worker would keep an old viewer alive after an update."""


@dataclass(frozen=True, slots=True)
class Served:
    """Answer to one request: a file to stream, or a text; exactly one of the two."""

    media_type: str
    headers: Mapping[str, str]
    path: Path | None = None
    text: str | None = None


def app_config() -> str:
    """Return the text of ``app-config.js``: settings, and an extension of our own that brings the hanging protocol."""
    tour = json.dumps(json.dumps([TOUR]))
    hanging = json.dumps({"name": PROTOCOL, "protocol": protocol()})
    return (
        f"window.config = {json.dumps(CONFIG, indent=2)};\n"
        f"window.config.customizationService.push({CAPTIONS});\n"
        f"window.config.extensions = [{{ id: '{EXTENSION}', getHangingProtocolModule: () => [{hanging}] }}];\n"
        f"try {{ localStorage.setItem('shownTours', {tour}); }} catch (error) {{ /* storage is switched off */ }}\n"
    )


def patched_index(index: str) -> str:
    """Return OHIF's start page moved from ``/`` to `MOUNT`.

    Examples
    --------
    >>> patched_index('<script>window.PUBLIC_URL="/"</script><script src="/a.js"></script>')
    '<script>window.PUBLIC_URL="/viewer/ohif/"</script><script src="/viewer/ohif/a.js"></script>'
    """
    index = SERVICE_WORKER.sub("", index)
    index = index.replace('PUBLIC_URL="/"', f'PUBLIC_URL="{MOUNT}/"')
    return ABSOLUTE_REFERENCE.sub(rf'\1="{MOUNT}/', index)


@dataclass(frozen=True, slots=True)
class Ohif:
    """A built OHIF in folder `dist`; with a `shelf`, what is sent packed is packed once and kept there."""

    dist: Path
    shelf: Path | None = None

    def check(self) -> None:
        """Refuse a folder that is not a built OHIF.

        Raises
        ------
        ConfigError
            Naming the folder.
        """
        if not (self.dist / "index.html").is_file():
            raise ConfigError(
                f"no built OHIF viewer in {self.dist}: unpack dist of @ohif/app {VERSION} there"
            )

    def serve(self, path: str, *, packed: bool = False) -> Served:
        """Return what answers a request for `path` below `MOUNT`, without its query, for one who may take gzip.

        Paths that name no file belong to OHIF's own router and get the start page.

        Raises
        ------
        InputError
            The path names a file that does not exist, or one outside the folder: answer 404.
        """
        name = path.strip("/")
        if name == "app-config.js":
            return _generated(app_config(), "text/javascript", ASK_AGAIN)
        file = self._inside(name)
        if file.is_file() and name != "index.html":
            if packed and self.shelf and file.suffix in PACKABLE:
                return _packed(file, self.shelf)
            return _from_disk(file)
        if file.suffix and name != "index.html":
            raise InputError("the viewer has no such file")
        index = (self.dist / "index.html").read_text(encoding="utf-8")
        return _generated(patched_index(index), "text/html", ASK_AGAIN)

    def _inside(self, name: str) -> Path:
        """Resolve `name` below `dist`; raise InputError when it leads out of it."""
        root = self.dist.resolve()
        file = root if "\0" in name else (root / name).resolve()
        if "\0" in name or not file.is_relative_to(root):
            raise InputError("the viewer has no such file")
        return file


def _from_disk(file: Path) -> Served:
    media_type, headers = _media_type(file), {**HEADERS, "Cache-Control": _caching(file.name)}
    if file.suffix in PACKABLE:
        headers["Vary"] = "Accept-Encoding"
    text = _moved(file)
    return Served(media_type, headers, path=file) if text is None else Served(media_type, headers, text=text)


def _packed(file: Path, shelf: Path) -> Served:
    """A file moved and packed, from the shelf."""
    changed = f"{file}|{file.stat().st_mtime_ns}|{MOUNT}"
    kept = shelf / f"{hashlib.sha256(changed.encode()).hexdigest()[:32]}.gz"
    if not kept.exists():
        _put(kept, file)
    packed = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    headers = {**HEADERS, "Cache-Control": _caching(file.name), **packed}
    return Served(_media_type(file), headers, path=kept)


def _put(kept: Path, file: Path) -> None:
    """Pack a file; whoever asks at the same moment sees it whole or not at all."""
    text = _moved(file)
    content = file.read_bytes() if text is None else text.encode()
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as scratch:
        scratch.write(gzip.compress(content, PACKING_EFFORT, mtime=0))
    Path(scratch.name).replace(kept)


def _moved(file: Path) -> str | None:
    """Return the content of a file moved to `MOUNT`; None when it never mentions where it lives."""
    if not MOVABLE.search(file.name):
        return None
    before = file.read_text(encoding="utf-8")
    after = before
    for old, new in MOVES:
        after = after.replace(old, new)
    return None if after == before else after


def _generated(text: str, media_type: str, caching: str) -> Served:
    if media_type.startswith("text/") and "charset" not in media_type:
        media_type = f"{media_type}; charset=utf-8"
    return Served(media_type, {**HEADERS, "Cache-Control": caching}, text=text)


def _media_type(file: Path) -> str:
    guessed = MEDIA_TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return f"{guessed}; charset=utf-8" if guessed.startswith("text/") else guessed


def _caching(name: str) -> str:
    return FOREVER if FINGERPRINTED.search(name) else ASK_AGAIN
