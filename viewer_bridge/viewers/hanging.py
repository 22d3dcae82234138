"""How OHIF hangs a stroke study: the summary page first, beside it the overlay and the plain CT, below them the maps.

OHIF takes extensions as plain objects from its configuration, and with one of them a hanging protocol; nothing of OHIF
is built anew. A link names the protocol and the stage that fits the result, and our series of the newest revision.

References
----------
https://docs.ohif.org/platform/extensions/modules/hpModule
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from viewer_bridge.objects.series import RESEARCH, SERIES
from viewer_bridge.objects.uids import Role

PROTOCOL = "stroke"
"""In links as ``hangingprotocolId``."""


class Stage(StrEnum):
    """In links as ``stageId``: what there is to show."""

    MAPS = "maps"
    TIME_TO_PEAK = "time-to-peak"
    IMAGES = "images"


PLAIN_CT = "plain CT"
"""The scanner's own series without contrast medium; it has no role of ours."""

NATIVE_WORDS = ("non-contrast", "non contrast", "noncontrast", "nativ", "plain", "without", "ncct", "sans iv")
CONTRAST_WORDS = ("perf", "ctp", "vpct", "angio", "cta", "venous", "bone")
"""What series descriptions say, in the languages of scanners that we have seen."""

MOST_PLAIN_IMAGES = 400
"""A head in slices of half a millimetre; what has more was scanned again and again."""

OURS, LINKED, TOLD, AGAINST = 100, 20, 30, -40
"""Weights: the right kind of series, named by the link, what a description says for it and against it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A viewport: its display sets, the later ones above the first, and its place in parts of the window."""

    shows: tuple[str, ...]
    x: float
    y: float
    width: float
    height: float


SUMMARY = Cell((Role.PAGES,), 0, 0, 0.5, 0.5)
OVERLAY = Cell((Role.REFERENCE, Role.SEGMENTATION), 0.5, 0, 0.25, 0.5)
NATIVE = Cell((PLAIN_CT,), 0.75, 0, 0.25, 0.5)

CELLS: Mapping[Stage, tuple[Cell, ...]] = {
    Stage.MAPS: (
        SUMMARY,
        OVERLAY,
        NATIVE,
        Cell((Role.COLOUR_TMAX,), 0, 0.5, 0.25, 0.5),
        Cell((Role.COLOUR_CBF,), 0.25, 0.5, 0.25, 0.5),
        Cell((Role.COLOUR_CBV,), 0.5, 0.5, 0.25, 0.5),
        Cell((Role.COLOUR_MTT,), 0.75, 0.5, 0.25, 0.5),
    ),
    Stage.TIME_TO_PEAK: (
        Cell((Role.PAGES,), 0, 0, 0.5, 1),
        Cell((Role.COLOUR_TTP,), 0.5, 0, 0.5, 0.5),
        Cell((Role.REFERENCE,), 0.5, 0.5, 0.25, 0.5),
        Cell((PLAIN_CT,), 0.75, 0.5, 0.25, 0.5),
    ),
    Stage.IMAGES: (
        Cell((Role.PAGES,), 0, 0, 0.5, 1),
        Cell((PLAIN_CT,), 0.5, 0, 0.5, 1),
    ),
}
"""The pages have four by three parts of a window, the slices little more than a square: neither is cropped."""

FIRST_PAGE = {"initialImageOptions": {"preset": "first"}}
MIDDLE_SLICE = {
    "initialImageOptions": {"preset": "middle"},
    "syncGroups": [{"type": "imageSlice", "id": "slices", "source": True, "target": True}],
}
"""Where a viewport opens; slices scroll together, and open nearer to the basal ganglia than their ends."""


def shown_roles(stage: Stage) -> list[Role]:
    """Our series that a stage shows, the first one first."""
    return [Role(name) for cell in CELLS[stage] for name in cell.shows if name != PLAIN_CT]


def protocol() -> dict[str, Any]:
    """Return the hanging protocol, ready for JSON."""
    roles = dict.fromkeys(role for stage in Stage for role in shown_roles(stage))
    return {
        "id": PROTOCOL,
        "name": "Stroke",
        "protocolMatchingRules": [],  # asked for by our links, never chosen by itself
        "toolGroupIds": ["default"],
        "numberOfPriorsReferenced": 0,
        "displaySetSelectors": {
            PLAIN_CT: {"seriesMatchingRules": _plain_ct()},
            **{role: {"seriesMatchingRules": _ours(role)} for role in roles},
        },
        "defaultViewport": _viewport("more", (PLAIN_CT,)),
        "stages": [_stage(stage, cells) for stage, cells in CELLS.items()],
    }


def _stage(stage: Stage, cells: Sequence[Cell]) -> dict[str, Any]:
    places = [{"x": cell.x, "y": cell.y, "width": cell.width, "height": cell.height} for cell in cells]
    return {
        "id": stage,
        "name": f"Stroke: {stage}",
        "viewportStructure": {
            "layoutType": "grid",
            "properties": {"rows": 2, "columns": 4, "layoutOptions": places},
        },
        "viewports": [_viewport(f"{stage} {cell.shows[0]}", cell.shows) for cell in cells],
    }


def _viewport(name: str, shows: Sequence[str]) -> dict[str, Any]:
    options = {"viewportId": name, "viewportType": "stack", "toolGroupId": "default"}
    opens = FIRST_PAGE if Role.PAGES in shows else MIDDLE_SLICE
    return {"viewportOptions": {**options, **opens}, "displaySets": [{"id": name} for name in shows]}


def _rule(attribute: str, constraint: Mapping[str, Any], weight: int, *, required: bool = False) -> Any:
    return {"attribute": attribute, "constraint": constraint, "weight": weight, "required": required}


def _ours(role: Role) -> list[Any]:
    """One of our series: by its name, and of several revisions the one in the link."""
    return [
        _rule("SeriesDescription", {"contains": SERIES[role].name}, OURS, required=True),
        _rule("Modality", {"equals": SERIES[role].modality}, 1, required=True),
        _rule("isDisplaySetFromUrl", {"equals": True}, LINKED),
    ]


def _plain_ct() -> list[Any]:
    """The scanner's head without contrast medium; a bolus, many frames and telling words speak against a series."""
    return [
        _rule("Modality", {"equals": "CT"}, OURS, required=True),
        _rule("SeriesDescription", {"doesNotContain": RESEARCH}, 1, required=True),
        _rule("ImageType", {"doesNotContain": "LOCALIZER"}, 1, required=True),
        _rule("SeriesDescription", {"containsI": list(NATIVE_WORDS)}, TOLD),
        _rule("SeriesDescription", {"containsI": list(CONTRAST_WORDS)}, AGAINST),
        _rule("ContrastBolusAgent", {"notNull": True}, AGAINST),
        _rule("numImageFrames", {"greaterThan": MOST_PLAIN_IMAGES}, AGAINST),
    ]
