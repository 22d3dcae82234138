"""IHE Invoke Image Display (RAD-106): another system asks for a patient's or a study's images by address.

The answer leads on to the hosted viewer, hung for stroke where we have a result, or to the case page where no viewer is
hosted. It needs a login like everything else.

References
----------
IHE Radiology Technical Framework, Invoke Image Display profile, transaction RAD-106: the request is answered by the
display itself or a redirection to it; 400 when parameters are missing or contradict each other, 404 when nothing matches,
406 when the kind of display that is asked for cannot be given.

Records that know no such profile build the addresses of the viewers that are plugins of Orthanc, below an address they were
given: given ours, they get the same answer.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse

from gateway.api.problems import Problem
from gateway.api.proxy import connection
from gateway.api.reception import Reception
from gateway.api.summary import hung_link
from triage.errors import InputError
from viewer_bridge.viewers.links import checked_uid, viewer_link

PATH = "/IHEInvokeImageDisplay"
KEYS = {"STUDY": ("studyUID", "accessionNumber"), "PATIENT": ("patientID",)}
"""What names the images, by type of request; exactly one of them is given."""

PLUGINS = {"/ohif/viewer": "StudyInstanceUIDs", "/stone-webviewer/index.html": "study"}
"""Where Orthanc's plugins stand, and what names the studies there."""

VIEWER_TYPES = frozenset({"", "IHE_BIR"})
"""The basic image review profile's name; a patient portal we are not."""

MOST_STUDIES = 10
"""As many are opened at once; a viewer with more of them shows nobody anything."""

LONGEST_VALUE = 64
WILD = re.compile(r"[*?\\\x00-\x1f]")
"""Wildcards and separators of DICOM queries: a request names something, it does not search."""

MOMENT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2})?)?.*")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that makes sense: which key has which values, between which moments, and how many at most."""

    key: str
    values: tuple[str, ...]
    lower: str
    upper: str
    most: int


@dataclass(frozen=True, slots=True)
class Found:
    """A study of the archive and when it was made, as YYYYMMDDHHMMSS."""

    study_uid: str
    moment: str


def understood(given: Mapping[str, str]) -> Asked:
    """Check a request's parameters, whose names are taken as the profile writes them.

    Raises
    ------
    Problem
        400: which parameter is missing or wrong. 406: a viewer that we are not.

    Examples
    --------
    >>> understood({"requestType": "STUDY", "studyUID": "1.2,1.3"}).values
    ('1.2', '1.3')
    """
    keys = KEYS.get(given.get("requestType", ""))
    if keys is None:
        raise _wrong("requestType must be STUDY or PATIENT")
    named = [key for key in keys if given.get(key)]
    if len(named) != 1:
        raise _wrong(f"give exactly one of {', '.join(keys)} with requestType {given['requestType']}")
    if given.get("viewerType", "") not in VIEWER_TYPES:
        raise Problem(HTTPStatus.NOT_ACCEPTABLE, "viewerType must be IHE_BIR or be left out")
    values = tuple(part.strip() for part in given[named[0]].split(","))
    for value in values:
        _check(named[0], value)
    return Asked(named[0], values, _moment(given, "lower"), _moment(given, "upper"), _most(given, values))


def _check(key: str, value: str) -> None:
    if not value or len(value) > LONGEST_VALUE or WILD.search(value):
        raise _wrong(f"{key} is empty, too long or holds a wildcard")
    if key == "studyUID":
        try:
            checked_uid(value)
        except InputError as exc:
            raise _wrong("studyUID is not a DICOM UID") from exc


def _moment(given: Mapping[str, str], end: str) -> str:
    """A date and time as DICOM writes them; empty when not given."""
    text = given.get(f"{end}DateTime", "")
    match = MOMENT.fullmatch(text)
    if text and not match:
        raise _wrong(f"{end}DateTime must look like 2026-01-31T14:05:00")
    return "".join(part or "" for part in match.groups()) if match else ""


def _most(given: Mapping[str, str], values: Sequence[str]) -> int:
    """How many studies to open: those named, or the latest of a patient."""
    if given["requestType"] == "STUDY":
        return min(len(values), MOST_STUDIES)
    text = given.get("mostRecentResults", "1")
    if not (text.isdecimal() and int(text) >= 1):
        raise _wrong("mostRecentResults must be a number from 1")
    return min(int(text), MOST_STUDIES)


def _wrong(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, detail)


