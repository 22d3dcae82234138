"""The hosted OHIF viewer under `MOUNT`."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from gateway.api.files import send, takes_gzip
from gateway.api.problems import Problem
from gateway.config import Config
from triage.errors import ConfigError, InputError
from viewer_bridge.viewers.ohif import MOUNT, VERSION, Ohif, Served

SHELF = "viewer"
"""Below the data directory: the viewer's files as they are sent, made when first asked for; may be deleted."""

HOW_TO_INSTALL = (
    f"the OHIF viewer is not installed: unpack the folder `dist` of the npm package @ohif/app {VERSION} "
    "and set viewer.ohif_dir to it; the case page shows the pictures without it"
)


def installed(config: Config) -> Ohif | None:
    """The configured viewer, or None when there is none.

    Raises
    ------
    ConfigError
        The configured folder is not one.
    """
    if config.viewer.ohif_dir is None:
        return None
    ohif = Ohif(config.viewer.ohif_dir, config.site.data_dir / SHELF)
    try:
        ohif.check()
    except ConfigError as exc:
        raise ConfigError(f"viewer.ohif_dir: {exc}") from exc
    return ohif


def _answer(request: Request, served: Served) -> Response:
    if served.path is not None:
        return send(request, served.path, served.media_type, served.headers)
    return Response(served.text, headers={**served.headers, "Content-Type": served.media_type})


def routes(ohif: Ohif | None) -> APIRouter:
    """``/viewer/ohif/...``."""
    router = APIRouter(include_in_schema=False)

    @router.api_route(MOUNT, methods=["GET", "HEAD"])
    def start() -> RedirectResponse:
        return RedirectResponse(f"{MOUNT}/")

    @router.api_route(f"{MOUNT}/{{path:path}}", methods=["GET", "HEAD"])
    def serve(request: Request, path: str) -> Response:
        if ohif is None:
            raise Problem(HTTPStatus.NOT_FOUND, HOW_TO_INSTALL)
        try:
            return _answer(request, ohif.serve(path, packed=takes_gzip(request)))
        except InputError as exc:
            raise Problem(HTTPStatus.NOT_FOUND, str(exc)) from exc

    return router
