"""The operating point: what the estimators over-read, and by how much, so that nominal thresholds mean what they say.

Deconvolution of a sampled, noisy curve cannot resolve the residue's sharp front. Its peak comes late, in healthy
tissue too, and it is lower the shorter the transit: healthy flow is under-read more than the flow of a core.
Both errors were measured on simulated patients (45 frames, 1.5 s apart, 5 and 10 HU noise); the corrections are
these constants and nothing else.

References
----------
Calamante 2010, Stroke 41:1169 (what Tmax measures).
"""

import numpy as np

from triage.types import Float32, Mask

HEALTHY_DELAY_S = 0.8
"""Tmax that healthy tissue is given: it lies 0.4 to 0.8 s behind the carotid artery and measures 2.0 to 2.8 s."""

LARGEST_OFFSET_S = 3.0
"""Most that is taken off Tmax: later than that, the better half of the brain is not healthy."""

CORE_FLOW_OVERREAD = 1.15
"""Measured over true ratio of a core's flow (transit 7 s) to healthy flow (4 s): 1.1 to 1.2 for all residue shapes."""


def tmax_offset_s(tmax_s: Float32, tissue: Mask, left: Mask) -> float:
    """What to subtract from Tmax ``(Z, Y, X)``: the median of the better half of the `tissue`, less its true delay."""
    halves = [tmax_s[tissue & half] for half in (left, ~left)]
    medians = [float(np.median(half)) for half in halves if half.size]
    return float(np.clip(min(medians, default=0.0) - HEALTHY_DELAY_S, 0.0, LARGEST_OFFSET_S))


def relative_flow(cbf: Float32, normal: Mask) -> Float32:
    """Flow as a share of the median of `normal`, corrected for what a core's flow over-reads; ``(Z, Y, X)``."""
    return np.asarray(cbf / (np.median(cbf[normal]) * np.float32(CORE_FLOW_OVERREAD)), dtype=np.float32)
