"""C-FIND: a query to the archive, its matches as identifiers (PS3.4 section C.4.1)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import structlog

from dicom_scp.queries import (
    LEVELS_ABOVE,
    Level,
    Query,
    Status,
    answer,
    comment,
    read_query,
    require_bounds,
)
from dicom_scp.services import DimseRequest, DimseResponse
from gateway.retrieval.archive import CHUNK, Archive, Resource
from triage.errors import GatewayError, InputError

log = structlog.get_logger()

MODALITIES_IN_STUDY, SOP_CLASS = 0x00080061, 0x00080016

KNOWN_TAGS: Mapping[Level, frozenset[int]] = {
    Level.PATIENT: frozenset({0x00100010, 0x00100020, 0x00100030, 0x00100040, 0x00101000}),
    Level.STUDY: frozenset(
        {0x00080020, 0x00080030, 0x00080050, 0x00080080, 0x00080090, 0x00081030, 0x0020000D, 0x00200010}
        | {0x00321032, 0x00321060}
    ),
    Level.SERIES: frozenset(
        {0x00080021, 0x00080031, 0x00080060, 0x00080070, 0x00081010, 0x0008103E, 0x00081070, 0x00180010}
        | {0x00180015, 0x00180024, 0x00181030, 0x0020000E, 0x00200011}
    ),
    Level.IMAGE: frozenset({0x00080012, 0x00080013, 0x00080018, 0x00200012, 0x00200013, 0x00200100}),
}
"""Attributes that every Orthanc keeps in its index, by the level they belong to; it can match these."""


@dataclass(frozen=True, slots=True)
class Count:
    """An attribute that says how many of something a resource has (PS3.4 section C.6.1.1)."""

    level: Level
    of_instances: bool


COUNTS: Mapping[int, Count] = {
    0x00201200: Count(Level.PATIENT, of_instances=False),
    0x00201204: Count(Level.PATIENT, of_instances=True),
    0x00201206: Count(Level.STUDY, of_instances=False),
    0x00201208: Count(Level.STUDY, of_instances=True),
    0x00201209: Count(Level.SERIES, of_instances=True),
}
"""Numbers of studies, series and instances."""

CHILDREN: Mapping[Level, str] = {Level.PATIENT: "Studies", Level.STUDY: "Series", Level.SERIES: "Instances"}
PARENTS: Mapping[Level, str] = {
    Level.STUDY: "ParentPatient",
    Level.SERIES: "ParentStudy",
    Level.IMAGE: "ParentSeries",
}


@dataclass(slots=True)
class Finder:
    """Answers C-FIND."""

    archive: Archive
    ae_title: str

    def find(self, request: DimseRequest) -> Iterator[DimseResponse]:
        """Answer one query: matches as they are found, then how it ended."""
        try:
            syntax, sop_class = request.context.transfer_syntax, request.context.abstract_syntax
            query = read_query(request.dataset, syntax, sop_class)
            require_bounds(query)
        except InputError as exc:
            yield DimseResponse(Status.IDENTIFIER_DOES_NOT_MATCH, extra=comment(str(exc)))
            return
        try:
            yield from self._matches(query, request)
        except GatewayError as exc:
            log.warning("a query cannot be answered", calling_ae=request.peer.calling_ae, reason=str(exc))
            yield DimseResponse(Status.OUT_OF_RESOURCES, extra=comment(str(exc)))

    def _matches(self, query: Query, request: DimseRequest) -> Iterator[DimseResponse]:
        matched = matchable(query.level)
        conditions = {tag: text for tag, text in query.conditions.items() if tag in matched}
        whole = conditions.keys() == query.conditions.keys()
        status = Status.PENDING if whole else Status.PENDING_WITHOUT_SOME_KEYS
        for page in self.archive.names(query.level, conditions):
            for start in range(0, len(page), CHUNK):
                for match in self._described(query, page[start : start + CHUNK]):
                    if request.channel.is_cancelled():
                        yield DimseResponse(Status.CANCELLED)
                        return
                    yield DimseResponse(status, answer(query, match, self.ae_title))
        yield DimseResponse(Status.SUCCESS)

    def _described(self, query: Query, names: list[str]) -> Iterator[Mapping[int, str]]:
        """Attributes of some resources and of those above them."""
        resources = self.archive.describe(query.level, names)
        above = _Ancestors(self.archive)
        for resource in resources:
            yield _Match(self.archive, query, resource, above.of(query.level, resource)).attributes()


def matchable(level: Level) -> frozenset[int]:
    """Keys by which the archive can select resources of a level: its own and those above."""
    tags = frozenset[int]().union(*(KNOWN_TAGS[each] for each in (*LEVELS_ABOVE[level], level)))
    return tags | ({MODALITIES_IN_STUDY} if level is Level.STUDY else frozenset())


@dataclass(slots=True)
class _Ancestors:
    """What stands above resources, asked once for those that share it."""

    archive: Archive
    known: dict[str, Resource] = field(default_factory=dict)

    def of(self, level: Level, resource: Resource) -> list[tuple[Level, Resource]]:
        """Resources above one, the nearest first; Orthanc describes the patient along with the study."""
        chain: list[tuple[Level, Resource]] = []
        for above in reversed(LEVELS_ABOVE[level]):
            if above is Level.PATIENT:
                break
            resource = self._get(above, resource[PARENTS[level]])
            chain.append((above, resource))
            level = above
        return chain

    def _get(self, level: Level, name: str) -> Resource:
        if name not in self.known:
            found = self.archive.describe(level, [name])
            if not found:
                raise InputError("the archive has just deleted what was asked for")
            self.known[name] = found[0]
        return self.known[name]


class _Match:
    """One resource that matches, and what is asked of it."""

    def __init__(
        self, archive: Archive, query: Query, resource: Resource, above: list[tuple[Level, Resource]]
    ) -> None:
        self._archive = archive
        self._query = query
        self._chain = [(query.level, resource), *above]

    def attributes(self) -> dict[int, str]:
        """Values of the keys that are asked for."""
        main = self._main_tags()
        at_hand = frozenset[int]().union(
            *(KNOWN_TAGS[level] for level, _ in self._chain), KNOWN_TAGS[Level.PATIENT]
        )
        found = {tag: main.get(tag, "") for tag in self._query.keys if tag in main or tag in at_hand}
        return found | {tag: self._other(tag) for tag in self._query.keys if tag not in found}

    def _main_tags(self) -> dict[int, str]:
        tags: dict[str, Any] = {}
        for _, resource in self._chain:
            tags |= resource.get("PatientMainDicomTags", {}) | resource["MainDicomTags"]
        return {_tag(name): text for name, text in tags.items() if isinstance(text, str)}

    def _other(self, tag: int) -> str:
        """What is not in the archive's index: counted, gathered, or read from one of the files; no sequences."""
        level, resource = self._chain[0]
        if tag in COUNTS:
            return self._count(COUNTS[tag])
        if tag == MODALITIES_IN_STUDY:
            return self._modalities()
        if tag == SOP_CLASS and level is Level.IMAGE:
            return str(resource["Metadata"].get("SopClassUid", ""))
        if self._query.vrs.get(tag) == "SQ":
            return ""
        text = self._in_file.get(f"{tag >> 16:04x},{tag & 0xFFFF:04x}")
        return text if isinstance(text, str) else ""

    def _count(self, count: Count) -> str:
        resource = dict(self._chain).get(count.level)
        if resource is None:
            return ""
        if count.of_instances and count.level is not Level.SERIES:
            return str(self._archive.instance_count(count.level, resource["ID"]))
        return str(len(resource[CHILDREN[count.level]]))

    def _modalities(self) -> str:
        study = dict(self._chain).get(Level.STUDY)
        if study is None:
            return ""
        series = self._archive.describe(Level.SERIES, study["Series"])
        return "\\".join(sorted({one["MainDicomTags"].get("0008,0060", "") for one in series} - {""}))

    @cached_property
    def _in_file(self) -> Mapping[str, Any]:
        """Elements of one of the resource's instances."""
        level, resource = self._chain[0]
        while level is not Level.IMAGE:
            below = tuple(Level)[tuple(Level).index(level) + 1]
            if below is Level.IMAGE:
                return self._archive.tags(resource["Instances"][0])
            resource, level = self._archive.describe(below, resource[CHILDREN[level]][:1])[0], below
        return self._archive.tags(resource["ID"])


def _tag(name: str) -> int:
    return int(name.replace(",", ""), 16)
