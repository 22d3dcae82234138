"""The same scan by another way, beside the first: what differs is a reason to look, not a better number."""

from triage.artefacts import cleaned
from triage.assessment import Assessment
from triage.disagreement import CORE_APART, near
from triage.stages import Head, Perfused, TissueCurves
from triage.transit_model import DENOISED_NOISE_HU, coarsened, lesion, posterior
from triage.types import SecondOpinion

TRANSIT_MODEL = "transit model"
NAMED_ARTERY = "named arterial input"

HYPOPERFUSED_APART = (10.0, 0.25)
"""Like `CORE_APART`, of hypoperfused volumes; the methods differ by up to 10 ml or a quarter among simulated patients."""

COARSENING = 2
"""Pixels averaged in each direction before the model is fitted; its volumes do not change."""


def by_transit_model(head: Head, curves: TissueCurves, first: Perfused) -> SecondOpinion:
    """Judge the scan by fitting transit and delay to each curve."""
    small = head.geometry.reduced(COARSENING)
    inputs, tissue = first.inputs, curves.tissue
    coarse, places = coarsened(curves.clean_hu[tissue[curves.brain]], tissue, COARSENING)
    fitted = posterior(coarse, inputs.arterial_hu, inputs.dt_s, DENOISED_NOISE_HU)
    late, core = lesion(fitted, places, head.plane.left(small))
    late = cleaned(late, small)
    core = cleaned(core & late, small)
    volumes_ml = (float(area.sum()) * small.voxel_ml for area in (core, late))
    return compared(TRANSIT_MODEL, first.assessment, *volumes_ml)


def compared(name: str, first: Assessment, core_ml: float, hypoperfused_ml: float) -> SecondOpinion:
    """Whether two ways of reading a scan agree.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> compared("transit model", SimpleNamespace(core_ml=20.0, hypoperfused_ml=80.0), 22.0, 120.0).text
    'core 22.0 ml, hypoperfused 120.0 ml'
    """
    agrees = near(first.core_ml, core_ml, CORE_APART) and near(
        first.hypoperfused_ml, hypoperfused_ml, HYPOPERFUSED_APART
    )
    text = f"core {core_ml:.1f} ml, hypoperfused {hypoperfused_ml:.1f} ml"
    return SecondOpinion(name, core_ml, hypoperfused_ml, agrees, text)
