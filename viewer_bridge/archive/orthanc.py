"""The archive: storing objects in Orthanc and asking what is there, over keep-alive REST.

Questions go through orthanc-api-client. Uploads are spoken with urllib3 directly: a study of 1200 images costs a third
of the processor time that way, and the analysis needs those cores at the same moment.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orthanc_api_client as orthanc_api  # the module: its names shadow built-in exceptions
import urllib3

from triage.errors import ConfigError, GatewayError, InputError, TemporaryError
from viewer_bridge.viewers.links import checked_uid

CONNECT_S = 3.0
READ_S = 30.0
"""Orthanc answers most questions in milliseconds; half a minute of silence is an outage."""

DIGESTED_BYTES_PER_S = 10e6
"""An upload is waited for that much longer: Orthanc 1.10.1 takes up to 10 s for each gigabyte on a quiet machine
(measured), and a second try while it is still busy would double what it holds in memory."""

ALIVE_S = 2.0
"""A health check must not wait longer than its caller's own."""

CONNECTIONS = 8
"""Kept open per client; four parallel uploads are all that Orthanc can use."""

ONE_MORE_TIME = urllib3.Retry(total=1, connect=0, read=1, redirect=0, status=0, other=0, allowed_methods=None)
"""Orthanc closes idle connections after a second; a request that meets the closing door is sent once more.
Every request here may be repeated: storing the same object twice leaves one."""

ERRORS: dict[int, type[GatewayError]] = {
    401: ConfigError,
    403: ConfigError,
    408: TemporaryError,
    409: TemporaryError,  # the same object is being stored by somebody else right now
    429: TemporaryError,
}
"""Meaning of a refusal; other 4xx are about the object, 5xx about Orthanc."""


class Stored(StrEnum):
    """Orthanc's word for what an upload did."""

    NEW = "Success"
    ALREADY = "AlreadyStored"


_NOT_STORED = {
    "FilteredOut": "a filter of Orthanc (ReceivedInstanceFilter) keeps it out",
    "Failure": "Orthanc could not store it; see its log",
}
"""What Orthanc says with HTTP status 200 of an object that it has not stored."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Answer to an upload: Orthanc's own identifiers of the instance and of its series, and whether it was new."""

    orthanc_id: str
    status: Stored
    series_id: str = ""


