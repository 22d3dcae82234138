"""The hosted OHIF viewer: its configuration, its start page, and which file answers which request.

OHIF comes as a built folder, the ``dist`` of the npm package ``@ohif/app``; nothing here changes it on disk. The
gateway serves it under `MOUNT` on the same origin as DICOMweb, so links need no host and cookies just work.
"""

import json
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from triage.errors import ConfigError, InputError

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

TOUR = "basicViewerTour"
"""The first-use tour would cover the lesion; it is marked as seen."""

CONFIG = {
    "name": "stroke-gateway",
    "routerBasename": MOUNT,
    "extensions": [],
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
    """Return the text of ``app-config.js``."""
    tour = json.dumps(json.dumps([TOUR]))
    return (
        f"window.config = {json.dumps(CONFIG, indent=2)};\n"
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
    """A built OHIF in folder `dist`."""

    dist: Path

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

    def serve(self, path: str) -> Served:
        """Return what answers a request for `path` below `MOUNT`, without its query.

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
    media_type, caching = _media_type(file), _caching(file.name)
    text = _moved(file, file.stat().st_mtime_ns) if MOVABLE.search(file.name) else None
    if text is not None:
        return _generated(text, media_type, caching)
    return Served(media_type, {**HEADERS, "Cache-Control": caching}, path=file)


@lru_cache(maxsize=32)
def _moved(file: Path, _changed_ns: int) -> str | None:
    """Return the content of a file moved to `MOUNT`; None when it never mentions where it lives."""
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
