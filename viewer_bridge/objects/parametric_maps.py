"""The maps as numbers: float32 Parametric Maps on the reference series, one object and series for each.

A map that must not be trusted does not go out in this form: whoever thresholds it sees no warning. People see it in
colour, beside the page that says why.

References
----------
PS3.3 A.75 and C.8.32 (Parametric Map), C.7.6.24 (Floating Point Image Pixel: pixel padding), C.7.6.16.2.11 (Real World
Value Mapping).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom import VOILUTTransformation
from highdicom.pm import ImageFlavorValues, ParametricMap, RealWorldValueMapping
from pydicom import Dataset
from pydicom.sr.coding import Code

from triage.types import Analysis, Estimator, Findings, Float32
from viewer_bridge.objects import codes
from viewer_bridge.objects.origin import RESEARCH_USE, Origin
from viewer_bridge.objects.segmentation import settle_dimensions
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role
from viewer_bridge.pages.colour_maps import MAP_LOOKS

PADDING = -1.0
"""Stands for voxels without a value. No flow, volume or time is negative, and a viewer that scales by the smallest and
the largest value it finds still shows the map; NaN would be drawn as anything."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a map measures: name in `MAP_LOOKS`, series, coded quantity and unit, and a label of at most 16 letters."""

    name: str
    role: Role
    kind: Code
    unit: Code
    label: str


QUANTITIES = (
    Quantity("tmax", Role.MAP_TMAX, codes.TMAX, codes.SECOND, "TMAX"),
    Quantity("cbf", Role.MAP_CBF, codes.BLOOD_FLOW, codes.ML_PER_100G_MIN, "CBF"),
    Quantity("cbv", Role.MAP_CBV, codes.BLOOD_VOLUME, codes.ML_PER_100G, "CBV"),
    Quantity("mtt", Role.MAP_MTT, codes.TRANSIT_TIME, codes.SECOND, "MTT"),
    Quantity("ttp", Role.MAP_TTP, codes.TIME_TO_PEAK, codes.SECOND, "TTP"),
)


def parametric_maps(
    analysis: Analysis, findings: Findings, reference: Sequence[Dataset], origin: Origin
) -> Iterator[Dataset]:
    """Yield a Parametric Map for each map that may be read by machines.

    All five when the result is trusted; the time to peak alone without an arterial input; otherwise none.

    Parameters
    ----------
    analysis
        The case; `findings` are its arrays.
    reference
        The series of `reference_series`, one image per slice in the same order.
    origin
        Source and run.
    """
    only_time_to_peak = analysis.result.estimator is Estimator.TIME_TO_PEAK
    for quantity in QUANTITIES:
        if analysis.result.trusted or (only_time_to_peak and quantity.name == "ttp"):
            values = getattr(findings.maps, MAP_LOOKS[quantity.name].attribute)
            yield _object(quantity, values, reference, origin)


def _object(quantity: Quantity, values: Float32, reference: Sequence[Dataset], origin: Origin) -> Dataset:
    kind, look = SERIES[quantity.role], MAP_LOOKS[quantity.name]
    ds = ParametricMap(
        source_images=reference,
        pixel_array=np.where(np.isfinite(values), values, np.float32(PADDING)),
        **origin.placed(kind),
        **origin.device,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[_mapping(quantity, values)],
        voi_lut_transformations=[
            VOILUTTransformation(window_center=(look.low + look.high) / 2, window_width=look.high - look.low)
        ],
        content_label=quantity.label,
        content_description=RESEARCH_USE,
        image_flavor=ImageFlavorValues.PERFUSION,
        derivation=codes.PERFUSION_ANALYSIS,
    )
    ds.FloatPixelPaddingValue = ds.FloatPixelPaddingRangeLimit = PADDING
    ds.BodyPartExamined = "HEAD"  # not a paired one: no laterality is asked for (PS3.3 C.7.3.1)
    origin.stamp(ds, kind)
    settle_dimensions(ds, origin, kind)
    return ds


def _mapping(quantity: Quantity, values: Float32) -> RealWorldValueMapping:
    """Stored values are the values themselves, from nothing to the largest; the padding lies outside."""
    largest = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    return RealWorldValueMapping(
        lut_label=quantity.label,
        lut_explanation=MAP_LOOKS[quantity.name].title,
        unit=quantity.unit,
        value_range=(0.0, largest),
        slope=1.0,
        intercept=0.0,
        quantity_definition=quantity.kind,
    )