class Orthanc:
    """One Orthanc server; safe to share between threads.

    Parameters
    ----------
    url
        Root of the REST interface, such as ``http://127.0.0.1:8042``.
    username, password
        Empty when Orthanc asks for none.
    """

    def __init__(self, url: str, username: str = "", password: str = "") -> None:
        self._root = url.rstrip("/")
        login = urllib3.make_headers(basic_auth=f"{username}:{password}") if username else {}
        user, password_or_none = username or None, password or None
        self._api = orthanc_api.OrthancApiClient(
            f"{self._root}/", user=user, pwd=password_or_none, pool_maxsize=CONNECTIONS
        )
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            headers=login,
            timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S),
            retries=ONE_MORE_TIME,
        )

    def __repr__(self) -> str:
        return f"Orthanc({self._root!r})"

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()
        self._api.close()

    def upload(self, dicom: bytes) -> Uploaded:
        """Store one DICOM file; doing it again changes nothing.

        Raises
        ------
        InputError
            Orthanc refuses the object; sending it again will not help.
        TemporaryError
            Orthanc is away or in trouble.
        ConfigError
            The credentials are wrong.
        """
        headers = {**self._pool.headers, "Content-Type": "application/dicom"}
        timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S + len(dicom) / DIGESTED_BYTES_PER_S)
        answer = self._spoken("POST", "instances", body=dicom, headers=headers, timeout=timeout)
        stored = json.loads(answer)
        if reason := _NOT_STORED.get(stored["Status"]):
            raise InputError(reason)
        return Uploaded(stored["ID"], Stored(stored["Status"]), stored.get("ParentSeries", ""))

    def is_alive(self) -> bool:
        """Whether Orthanc answers at all, within `ALIVE_S`."""
        try:
            answer = self._pool.request("GET", f"{self._root}/system", timeout=ALIVE_S, retries=False)
        except urllib3.exceptions.HTTPError:
            return False
        return answer.status == 200

    def plugins(self) -> frozenset[str]:
        """Return the names of the plugins that Orthanc has loaded."""
        return frozenset(json.loads(self._spoken("GET", "plugins")))

    def has_instance(self, sop_instance_uid: str) -> bool:
        """Whether an object is stored."""
        return bool(self._lookup(sop_instance_uid, "Instance"))

    def study_id(self, study_uid: str) -> str | None:
        """Return Orthanc's own identifier of a study; None when it is not there."""
        return self._lookup(study_uid, "Study")

    def series_id(self, series_uid: str) -> str | None:
        """Return Orthanc's own identifier of a series; None when it is not there."""
        return self._lookup(series_uid, "Series")

    def series_of(self, study_uid: str) -> list[str]:
        """Return the UIDs of the series of a study, sorted; empty when it is not there."""
        query = {"StudyInstanceUID": checked_uid(study_uid)}
        asked = {"Level": "Series", "Query": query, "Expand": True}
        found = self._ask(self._api.post, "tools/find", json=asked).json()
        return sorted(series["MainDicomTags"]["SeriesInstanceUID"] for series in found)

    def instance_count(self, series_uid: str) -> int:
        """Return how many objects of a series are stored."""
        orthanc_id = self.series_id(series_uid)
        if orthanc_id is None:
            return 0
        return len(self._ask(self._api.get, f"series/{orthanc_id}").json()["Instances"])

    def members(self, series_id: str) -> frozenset[str]:
        """Return Orthanc's own identifiers of what is stored of a series, which is named by Orthanc's own; may be empty."""
        try:
            found = self._ask(self._api.get, f"series/{series_id}").json()
        except InputError:
            return frozenset()
        return frozenset(found["Instances"])

    def remove_study(self, study_uid: str) -> bool:
        """Delete a study with everything in it; returns whether there was one."""
        orthanc_id = self.study_id(study_uid)
        if orthanc_id is not None:
            self._spoken("DELETE", f"studies/{orthanc_id}")
        return orthanc_id is not None

    def instance_id(self, sop_instance_uid: str) -> str | None:
        """Return Orthanc's own identifier of an instance; None when it is not there."""
        return self._lookup(sop_instance_uid, "Instance")

    def md5(self, orthanc_id: str) -> str | None:
        """Return the MD5 of an instance's file as Orthanc stored it; None when it is not there, empty when not known."""
        try:
            return self._spoken("GET", f"instances/{orthanc_id}/attachments/dicom/md5").decode(
                "ascii", "replace"
            )
        except InputError:
            return None

    def is_intact(self, orthanc_id: str) -> bool:
        """Whether Orthanc, reading the instance's file again, finds the MD5 of what it stored.

        It reads its disk, unless the file is still in its memory: an answer right after an upload proves little.
        """
        return self._known(self._api.post, f"instances/{orthanc_id}/attachments/dicom/verify-md5") is not None

    def _known(self, method: Callable[..., Any], endpoint: str) -> str | None:
        try:
            return str(self._ask(method, endpoint).text)
        except InputError:
            return None

    def file(self, sop_instance_uid: str) -> bytes:
        """Return a stored object as the DICOM file that was uploaded.

        Raises
        ------
        InputError
            It is not there.
        """
        orthanc_id = self._lookup(sop_instance_uid, "Instance")
        if orthanc_id is None:
            raise InputError(f"Orthanc has no instance {sop_instance_uid}")
        return bytes(self._ask(self._api.get, f"instances/{orthanc_id}/file").content)

    def _lookup(self, uid: str, level: str) -> str | None:
        found = self._ask(self._api.post, "tools/lookup", data=checked_uid(uid)).json()
        return next((item["ID"] for item in found if item["Type"] == level), None)

    def _spoken(self, method: str, endpoint: str, **how: Any) -> bytes:
        """What is asked for every single object goes this way, at a quarter of the other client's processor time."""
        url = f"{self._root}/{endpoint}"
        try:
            answer = self._pool.request(method, url, **how)
        except urllib3.exceptions.HTTPError as error:
            raise self._away(error) from error
        if answer.status >= 300:
            raise _refusal(answer.status, f"{method} {url}", _reason(answer.data))
        return bytes(answer.data)

    def _ask(self, method: Callable[..., Any], endpoint: str, **body: Any) -> Any:
        """Put a question; the client's exceptions become ours."""
        try:
            answer = method(endpoint, timeout=(CONNECT_S, READ_S), **body)
        except orthanc_api.HttpError as error:
            what = f"{self._root}/{endpoint}"
            raise _refusal(error.http_status_code or 500, what, error.msg or "") from error
        except orthanc_api.OrthancApiException as error:
            raise self._away(error) from error
        if answer is None:  # what the client makes of an answer that breaks off in the middle
            raise TemporaryError(f"Orthanc at {self._root} broke off its answer")
        return answer

    def _away(self, error: Exception) -> TemporaryError:
        return TemporaryError(f"Orthanc at {self._root} does not answer: {type(error).__name__}")


def _reason(body: bytes) -> str:
    """Orthanc's own words in a refusal, when it gives any."""
    try:
        return str(json.loads(body).get("Message", ""))
    except (ValueError, AttributeError):
        return ""


def _refusal(status: int, what: str, reason: str) -> GatewayError:
    """Return the error for an HTTP status."""
    kind = ERRORS.get(status, InputError if 400 <= status < 500 else TemporaryError)
    return kind(f"{what}: HTTP {status} {reason}".rstrip())
