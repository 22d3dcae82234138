"""What the archive is asked while a peer waits: matches and files, over REST, never longer than the peer's patience.

The listener does this itself, so it is spoken with urllib3 alone, and files pass through in pieces.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import urllib3

from gateway.config import Orthanc
from triage.errors import InputError, TemporaryError

CONNECT_S = 2.0
READ_S = 7.0
"""Together less than the ten seconds after which a person at a modality gives up."""
PAGE = 2000
"""Names of resources per question."""
CHUNK = 100
"""Resources described per question."""
PIECE_BYTES = 1 << 17
CONNECTIONS = 4

Resource = Mapping[str, Any]
"""A patient, study, series or instance as Orthanc describes it; tags by ``gggg,eeee``."""

LEVELS: Mapping[str, str] = {"PATIENT": "Patient", "STUDY": "Study", "SERIES": "Series", "IMAGE": "Instance"}
"""Orthanc's names of the levels."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One object in the archive."""

    archive_id: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str


class Archive:
    """Orthanc as query and retrieve need it; safe to share between threads."""

    def __init__(self, settings: Orthanc) -> None:
        self._root = settings.url.rstrip("/")
        login = f"{settings.username}:{settings.password}"
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            headers=urllib3.make_headers(basic_auth=login) if settings.username else {},
            timeout=urllib3.Timeout(connect=CONNECT_S, read=READ_S),
            retries=False,
        )

    def names(
        self, level: str, conditions: Mapping[int, str], *, exactly: bool = False
    ) -> Iterator[list[str]]:
        """Orthanc's identifiers of what matches, page by page.

        Raises
        ------
        TemporaryError
            The archive is away.
        """
        query = {_name(tag): text for tag, text in conditions.items()}
        asked: dict[str, Any] = {
            "Level": LEVELS[level],
            "Query": query,
            "CaseSensitive": exactly,
            "Limit": PAGE,
        }
        since = 0
        while page := self._ask("tools/find", {**asked, "Since": since}):
            yield page
            if len(page) < PAGE:
                return
            since += PAGE

    def describe(self, level: str, names: Sequence[str]) -> list[Resource]:
        """Main tags and relations of some resources; those deleted meanwhile are missing. Raises like `names`."""
        asked = {"Level": LEVELS[level], "Resources": names, "Metadata": True, "Short": True}
        found: list[Resource] = self._ask("tools/bulk-content", asked)
        return found

    def instance_count(self, level: str, name: str) -> int:
        """How many instances a patient or study has. Raises like `names`."""
        kind = {"PATIENT": "patients", "STUDY": "studies"}[level]
        return int(self._ask(f"{kind}/{name}/statistics")["CountInstances"])

    def tags(self, name: str) -> dict[str, Any]:
        """All elements of an instance, by ``gggg,eeee``. Raises like `names`."""
        found: dict[str, Any] = self._ask(f"instances/{name}/tags?short")
        return found

    def instances(self, conditions: Mapping[int, str]) -> list[Instance]:
        """Every object below some unique keys, in the archive's order. Raises like `names`."""
        found: list[Instance] = []
        for page in self.names("IMAGE", conditions, exactly=True):
            for start in range(0, len(page), CHUNK):
                found += map(_instance, self.describe("IMAGE", page[start : start + CHUNK]))
        return found

    def file(self, instance: Instance, transfer_syntax_uid: str | None = None) -> Iterator[bytes]:
        """An object's file in pieces, as stored, or transcoded by the archive.

        Raises
        ------
        TemporaryError
            The archive is away, or stops in the middle.
        InputError
            It has not got the object, or cannot transcode it.
        """
        path = f"instances/{instance.archive_id}"
        if transfer_syntax_uid is None:
            answer = self._request(f"{path}/file")
        else:
            kept = ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"]
            wish = {"Transcode": transfer_syntax_uid, "Keep": kept, "Force": True}
            answer = self._request(f"{path}/modify", wish)
        return self._pieces(answer)

    def _pieces(self, answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
        with closing(answer):
            try:
                yield from answer.stream(PIECE_BYTES)
            except urllib3.exceptions.HTTPError as exc:
                raise _away(exc) from exc
            answer.release_conn()

    def _ask(self, path: str, question: Mapping[str, Any] | None = None) -> Any:
        answer = self._request(path, question)
        try:
            return json.loads(answer.data)
        except (ValueError, urllib3.exceptions.HTTPError) as exc:
            raise _away(exc) from exc

    def _request(self, path: str, question: Mapping[str, Any] | None = None) -> urllib3.BaseHTTPResponse:
        """Ask once; a second time when the first met a connection that the archive had just closed."""
        try:
            answer = self._once(path, question)
        except urllib3.exceptions.ProtocolError:
            try:
                answer = self._once(path, question)
            except urllib3.exceptions.HTTPError as exc:
                raise _away(exc) from exc
        except urllib3.exceptions.HTTPError as exc:
            raise _away(exc) from exc
        if answer.status == 200:
            return answer
        answer.drain_conn()
        refuses = answer.status in {400, 404}
        raise (InputError if refuses else TemporaryError)(f"the archive answers HTTP {answer.status}")

    def _once(self, path: str, question: Mapping[str, Any] | None) -> urllib3.BaseHTTPResponse:
        url = f"{self._root}/{path}"
        if question is None:
            return self._pool.request("GET", url, preload_content=False)
        return self._pool.request("POST", url, body=json.dumps(question).encode(), preload_content=False)


def _away(cause: Exception) -> TemporaryError:
    return TemporaryError(f"the archive does not answer: {type(cause).__name__}")


def _name(tag: int) -> str:
    return f"{tag >> 16:04x},{tag & 0xFFFF:04x}"


def _instance(resource: Resource) -> Instance:
    said = resource["Metadata"]
    return Instance(
        resource["ID"],
        str(resource["MainDicomTags"].get("0008,0018", "")),
        said.get("SopClassUid", ""),
        said.get("TransferSyntax", ""),
    )
