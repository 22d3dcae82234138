"""The archive's DICOMweb and explorer on our origin: reading only, streamed, behind our own authentication."""

import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.scope import SEGMENT
from gateway.config import Config

log = structlog.get_logger()

CONNECT_S = 3.0
READ_S = 60.0
"""Orthanc reads the headers of a whole study before it answers a metadata request."""
CONNECTIONS = 32
"""A viewer asks for many frames at once."""

ASKED = ("accept", "accept-encoding", "range", "if-none-match", "if-modified-since")
ANSWERED = (
    "content-type",
    "content-length",
    "content-encoding",
    "content-range",
    "accept-ranges",
    "etag",
    "last-modified",
)
"""Headers that pass; credentials and cookies of either side never do."""

READABLE: Mapping[str, re.Pattern[str]] = {
    "dicom-web": re.compile(rf"(studies|series|instances)(/{SEGMENT})*"),
    "orthanc": re.compile(
        rf"(app|patients|studies|series|instances|system|statistics|plugins|web-viewer)(/{SEGMENT})*"
    ),
}
"""First parts of the addresses that may be read; tools, settings and other archives may not."""


def upstream_url(config: Config, root: str, path: str, query: str) -> httpx.URL:
    """The archive's address for one of ours.

    Raises
    ------
    Problem
        404: no archive is configured, or this part of it cannot be read from here.
    """
    if not config.orthanc.url:
        raise Problem(HTTPStatus.NOT_FOUND, "no archive is configured: set orthanc.url")
    if not READABLE[root].fullmatch(path):
        raise Problem(HTTPStatus.NOT_FOUND, "this part of the archive cannot be read from here")
    prefix = "/dicom-web" if root == "dicom-web" else ""
    url = httpx.URL(f"{config.orthanc.url.rstrip('/')}{prefix}/{path}")
    return url.copy_with(query=query.encode()) if query else url


def forwarded(request: Request, public_url: str) -> str:
    """Our own address, from which the archive builds its links.

    RFC 7239 wants a host with a port in quotation marks; Orthanc would copy them into its links.

    Raises
    ------
    Problem
        400: what the client calls our host is none.
    """
    public = urlsplit(public_url)
    host = public.netloc or request.headers.get("host", "")
    if not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", host):
        raise Problem(HTTPStatus.BAD_REQUEST, "the Host header is not a host")
    return f"host={host};proto={public.scheme or request.url.scheme}"


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()


def connection(config: Config) -> dict[str, Any]:
    """How a client of the archive is made: credentials of the site, none of the environment."""
    settings = config.orthanc
    return {
        "auth": httpx.BasicAuth(settings.username, settings.password) if settings.username else None,
        "timeout": httpx.Timeout(READ_S, connect=CONNECT_S),
        "trust_env": False,
    }


def client_for(config: Config) -> httpx.AsyncClient:
    """The connections to the archive."""
    return httpx.AsyncClient(**connection(config), limits=httpx.Limits(max_connections=CONNECTIONS))


async def pass_on(
    request: Request, client: httpx.AsyncClient, url: httpx.URL, public_url: str
) -> StreamingResponse:
    """Ask the archive and hand its answer through as it comes.

    Raises
    ------
    Problem
        502: the archive does not answer.
    """
    headers = {name: request.headers[name] for name in ASKED if name in request.headers}
    headers.setdefault("accept-encoding", "identity")
    headers["forwarded"] = forwarded(request, public_url)
    question = client.build_request(request.method, url, headers=headers)
    try:
        answer = await client.send(question, stream=True)
    except httpx.TransportError as exc:
        log.warning("the archive does not answer", kind=type(exc).__name__)
        raise Problem(
            HTTPStatus.BAD_GATEWAY, "the archive does not answer; look at /readyz and try again"
        ) from exc
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        await answer.aclose()
        raise Problem(
            HTTPStatus.BAD_GATEWAY, "the archive refuses our name: check orthanc.username and password"
        )
    passed = {name: answer.headers[name] for name in ANSWERED if name in answer.headers}
    return StreamingResponse(_body(answer), answer.status_code, passed)


def routes(reception: Reception, client: httpx.AsyncClient) -> APIRouter:
    """``/dicom-web/...`` and ``/orthanc/...``."""
    router = APIRouter(tags=["archive"])
    config = reception.config

    async def read(request: Request, root: str, path: str) -> StreamingResponse:
        url = upstream_url(config, root, path, request.url.query)
        return await pass_on(request, client, url, config.http.public_url)

    @router.head("/dicom-web/{path:path}", include_in_schema=False)
    @router.get(
        "/dicom-web/{path:path}",
        summary="QIDO-RS and WADO-RS of the archive",
        response_class=StreamingResponse,
    )
    async def read_dicomweb(request: Request, path: str) -> StreamingResponse:
        return await read(request, "dicom-web", path)

    @router.api_route("/orthanc/{path:path}", methods=["GET", "HEAD"], include_in_schema=False)
    async def read_orthanc(request: Request, path: str) -> StreamingResponse:
        return await read(request, "orthanc", path)

    return router
