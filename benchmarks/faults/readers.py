"""Hostile content by HTTP: offered to every address that might take it, and read back through pages, API and DICOMweb."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from blake3 import blake3

from benchmarks.faults.corpus import Hostile
from benchmarks.faults.report import Row, at_most, none_of, row
from benchmarks.running import RunningGateway
from gateway.ledger.records import case_id_of
from gateway.storage.evidence import dataset_of

ANSWER_S = 5.0
PATIENCE_S = 70.0
"""The proxy itself waits a minute for the archive."""
SERVER_ERRORS = 500
ARCHIVE = "/dicom-web/"
"""Below it the archive's own answers pass, its errors too; that it lives on is another line of the table."""
OFFERED_TO = ("/dicom-web/studies", "/api/v1/cases", "/orthanc/instances")
PAYLOADS = ("<script>\x1b", "<script>alert(1)</script>", "<img src=x")
"""Text of hostile objects that must not reach a page as it is."""
_STUDY, _SERIES, _INSTANCE = "0020000D", "0020000E", "00080018"


@dataclass
class Answers:
    """What came back, by kind of address."""

    codes: dict[str, Counter[int]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    longest_s: float = 0.0

    def note(self, kind: str, ask: Callable[[], httpx.Response]) -> httpx.Response | None:
        """Ask; None when there was no answer."""
        start = time.monotonic()
        try:
            answer = ask()
        except httpx.HTTPError as exc:
            self.broken.append(f"{kind}: {type(exc).__name__}")
            return None
        finally:
            self.longest_s = max(self.longest_s, time.monotonic() - start)
        self.codes.setdefault(kind, Counter())[answer.status_code] += 1
        if answer.status_code >= SERVER_ERRORS and not kind.startswith(ARCHIVE):
            self.broken.append(f"{kind}: {answer.status_code}")
        return answer

    @property
    def told(self) -> str:
        """Codes and how often, by kind."""
        return "; ".join(
            f"{kind} {', '.join(f'{code} x {count}' for code, count in sorted(codes.items()))}"
            for kind, codes in self.codes.items()
        )


def offer(gateway: RunningGateway, items: Sequence[Hostile]) -> list[Row]:
    """Nothing comes in by HTTP: every object is refused, whoever offers it."""
    answers, taken = Answers(), []
    with gateway.api as api:
        for item in items:
            for place in OFFERED_TO:
                answer = answers.note(place, lambda place=place, item=item: _post(api, place, item.dataset))
                if answer is not None and answer.is_success:
                    taken.append(f"{item.name} at {place}")
    return [
        row(
            "objects offered by HTTP",
            f"{len(items) * len(OFFERED_TO)} answers",
            answers.told,
            met=not answers.broken,
        ),
        none_of("objects taken by HTTP", taken),
        at_most("longest wait for a refusal", ANSWER_S, answers.longest_s, "s"),
    ]


def _post(api: httpx.Client, place: str, content: bytes) -> httpx.Response:
    try:
        return api.post(place, content=content, headers={"Content-Type": "application/dicom"})
    except (httpx.WriteError, httpx.ReadError):  # refused by its length: the rest is not waited for
        return api.post(place, content=content[:1000], headers={"Content-Type": "application/dicom"})


def read(
    gateway: RunningGateway, cases: Sequence[Mapping[str, Any]], digests: Mapping[str, str]
) -> list[Row]:
    """Everything that can be read of the cases; `digests` are those of the arrivals, with the study of each."""
    ours, archive, wrong, unescaped = Answers(), Answers(), [], []
    with gateway.api as api:
        api.timeout = httpx.Timeout(PATIENCE_S)
        for case in cases:
            for kind, place in _pages(str(case["id"])):
                answer = ours.note(kind, lambda place=place: api.get(place, headers={"Accept": "text/html"}))
                if answer is not None and any(payload in answer.text for payload in PAYLOADS):
                    unescaped.append(place)
        for digest, study in digests.items():
            place = f"/api/v1/cases/{case_id_of(study)}/objects/{digest}"
            answer = ours.note("object", lambda place=place: api.get(place))
            if answer is None or not _is_right(answer, digest):
                wrong.append(digest[:12])
        for place in _of_archive(api, sorted(set(digests.values()))):
            archive.note(
                ARCHIVE + place.rpartition("/")[2].rstrip("0123456789."), lambda place=place: api.get(place)
            )
    return [
        row("read back by page and API", "no error of ours", ours.told, met=not ours.broken),
        none_of("pages with unescaped text of an object", unescaped),
        none_of("objects that come back otherwise than they were taken", wrong),
        row("read through the DICOMweb proxy", "an answer each", archive.told, met=not archive.broken),
        at_most("longest wait for a page or an object", ANSWER_S, ours.longest_s, "s"),
        at_most("longest wait for the archive", PATIENCE_S, archive.longest_s, "s"),
    ]


def _pages(case_id: str) -> Iterator[tuple[str, str]]:
    yield "page", f"/cases/{case_id}"
    yield "part", f"/parts/cases/{case_id}"
    yield "case", f"/api/v1/cases/{case_id}"
    yield "inputs", f"/api/v1/cases/{case_id}/inputs"


def _is_right(answer: httpx.Response, digest: str) -> bool:
    """The same bytes, and nothing that a browser would open."""
    headers = answer.headers
    return (
        blake3(dataset_of(answer.content)).hexdigest() == digest
        and headers.get("content-disposition", "").startswith("attachment")
        and headers.get("x-content-type-options") == "nosniff"
    )


def _of_archive(api: httpx.Client, studies: Sequence[str]) -> Iterator[str]:
    """DICOMweb addresses of everything that the archive lists."""
    for study in studies:
        yield f"/dicom-web/studies/{study}/series"
        yield f"/dicom-web/studies/{study}/metadata"
        answer = api.get(f"/dicom-web/studies/{study}/instances")
        listed = answer.json() if answer.is_success else []
        for found in listed:
            names = [found.get(tag, {}).get("Value", [""])[0] for tag in (_STUDY, _SERIES, _INSTANCE)]
            instance = "/dicom-web/studies/{}/series/{}/instances/{}".format(*names)
            yield from (instance, f"{instance}/metadata", f"{instance}/frames/1", f"{instance}/rendered")
