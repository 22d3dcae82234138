"""Files to browsers: sent once, and afterwards only confirmed."""

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from fastapi import Request
from starlette.responses import FileResponse, Response


def send(request: Request, path: Path, media_type: str, headers: Mapping[str, str]) -> Response:
    """The file, or the word that the browser's own copy is still good (RFC 9110 13.1.2)."""
    found = FileResponse(path, headers=headers, media_type=media_type, stat_result=path.stat())
    tag = found.headers["etag"]
    if tag not in request.headers.get("if-none-match", ""):
        return found
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={**headers, "ETag": tag})


def takes_gzip(request: Request) -> bool:
    """Whether the asker unpacks gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")