def chosen(found: Sequence[Found], asked: Asked) -> list[str]:
    """Studies to open, the latest first.

    Examples
    --------
    >>> asked = Asked("patientID", ("7",), "20260101", "", 1)
    >>> chosen([Found("1.1", "20251231"), Found("1.2", "20260101120000"), Found("1.3", "20260102")], asked)
    ['1.3']
    """
    lower, upper = asked.lower, asked.upper
    inside = [
        study
        for study in found
        if (not lower or study.moment[: len(lower)] >= lower)
        and (not upper or study.moment[: len(upper)] <= upper)
    ]
    latest = sorted(inside, key=lambda study: study.moment, reverse=True)
    return list(dict.fromkeys(study.study_uid for study in latest))[: asked.most]


def _search(client: httpx.Client, root: str, asked: Asked) -> list[Found]:
    """Ask the archive by QIDO-RS.

    Raises
    ------
    Problem
        502: it does not answer.
    """
    found = []
    for value in asked.values:
        identifier, _, issuer = value.partition("^^^")
        keyword = {"studyUID": "StudyInstanceUID", "accessionNumber": "AccessionNumber"}.get(
            asked.key, "PatientID"
        )
        query = {keyword: identifier, "includefield": "00100021"}
        try:
            answer = client.get(f"{root}/dicom-web/studies", params=query)
            studies = answer.raise_for_status().json() if answer.content else []
        except (httpx.HTTPError, ValueError) as exc:
            raise Problem(HTTPStatus.BAD_GATEWAY, "the archive does not answer; look at /readyz") from exc
        found += [_study(item) for item in studies if _issued(item, issuer)]
    return found


def _study(item: Mapping[str, Any]) -> Found:
    return Found(_value(item, "0020000D"), _value(item, "00080020") + _value(item, "00080030")[:6])


def _issued(item: Mapping[str, Any], issuer: str) -> bool:
    """Whether a patient's number is of the authority that was named, where both say one (HL7 CX-4)."""
    ours, theirs = _value(item, "00100021"), issuer.partition("&")[0]
    return not ours or not theirs or ours == theirs


def _value(item: Mapping[str, Any], tag: str) -> str:
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0])


def _display(reception: Reception, study_uids: Sequence[str]) -> str:
    """Where the studies are seen: the newest result as it is hung, else the images, else the case page."""
    case = reception.ledger.cases.of_study(study_uids[0])
    if reception.config.viewer.ohif_dir is not None:
        hung = hung_link(case, "") if case and len(study_uids) == 1 else None
        others = "".join(f",{checked_uid(uid)}" for uid in study_uids[1:])
        return hung or viewer_link("", study_uids[0]) + others
    if case is None:
        raise Problem(HTTPStatus.NOT_FOUND, "no viewer is hosted here and the study has no case page")
    return f"/cases/{case.id}"


def routes(reception: Reception) -> APIRouter:
    """``/IHEInvokeImageDisplay``."""
    router = APIRouter()

    @router.get(
        PATH, tags=["archive"], summary="IHE Invoke Image Display (RAD-106)", response_class=RedirectResponse
    )
    def invoke(request: Request) -> RedirectResponse:
        return _shown(reception, request.query_params)

    def open_as_plugin(request: Request) -> RedirectResponse:
        key = PLUGINS[request.url.path]
        if not (named := request.query_params.get(key)):
            raise _wrong(f"{key} names no study")
        return _shown(reception, {"requestType": "STUDY", "studyUID": named})

    for address in PLUGINS:
        router.add_api_route(address, open_as_plugin, include_in_schema=False)

    return router


def _shown(reception: Reception, given: Mapping[str, str]) -> RedirectResponse:
    """Lead to what is asked for; raises `Problem`."""
    asked = understood(given)
    study_uids = _known(reception, asked)
    if not study_uids:
        raise Problem(HTTPStatus.NOT_FOUND, f"nothing here has this {asked.key}")
    return RedirectResponse(_display(reception, study_uids), HTTPStatus.SEE_OTHER)


def _known(reception: Reception, asked: Asked) -> list[str]:
    """Studies that are here: in the archive, or, named by UID, still on their way to it."""
    if asked.key == "studyUID" and all(map(reception.ledger.cases.of_study, asked.values)):
        return list(asked.values)[: asked.most]
    if not reception.config.orthanc.url:
        return []
    root = reception.config.orthanc.url.rstrip("/")
    with httpx.Client(**connection(reception.config)) as client:
        return chosen(_search(client, root, asked), asked)
