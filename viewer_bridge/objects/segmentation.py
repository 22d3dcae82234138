"""Regions as DICOM Segmentations on the reference series.

BINARY, because viewers in the field shift the colours of label maps by one and would show the core as penumbra. Core and
penumbra are always described, so that number 1 is the core in every object; a segment without voxels simply has no
frames. A patient without any lesion gets no such segmentation: the pages say so. Everything else that can be outlined is
an object of its own, so that a viewer opens on core and penumbra alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.sr.coding import Code

from triage.assessment import late_areas
from triage.types import Findings, Mask, Thresholds, TissueClass
from viewer_bridge.objects import codes
from viewer_bridge.objects.origin import RESEARCH_USE, Origin
from viewer_bridge.objects.series import SERIES, SeriesKind
from viewer_bridge.objects.uids import Role
from viewer_bridge.pages.tiles import CORE_RGB, HYPOPERFUSED_RGB

KIND = SERIES[Role.SEGMENTATION]
REGIONS = SERIES[Role.REGIONS]

ALGORITHM_NAME = "stroke-gateway triage"

CUT = Thresholds()


@dataclass(frozen=True, slots=True)
class Look:
    """One segment: its name in UIDs, what a reader sees, what it is, and its colour."""

    name: str
    label: str
    category: Code
    kind: Code
    rgb: tuple[int, int, int]
    modifier: Code | None = None


LESION = (
    Look(
        "core",
        f"Ischemic core (rCBF < {CUT.core_relative_cbf:.0%})",
        codes.ABNORMAL_STRUCTURE,
        codes.INFARCT,
        CORE_RGB,
    ),
    Look(
        "penumbra",
        f"Penumbra (Tmax > {CUT.hypoperfused_tmax_s:g} s minus core)",
        codes.ABNORMAL_STRUCTURE,
        codes.ISCHEMIA,
        HYPOPERFUSED_RGB,
    ),
)
"""Segments 1 and 2 of the lesion; every reader of the object relies on these numbers."""

FURTHER = (
    Look("tmax_gt_4", "Tmax > 4 s", codes.ABNORMAL_STRUCTURE, codes.ISCHEMIA, (255, 236, 140)),
    Look("tmax_gt_8", "Tmax > 8 s", codes.ABNORMAL_STRUCTURE, codes.ISCHEMIA, (255, 150, 50)),
    Look("tmax_gt_10", "Tmax > 10 s", codes.ABNORMAL_STRUCTURE, codes.ISCHEMIA, (220, 60, 160)),
    Look(
        "arterial",
        "Arterial input",
        codes.ANATOMICAL_STRUCTURE,
        codes.ARTERY,
        (255, 90, 90),
        codes.AUTOMATIC_INPUT,
    ),
    Look("venous", "Venous output", codes.ANATOMICAL_STRUCTURE, codes.VEIN, (90, 150, 255)),
)
"""Regions on demand, in the order of their numbers."""


def segmentation(findings: Findings, reference: Sequence[Dataset], origin: Origin) -> list[Dataset]:
    """Return the segmentation of core and penumbra; empty without any lesion.

    Parameters
    ----------
    findings
        Bool masks ``(Z, Y, X)``; the penumbra is hypoperfused and not core.
    reference
        The series of `reference_series`, one image per slice in the same order.
    origin
        Source and run.
    """
    masks = {"core": findings.core, "penumbra": findings.hypoperfused & ~findings.core}
    return _object(masks, LESION, reference, origin, KIND, _label(origin.revision))


def regions(findings: Findings, reference: Sequence[Dataset], origin: Origin) -> list[Dataset]:
    """Return the segmentation of later tissue and of the voxels that the curves come from; empty without any.

    The areas are those behind ``tmax_gt_4`` and its like in `TriageResult.volumes_ml`; they overlap.
    """
    tissue = findings.tissue_class == TissueClass.TISSUE
    masks = dict(late_areas(findings.maps, tissue, findings.geometry, CUT))
    if findings.arterial is not None:
        masks["arterial"] = _marked(findings, findings.arterial.arterial_voxels)
        masks["venous"] = _marked(findings, findings.arterial.venous_voxels)
    return _object(masks, FURTHER, reference, origin, REGIONS, "REGIONS")


def _marked(findings: Findings, voxels: NDArray[np.int64]) -> Mask:
    mask = np.zeros(findings.geometry.shape, bool)
    mask[tuple(voxels.T)] = True
    return mask


def _object(
    masks: Mapping[str, Mask],
    looks: Sequence[Look],
    reference: Sequence[Dataset],
    origin: Origin,
    kind: SeriesKind,
    label: str,
) -> list[Dataset]:
    stack = np.stack([masks[look.name] for look in looks if look.name in masks], axis=-1)
    if not stack.any():
        return []
    ds = Segmentation(
        source_images=reference,
        pixel_array=stack.astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=list(_descriptions([look for look in looks if look.name in masks], origin)),
        **origin.placed(kind),
        **origin.device,
        content_label=label,
        content_description=RESEARCH_USE,
    )
    origin.stamp(ds, kind)
    settle_dimensions(ds, origin, kind)
    return [ds]


def _label(revision: int) -> str:
    """Return the content label, at most 16 characters (PS3.5 6.2, CS).

    Examples
    --------
    >>> _label(1), _label(2)
    ('CORE_PENUMBRA', 'CORE_PENUM_R2')
    """
    return "CORE_PENUMBRA" if revision == 1 else f"CORE_PENUM_R{revision}"


def tracking_uid(name: str, origin: Origin) -> str:
    """Return the identifier of a finding across the objects of a revision."""
    return origin.uid(f"tracking {name}")


def _descriptions(looks: Sequence[Look], origin: Origin) -> Iterator[SegmentDescription]:
    algorithm = AlgorithmIdentificationSequence(
        name=ALGORITHM_NAME, version=origin.software_version, family=codes.ARTIFICIAL_INTELLIGENCE
    )
    for number, look in enumerate(looks, start=1):
        description = SegmentDescription(
            segment_number=number,
            segment_label=look.label,
            segmented_property_category=look.category,
            segmented_property_type=look.kind,
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=tracking_uid(look.name, origin),
            tracking_id=look.name,
            anatomic_regions=[codes.BRAIN],
            display_color=CIELabColor.from_rgb(*look.rgb),
        )
        if look.modifier:
            (kind,) = description.SegmentedPropertyTypeCodeSequence
            kind.SegmentedPropertyTypeModifierCodeSequence = [codes.item(look.modifier)]
        yield description


def settle_dimensions(ds: Dataset, origin: Origin, kind: SeriesKind) -> None:
    """Replace the random UID of the dimension organization, so that the same case gives the same bytes."""
    uid = origin.uid(f"dimensions {kind.role}")
    for item in (*ds.DimensionOrganizationSequence, *ds.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid
