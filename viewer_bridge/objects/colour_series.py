"""The maps in colour, slice by slice, where the reference series lies: what people scroll beside it.

Each is a series of Secondary Captures that keep their place in the patient. A scale is drawn into the margin, so that a
colour can be read without the page.

References
----------
PS3.3 A.8.1 (Secondary Capture) has no Image Plane Module: the position is an extension of the class, which PS3.4 B.3.2
and PS3.2 3.11.1 allow because it changes nothing that the class says.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy

import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from triage.types import Findings
from viewer_bridge.objects import codes
from viewer_bridge.objects.origin import Origin
from viewer_bridge.objects.packing import put_picture
from viewer_bridge.objects.series import SERIES, SeriesKind
from viewer_bridge.objects.uids import Role
from viewer_bridge.pages.canvas import GREY, WHITE, Box, Canvas
from viewer_bridge.pages.colour_maps import MAP_LOOKS, MapLook, Rgb, colourise, shown_maps
from viewer_bridge.pages.tiles import map_values

ROLES = {
    "tmax": Role.COLOUR_TMAX,
    "cbf": Role.COLOUR_CBF,
    "cbv": Role.COLOUR_CBV,
    "mtt": Role.COLOUR_MTT,
    "ttp": Role.COLOUR_TTP,
}

PLACE = (
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "PatientPosition",
)
"""Where an image lies, taken from the reference image below it."""

SMALLEST_WITH_SCALE_PX = 128
"""Below this many rows and columns the scale would be unreadable and cover the head."""

BAR_PX, TICK_PX, LETTER_PX, EDGE_PX, UNIT_GAP_PX = 5, 2, 9, 3, 8
"""The scale: width of the bar and its ticks, size of the letters, distance from the edge, room below the unit."""

BAR_SHARE = 0.5
"""Height of the bar as a share of the picture's."""


def colour_series(findings: Findings, reference: Sequence[Dataset], origin: Origin) -> Iterator[Dataset]:
    """Yield one RGB image for each slice of each map that the case has, map by map.

    Parameters
    ----------
    findings
        Maps ``(Z, Y, X)`` on the grid of the reference.
    reference
        The series of `reference_series`, one image per slice in the same order.
    origin
        Source and run.
    """
    shown = shown_maps(findings)
    for name, role in ROLES.items():
        if name in shown:
            yield from _series(name, SERIES[role], findings, reference, origin)


def _series(
    name: str, kind: SeriesKind, findings: Findings, reference: Sequence[Dataset], origin: Origin
) -> Iterator[Dataset]:
    look, template = MAP_LOOKS[name], origin.blank(kind, SecondaryCaptureImageStorage, 1)
    template.ConversionType = "WSD"
    template.ImageType = ["DERIVED", "SECONDARY"]
    template.PatientOrientation = None
    template.DerivationDescription = f"{look.title}, coloured {look.low:g} to {look.high:g} {look.unit}"
    del template.SOPInstanceUID, template.InstanceNumber
    for below, plane in zip(reference, map_values(findings, name), strict=True):
        ds = Dataset()
        ds.update(template)  # elements are shared: none of them is changed below
        ds.file_meta = deepcopy(template.file_meta)
        ds.InstanceNumber = below.InstanceNumber
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = origin.uid(
            kind.role, int(below.InstanceNumber)
        )
        for keyword in PLACE:
            if keyword in below:
                ds.add(below[keyword])
        ds.SourceImageSequence = [_source(below)]
        put_picture(ds, with_scale(colourise(plane, look), look))
        yield ds


def _source(image: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = [codes.item(codes.SOURCE_IMAGE)]
    return item


def with_scale(picture: Rgb, look: MapLook) -> Rgb:
    """Draw a map's scale into the right margin; a picture too small for it stays as it is."""
    rows, columns, _ = picture.shape
    if min(rows, columns) < SMALLEST_WITH_SCALE_PX:
        return picture
    canvas = Canvas(Image.fromarray(np.ascontiguousarray(picture)))
    height = round(rows * BAR_SHARE)
    box = Box(columns - EDGE_PX - BAR_PX, (rows - height) // 2, BAR_PX, height)
    levels = np.linspace(len(look.table) - 1, 0, height).round().astype(np.intp)
    canvas.paste(np.repeat(look.table[levels][:, None], BAR_PX, axis=1), (box.left, box.top))
    canvas.text((columns - EDGE_PX, box.top - UNIT_GAP_PX), look.unit, LETTER_PX, GREY, "rs")
    for tick in (look.ticks[0], look.ticks[len(look.ticks) // 2], look.ticks[-1]):
        row = box.bottom - 1 - round((tick - look.low) / (look.high - look.low) * (height - 1))
        canvas.rule(Box(box.left - TICK_PX, row, TICK_PX, 1), GREY)
        canvas.text((box.left - TICK_PX - 2, row), f"{tick:g}", LETTER_PX, WHITE, "rm")
    return canvas.pixels()
