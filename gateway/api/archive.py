"""From a case to the archive's own pages: its explorer, and its viewer where it has one."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import RedirectResponse

from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.summary import series_of
from gateway.config import Config
from viewer_bridge.archive.orthanc import Orthanc
from viewer_bridge.objects.uids import Role
from viewer_bridge.viewers.links import orthanc_explorer_link, orthanc_viewer_link

HERE = "/orthanc"
"""Where the archive's pages appear on our origin."""

PLUGIN = "web-viewer"
"""Name of Orthanc's own viewer among its plugins."""

NOT_YET = "the archive does not have this study yet; its images are in the spool"


@contextmanager
def asking(config: Config) -> Iterator[Orthanc]:
    """The archive, for a few questions.

    Raises
    ------
    Problem
        404: none is configured.
    """
    if not config.orthanc.url:
        raise Problem(HTTPStatus.NOT_FOUND, "no archive is configured: set orthanc.url")
    orthanc = Orthanc(config.orthanc.url, config.orthanc.username, config.orthanc.password)
    try:
        yield orthanc
    finally:
        orthanc.close()


def _needed(orthanc_id: str | None) -> str:
    if orthanc_id is None:
        raise Problem(HTTPStatus.NOT_FOUND, NOT_YET)
    return orthanc_id


def routes(reception: Reception) -> APIRouter:
    """``/cases/{id}/archive`` and ``/cases/{id}/orthanc-viewer``."""
    router = APIRouter(include_in_schema=False)
    config = reception.config

    @router.get("/cases/{case_id}/archive")
    def to_explorer(case_id: str) -> RedirectResponse:
        study_uid = reception.case(case_id).study_uid
        with asking(config) as orthanc:
            link = orthanc_explorer_link(HERE, _needed(orthanc.study_id(study_uid)))
        return RedirectResponse(link, HTTPStatus.SEE_OTHER)

    @router.get("/cases/{case_id}/orthanc-viewer")
    def to_viewer(case_id: str) -> RedirectResponse:
        case = reception.case(case_id)
        pages = series_of(case).get(Role.PAGES) or case.perfusion_series_uid
        with asking(config) as orthanc:
            if PLUGIN not in orthanc.plugins():
                raise Problem(
                    HTTPStatus.NOT_FOUND, f"the archive has no plugin {PLUGIN}: install it in Orthanc"
                )
            link = orthanc_viewer_link(HERE, _needed(orthanc.series_id(pages) if pages else None))
        return RedirectResponse(link, HTTPStatus.SEE_OTHER)

    return router
