"""The report: its bytes, its sign-off by a physician, and whether a copy is what was issued."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Body, File, Form, Request, UploadFile
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from gateway.api import files
from gateway.api.problems import Problem
from gateway.api.reception import Reception
from gateway.api.rights import actor_of
from gateway.console import reports, runs
from gateway.console.rendering import render
from gateway.console.reports import Checked
from gateway.ledger.records import Case
from gateway.ledger.signoffs import Identity, SignOff
from gateway.signing import documents, signoff
from gateway.signing.documents import PUBLISHED, SIGNED_OFF, Issue
from gateway.signing.judging import Judgement, judge
from gateway.signing.signoff import LONGEST_NAME, LONGEST_REMARK, Statement
from gateway.team.people import ActorKind
from triage.errors import InputError

log = structlog.get_logger()

CHECKS = BoundedSemaphore(2)
"""Files judged at once: each may take a processor and a gigabyte."""
TURN_S = 10.0
"""How long a file waits for its turn."""
PDF = "application/pdf"


class SignOffBody(BaseModel):
    """Who takes responsibility for a revision: the account's person, else whoever is stated."""

    model_config = ConfigDict(extra="forbid")

    revision: int = Field(ge=1, description="The revision that was read; a later one refuses the sign-off")
    physician: str = Field(default="", max_length=LONGEST_NAME, description="Of an account: its name")
    role: str = Field(min_length=1, max_length=LONGEST_NAME)
    remark: str = Field(default="", max_length=LONGEST_REMARK)


def report_json(reception: Reception, case: Case) -> dict[str, Any]:
    """The report of the present revision: its issues with their seals, and who has signed it off."""
    folder = reception.folder(case)
    found = (documents.issue(folder, number) for number in (PUBLISHED, SIGNED_OFF))
    signed = reception.ledger.signoffs.of(case.id, case.revision)
    return {
        "revision": case.revision,
        "issues": [_issue_json(case, issue) for issue in found if issue],
        "sign_off": asdict(signed) if signed else None,
    }


def _issue_json(case: Case, issue: Issue) -> dict[str, Any]:
    return {
        "number": issue.number,
        "href": f"/cases/{case.id}/r{case.revision}/report-{issue.number}.pdf",
        "sha256": issue.sha256,
        "seal": issue.seal.to_json(),
    }


def sign_off(reception: Reception, case: Case, said: Statement) -> SignOff:
    """Sign off the present revision of a case.

    Raises
    ------
    Problem
        409: it cannot be signed off, or was by somebody else, or another revision was read.
    """
    try:
        return signoff.sign_off(
            reception.ledger, reception.client, case, reception.folder(case), said, reception.now
        )
    except InputError as exc:
        raise Problem(HTTPStatus.CONFLICT, str(exc)) from exc


def judged(reception: Reception, pdf: bytes) -> Judgement:
    """Judge a file of anybody's; nothing of it is kept.

    Raises
    ------
    Problem
        400: there is no file. 503: too many are being judged.
    """
    if not pdf:
        raise Problem(HTTPStatus.BAD_REQUEST, "choose a PDF file: nothing was sent")
    with _turn():
        found = judge(
            pdf,
            reception.ledger,
            reception.config.cases_dir,
            reception.config.signing.model_dump(mode="json", include={"authorities", "crls"}),
        )
    log.info("file judged", finding=found.finding.value, size_bytes=len(pdf))
    return found


@contextmanager
def _turn() -> Iterator[None]:
    if not CHECKS.acquire(timeout=TURN_S):
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too many files are being checked; try again")
    try:
        yield
    finally:
        CHECKS.release()


def judgement_json(found: Judgement) -> dict[str, Any]:
    """A judgement as the interface shows it."""
    return {
        "finding": found.finding.value,
        "case_id": found.case.id if found.case else None,
        "revision": found.revision or None,
        "issue": found.issue.number if found.issue else None,
        "outdated": found.outdated or None,
        "sign_off": asdict(found.signoff) if found.signoff else None,
        "signatures": list(found.signatures),
        "unreadable": found.unreadable or None,
    }


