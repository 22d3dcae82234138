"""The operating point: what the chain over-reads, and by how much, so that nominal thresholds mean what they say.

Deconvolution of a sampled, noisy curve cannot resolve the residue's sharp front. Its peak comes late, in healthy
tissue too, and it is lower the shorter the transit: healthy flow is under-read more than the flow of a core. At the
edge of a lesion, voxels that motion has mixed with healthy tissue look early, because healthy tissue is the brighter.
These errors were measured together, on simulated patients (45 frames, 1.5 s apart, 5 and 10 HU of noise, up to 3 mm
and 3 degrees of motion); the corrections are these constants and nothing else. ``benchmarks/calibrate.py`` measures
them again.

References
----------
Calamante 2010, Stroke 41:1169 (what Tmax measures).
"""

import numpy as np

from triage.types import Float32, Mask

HEALTHY_TMAX_S = 2.3
"""Tmax that healthy tissue is given; it measures 2.0 to 2.4 s when the input is a carotid artery.

With it the volume later than 6 s is right within 2 % in the mean: -0.5 ml at 10 HU and at 5 HU, of 32 ml. Another half
second would take away most of that, and bring healthy tissue of slow paths as much nearer to the limit."""

LARGEST_OFFSET_S = 2.0
"""Most that Tmax is moved: when the better half of the brain is later than that, it is not healthy."""

CORE_FLOW_OVERREAD = 1.1
"""Measured over true ratio of a core's flow to healthy flow.

With it the volume below 30 % is right in the mean: -0.2 ml at 10 HU, -0.4 ml at 5 HU, of 11 ml."""


def tmax_offset_s(tmax_s: Float32, tissue: Mask, left: Mask) -> float:
    """What to subtract from Tmax ``(Z, Y, X)``: the median of the better half of the `tissue`, less the healthy one.

    It is negative when the arterial input was taken late.
    """
    halves = [tmax_s[tissue & half] for half in (left, ~left)]
    medians = [float(np.median(half)) for half in halves if half.size]
    return float(
        np.clip(min(medians, default=HEALTHY_TMAX_S) - HEALTHY_TMAX_S, -LARGEST_OFFSET_S, LARGEST_OFFSET_S)
    )


def relative_flow(cbf: Float32, normal: Mask) -> Float32:
    """Flow as a share of the median of `normal`, corrected for what a core's flow over-reads; ``(Z, Y, X)``."""
    return np.asarray(cbf / (np.median(cbf[normal]) * np.float32(CORE_FLOW_OVERREAD)), dtype=np.float32)
