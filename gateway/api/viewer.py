"""The hosted OHIF viewer under `MOUNT`."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import FileResponse, RedirectResponse, Response

from gateway.api.problems import Problem
from gateway.config import Config
from triage.errors import ConfigError, InputError
from viewer_bridge.ohif import MOUNT, VERSION, Ohif, Served

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
    ohif = Ohif(config.viewer.ohif_dir)
    try:
        ohif.check()
    except ConfigError as exc:
        raise ConfigError(f"viewer.ohif_dir: {exc}") from exc
    return ohif


def _answer(served: Served) -> Response:
    headers: Mapping[str, str] = served.headers
    if served.path is not None:
        return FileResponse(served.path, headers=headers, media_type=served.media_type)
    return Response(served.text, headers={**headers, "Content-Type": served.media_type})


def routes(ohif: Ohif | None) -> APIRouter:
    """``/viewer/ohif/...``."""
    router = APIRouter(include_in_schema=False)

    @router.api_route(MOUNT, methods=["GET", "HEAD"])
    def start() -> RedirectResponse:
        return RedirectResponse(f"{MOUNT}/")

    @router.api_route(f"{MOUNT}/{{path:path}}", methods=["GET", "HEAD"])
    def serve(path: str) -> Response:
        if ohif is None:
            raise Problem(HTTPStatus.NOT_FOUND, HOW_TO_INSTALL)
        try:
            return _answer(ohif.serve(path))
        except InputError as exc:
            raise Problem(HTTPStatus.NOT_FOUND, str(exc)) from exc

    return router
