"""What can be told of a scan in which no artery was found."""

import numpy as np

from triage import masks
from triage.artefacts import cleaned
from triage.denoise import denoised
from triage.first_moment import LATE_TTP_S, relative_delay, time_to_peak
from triage.maps import only_time_to_peak
from triage.record import Record
from triage.stages import Head, Scan, enhancement_of
from triage.types import Findings, QualityFlag, Severity, TissueClass


def times_to_peak(scan: Scan, head: Head, record: Record, reason: str) -> Findings:
    """What can be said without an artery: which tissue peaks late. It is labelled as such, and never a volume."""
    geometry = head.geometry
    brain = head.inside & ~masks.fluid(head.unenhanced_hu, geometry)
    tissue = brain & masks.away_from_bone(head.unenhanced_hu, geometry)
    with record.stage("denoise"):
        curves = denoised(head.enhancement_hu[brain[head.inside]], brain, tissue, geometry)
        clean = enhancement_of(curves, head.bolus)
    with record.stage("assessment"):
        ttp_s = time_to_peak(clean, head.bolus.time_s, head.bolus.arrival_s)
        maps = only_time_to_peak(ttp_s, brain)
        delay_s = relative_delay(maps.ttp_s[tissue], head.plane.left(geometry)[tissue])
        late = np.zeros(brain.shape, dtype=bool)
        late[tissue] = delay_s > LATE_TTP_S
        late = cleaned(late, geometry)
    late_ml = float(late.sum()) * geometry.voxel_ml
    text = f"{reason}; time to peak only: {late_ml:.0f} ml peak more than {LATE_TTP_S:.1f} s late, which is not Tmax"
    record.quality.append(QualityFlag("no_arterial_input", Severity.SEVERE, text))
    classes = np.where(tissue, TissueClass.TISSUE, TissueClass.OUTSIDE).astype(np.uint8)
    nothing = np.zeros(brain.shape, dtype=bool)
    return Findings(geometry, scan.hu.mean(axis=0), maps, nothing, late, classes, None, scan.motion)