def _file(request: Request, case: Case, issue: Issue | None, revision: int) -> Response:
    if issue is None:
        raise Problem(HTTPStatus.NOT_FOUND, "this report is not drawn, or not yet")
    name = f'inline; filename="report-{case.id[:8]}-r{revision}-{issue.number}.pdf"'
    headers = {"Cache-Control": "private, no-cache", "Content-Disposition": name}
    return files.send(request, issue.path, PDF, headers)


def routes(reception: Reception) -> APIRouter:
    """Reports, sign-offs and checks, for people and for programs."""
    router = APIRouter()
    router.include_router(_pages(reception))

    @router.get("/cases/{case_id}/report.pdf", tags=["cases"], summary="The report as it stands")
    def get_report(case_id: str, request: Request) -> Response:
        case = reception.case(case_id)
        return _file(request, case, documents.newest(reception.folder(case)), case.revision)

    @router.get(
        "/cases/{case_id}/r{revision}/report-{number}.pdf",
        tags=["cases"],
        summary="One issue of a revision's report: 1 as published, 2 as signed off",
        response_class=FileResponse,
    )
    def get_issue(case_id: str, revision: int, number: int, request: Request) -> Response:
        case = reception.case(case_id)
        folder = reception.config.cases_dir / case.id / f"r{revision}"
        return _file(request, case, documents.issue(folder, number), revision)

    @router.get("/api/v1/cases/{case_id}/report", tags=["cases"], summary="Seals and sign-off of the report")
    def get_report_json(case_id: str) -> dict[str, Any]:
        return report_json(reception, reception.case(case_id))

    @router.post(
        "/api/v1/cases/{case_id}/sign-off",
        tags=["cases"],
        status_code=HTTPStatus.ACCEPTED,
        summary="A physician takes responsibility for the present revision; the first sign-off stands",
    )
    def post_sign_off(request: Request, case_id: str, body: SignOffBody) -> dict[str, Any]:
        case = reception.case(case_id)
        sign_off(reception, case, _by(request, Statement(**body.model_dump())))
        return report_json(reception, case)

    @router.post(
        "/api/v1/verify",
        tags=["cases"],
        summary="Whether a PDF is a report from here, and what its signatures prove",
    )
    def post_verify(pdf: Annotated[bytes, Body(media_type=PDF)]) -> dict[str, Any]:
        return judgement_json(judged(reception, pdf))

    return router


def _by(request: Request, said: Statement) -> Statement:
    """A statement in the name of the account it comes from, if it comes from one."""
    actor = actor_of(request)
    if actor.kind is not ActorKind.PERSON:
        return said
    return replace(said, physician=actor.name, identity=Identity.ACCOUNT)


def _pages(reception: Reception) -> APIRouter:
    """The form of the sign-off, and the page that checks a file."""
    router = APIRouter(include_in_schema=False)

    def draw(template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> HTMLResponse:
        return HTMLResponse(
            render(template, now=reception.now(), banner=runs.banner(reception), **values), status
        )

    @router.get("/cases/{case_id}/sign-off")
    def show_sign_off(request: Request, case_id: str) -> HTMLResponse:
        view = reports.of_case(reception, reception.case(case_id))
        return draw("sign-off.html", report=view, wrong="", said=None, actor=actor_of(request))

    @router.post("/cases/{case_id}/sign-off")
    def post_sign_off(
        request: Request,
        case_id: str,
        revision: Annotated[int, Form()],
        physician: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
        role: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
        remark: Annotated[str, Form(max_length=LONGEST_REMARK)] = "",
    ) -> Response:
        case, said = reception.case(case_id), _by(request, Statement(revision, physician, role, remark))
        try:
            sign_off(reception, case, said)
        except Problem as problem:
            view = reports.of_case(reception, case)
            values = {"wrong": problem.detail, "said": said, "actor": actor_of(request)}
            return draw("sign-off.html", problem.status, report=view, **values)
        return RedirectResponse(f"/cases/{case.id}", HTTPStatus.SEE_OTHER)

    @router.get("/verify")
    def show_verify() -> HTMLResponse:
        return draw("verify.html", checked=None)

    @router.post("/verify")
    async def post_verify(file: Annotated[UploadFile, File()]) -> HTMLResponse:
        found = await run_in_threadpool(judged, reception, await file.read())
        return await run_in_threadpool(draw, "verify.html", checked=Checked(found))

    return router
