"""Slices of a case as files: drawn once per revision, so that a browser may keep them."""

import gzip
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import FileResponse, Response

from gateway.api.files import send, takes_gzip
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.jobs.orders import MANIFEST, TILES
from gateway.ledger.records import Case

NAME = re.compile(r"[a-z]+-([0-9]{3}|scale)\.(webp|gz)")
PACKED = ".gz"
MEDIA_TYPES = {".webp": "image/webp", PACKED: "application/octet-stream"}
KEPT = "private, max-age=31536000, immutable"
"""The address names the revision, and a revision is drawn once."""


def folder_of(reception: Reception, case: Case, revision: int) -> Path:
    """Where the tiles of a revision lie."""
    return reception.config.cases_dir / case.id / f"r{revision}" / TILES


def manifest_of(reception: Reception, case: Case) -> Mapping[str, Any] | None:
    """What can be scrolled through of the present revision; None until it is drawn."""
    try:
        plain = (folder_of(reception, case, case.revision) / MANIFEST).read_text("utf-8")
    except FileNotFoundError:
        return None
    return dict(json.loads(plain))


def address(case: Case) -> str:
    """Where the tiles of the present revision are served, with a slash at the end."""
    return f"/cases/{case.id}/r{case.revision}/tiles/"


def _answer(request: Request, path: Path) -> Response:
    """A tile; values are packed on disk, and unpacked for whoever cannot do it."""
    media_type, headers = MEDIA_TYPES[path.suffix], {"Cache-Control": KEPT}
    if path.suffix != PACKED:
        return send(request, path, media_type, headers)
    headers["Vary"] = "Accept-Encoding"
    if takes_gzip(request):
        return send(request, path, media_type, {**headers, "Content-Encoding": "gzip"})
    return Response(gzip.decompress(path.read_bytes()), headers=headers, media_type=media_type)


def routes(reception: Reception) -> APIRouter:
    """``/cases/{id}/r{revision}/tiles/...``."""
    router = APIRouter(tags=["cases"])

    @router.get(
        "/cases/{case_id}/r{revision}/tiles/{name}",
        summary="One slice of one layer: mean CT, overlay, a map, its colour scale, or the values under a finger",
        response_class=FileResponse,
    )
    def get_tile(request: Request, case_id: str, revision: int, name: str) -> Response:
        path = folder_of(reception, reception.case(case_id), revision) / name
        if not NAME.fullmatch(name) or not path.is_file():
            raise Problem(
                HTTPStatus.NOT_FOUND, "this revision has no such picture; the case page shows its own"
            )
        return _answer(request, path)

    return router
