"""Core and penumbra as a DICOM Segmentation on the reference series.

BINARY, because viewers in the field shift the colours of label maps by one and would show the core as penumbra.
Both segments are always described, so that number 1 is the core in every object; a segment without voxels simply
has no frames. A patient without any lesion gets no segmentation: the pages say so.
"""

from collections.abc import Sequence

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from triage.types import Findings, Thresholds
from viewer_bridge.origin import MANUFACTURER, RESEARCH_USE, Origin, SeriesKind
from viewer_bridge.tiles import CORE_RGB, HYPOPERFUSED_RGB
from viewer_bridge.uids import Role

KIND = SeriesKind(Role.SEGMENTATION, 2, "SEG", "Core and penumbra - research, not for primary diagnosis")

ALGORITHM_NAME = "stroke-gateway triage"

INFARCT = Code("55641003", "SCT", "Infarct")
ISCHEMIA = Code("52674009", "SCT", "Ischemia")
"""SNOMED CT has no code for penumbra; ischemia is what it is."""

NO_SERIAL_NUMBER = "none"
"""The device is software; the module insists on a number (PS3.3 C.7.5.2)."""


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
    core, penumbra = findings.core, findings.hypoperfused & ~findings.core
    if not (core.any() or penumbra.any()):
        return []
    ds = Segmentation(
        source_images=reference,
        pixel_array=np.stack([core, penumbra], axis=-1).astype(np.uint8),
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=_descriptions(origin),
        series_instance_uid=origin.uid(KIND.role),
        series_number=origin.series_number(KIND),
        sop_instance_uid=origin.uid(KIND.role, 1),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=MANUFACTURER,
        software_versions=origin.software_version,
        device_serial_number=NO_SERIAL_NUMBER,
        content_label=_label(origin.revision),
        content_description=RESEARCH_USE,
        series_description=origin.described(KIND),
    )
    origin.stamp(ds)
    _settle_dimension_uid(ds, origin)
    return [ds]


def _label(revision: int) -> str:
    """Return the content label, at most 16 characters (PS3.5 6.2, CS).

    Examples
    --------
    >>> _label(1), _label(2)
    ('CORE_PENUMBRA', 'CORE_PENUM_R2')
    """
    return "CORE_PENUMBRA" if revision == 1 else f"CORE_PENUM_R{revision}"


def _descriptions(origin: Origin) -> list[SegmentDescription]:
    cut = Thresholds()
    algorithm = AlgorithmIdentificationSequence(
        name=ALGORITHM_NAME, version=origin.software_version, family=codes.cid7162.ArtificialIntelligence
    )
    rows = (
        ("core", f"Ischemic core (rCBF < {cut.core_relative_cbf:.0%})", INFARCT, CORE_RGB),
        (
            "penumbra",
            f"Penumbra (Tmax > {cut.hypoperfused_tmax_s:g} s minus core)",
            ISCHEMIA,
            HYPOPERFUSED_RGB,
        ),
    )
    return [
        SegmentDescription(
            segment_number=number,
            segment_label=label,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=kind,
            algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
            algorithm_identification=algorithm,
            tracking_uid=origin.uid(f"tracking {name}"),
            tracking_id=name,
            anatomic_regions=[codes.SCT.Brain],
            display_color=CIELabColor.from_rgb(*rgb),
        )
        for number, (name, label, kind, rgb) in enumerate(rows, start=1)
    ]


def _settle_dimension_uid(ds: Dataset, origin: Origin) -> None:
    """Replace the random UID of the dimension organization, so that the same case gives the same bytes."""
    uid = origin.uid("dimensions")
    for item in (*ds.DimensionOrganizationSequence, *ds.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid
