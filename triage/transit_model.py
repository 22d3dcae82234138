"""Second method: every plausible transit through tissue is weighed by how well it explains the curve.

The tissue curve is a blood volume times the arterial curve, delayed and spread by a residue of a few parameters. All
combinations of delay, mean transit time and shape on a grid are compared with the curve; the blood volume, in which
the model is linear, is integrated out in closed form. What is reported are posterior means. Nothing is inverted, so
that the errors of this method and those of deconvolution have different causes.

References
----------
Boutelier 2012, IEEE Trans Med Imaging 31:1381 (Bayesian estimation of the delayed tissue response).
Sasaki 2013, Neuroradiology 55:1197 (its accuracy on the digital phantom).
Bennink 2016, J Med Imaging 3:026003 (box-shaped residue with a delay).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.interpolate import CubicSpline

from triage.errors import InputError
from triage.maps import PERCENT, SECONDS_PER_MINUTE, Constants, Perfusion
from triage.types import Float32, Float64, Mask

DELAYS_S = np.arange(-4.0, 15.0, 1.0)
"""Delays of the tissue behind the arterial input that are weighed, all the same: collaterals of an occluded artery
come up to 10 s late, and the input may be measured beyond the occlusion, later than the other side's tissue."""

TRANSIT_TIMES_S = np.geomspace(2.0, 30.0, 12)
"""Mean transit times that are weighed: from half of normal to twice the 13.5 s of doomed tissue (Kamalian 2012)."""

USUAL_TRANSIT_S = 4.7
"""Median of the prior. Normal flow over volume is 13.2 per minute in the cortex, 11.5 in white matter and 18 in the
putamen, which is 3.3 to 5.2 s (Neurosci Bull 2014, 30:857, PET)."""

TRANSIT_SPREAD = 0.6
"""Standard deviation of the transit time's logarithm: normal tissue within one, 12 to 13.5 s (Kamalian 2012, Am J
Neuroradiol 33:545, tissue bound to die) within two."""

USUAL_VOLUME_ML_PER_100G = 2.6
"""Mean of the prior: halfway between white (1.9) and grey matter (3.3), Manhart 2013."""

VOLUME_SPREAD_ML_PER_100G = 2.6
"""Standard deviation of the prior: none at all and twice the usual volume are within one."""

FINE_S = 0.25
"""Step at which templates are computed: smooth curves sampled once a second need no finer one."""

DENOISED_NOISE_HU = 1.0
"""Noise to assume for denoised curves: what the projection leaves and what the model cannot explain. Between 0.5 and
1.5 the hypoperfused volumes of simulated patients are the same within a tenth; with 0.5, noise passes for core."""

UNSEEN = 0.02
"""Components of the curves below this share of the noise are left out of the comparison."""

USUAL_CONSTANTS = Constants()
"""The usual haematocrit and density."""

LATE_DELAY_S = 3.0
"""Delay behind the healthier half from which tissue is hypoperfused. Suomalainen 2022 (PMC10069177), Chen 2021, Front
Neurol 11:590766: the delay time that corresponds to Tmax > 6 s."""

CORE_RELATIVE_CBF = 0.38
"""Share of the flow of the normal half below which late tissue is core. Cereghino 2016: of all cut-offs the one whose
volumes were right (103 patients, bias 0.3 ml); 0.30 reads the cores of simulated patients a fifth too small."""

NEGLIGIBLE = np.float32(-60.0)
"""Log weight relative to the best that counts as none: smaller numbers are denormal, and slow."""

LOWEST = np.array([[0.0], [0.0], [0.0], [-np.inf]], np.float32)
"""Flow, volume and transit time are not negative; a delay may be."""

BLOCK_VOXELS = 512
"""Voxels weighed at once, so that their weights stay in the processor's cache."""

THREADS = 2
"""Blocks weighed side by side."""

RESIDUE_AREAS: dict[str, Callable[[Float64, float], Float64]] = {
    "box": np.minimum,
    "exponential": lambda since_s, transit_s: transit_s * (1 - np.exp(-since_s / transit_s)),
}
"""Integral of each residue from 0 to a time: the two extremes, equal transits and a well-mixed compartment."""


@dataclass(frozen=True, slots=True)
class _Templates:
    """Curves in HU per unit of blood volume, float64 ``(K, N)``, and the transit behind each, ``(K,)``."""

    curves_hu: Float64
    delay_s: Float64
    transit_s: Float64


@dataclass(frozen=True, slots=True)
class _Weighing:
    """What a block of curves needs: all that does not depend on the voxel, float32.

    A curve of ``R`` components has the blood volume ``curve @ gain + start`` ``(K,)`` under each template, and the log
    weight ``volume ** 2 * sharpness + prior``. `summands` ``(K, 3)`` are 1, delay and transit time.
    """

    gain: Float32
    start: Float32
    sharpness: Float32
    prior: Float32
    summands: Float32
    flow_per_volume: Float32


def posterior(
    tissue_hu: Float32,
    arterial_hu: Float64,
    dt_s: float,
    noise_hu: float,
    constants: Constants = USUAL_CONSTANTS,
) -> Perfusion:
    """Posterior means of CBF, CBV, MTT and delay of curves ``(V, N)`` sampled with `arterial_hu` ``(N,)``.

    `noise_hu` is the standard deviation of one sample of a tissue curve. The delay is signed and stands in the place
    of Tmax; where a curve says nothing, the means are those of the priors.

    Raises
    ------
    InputError
        When the arterial curve is not a finite, non-zero vector, the curves do not fit it or are not finite, or step
        or noise are not positive.
    """
    _check(tissue_hu, arterial_hu, dt_s, noise_hu)
    templates = _templates(arterial_hu, dt_s, constants)
    axes = _axes(tissue_hu, noise_hu * UNSEEN)
    weighing = _weighing(templates, axes, noise_hu)
    seen = tissue_hu @ axes.astype(np.float32)
    blocks = [seen[start : start + BLOCK_VOXELS] for start in range(0, max(1, len(seen)), BLOCK_VOXELS)]
    with ThreadPoolExecutor(THREADS) as pool:
        means = np.concatenate(list(pool.map(partial(_means, weighing=weighing), blocks)), axis=1)
    return Perfusion(*means)


def coarsened(curves_hu: Float32, voxels: Mask, factor: int = 2) -> tuple[Float32, Mask]:
    """Means of the curves ``(V, N)`` of `voxels` ``(Z, Y, X)`` over in-plane blocks at least half full of them.

    Returns curves ``(B, N)`` and their places, bool ``(Z, Y // factor, X // factor)``: the grid of
    ``Geometry.reduced(factor)``.
    """
    index = np.where(voxels, np.cumsum(voxels).reshape(voxels.shape) - 1, -1)
    _, rows, columns = (size // factor for size in voxels.shape)
    corners = np.stack(
        [index[:, y::factor, x::factor][:, :rows, :columns] for y in range(factor) for x in range(factor)]
    )
    count = (corners >= 0).sum(axis=0)
    places = np.asarray(count >= factor * factor / 2)
    sums = np.zeros((int(places.sum()), curves_hu.shape[1]), np.float32)
    for corner in corners:
        chosen = corner[places]
        sums[chosen >= 0] += curves_hu[chosen[chosen >= 0]]
    return sums / count[places, None].astype(np.float32), places


def lesion(values: Perfusion, voxels: Mask, left: Mask) -> tuple[Mask, Mask]:
    """Hypoperfused tissue and core within `voxels`, bool ``(Z, Y, X)`` each, before any cleaning.

    Delays count from the median of the healthier half, flows from the median of the half with less late tissue, which
    has no core; `left` bool ``(Z, Y, X)`` tells the halves apart.
    """
    side = left[voxels]
    halves = [half for half in (side, ~side) if half.any()]
    healthy_s = min((float(np.median(values.tmax_s[half])) for half in halves), default=0.0)
    late = values.tmax_s - healthy_s > LATE_DELAY_S
    affected = side if (late & side).sum() > (late & ~side).sum() else ~side
    normal = ~late & ~affected
    usual = float(np.median(values.cbf[normal])) if normal.any() else 0.0
    starved = late & affected & (values.cbf < CORE_RELATIVE_CBF * usual)
    return _volume(late, voxels), _volume(starved, voxels)


def _volume(column: Mask, voxels: Mask) -> Mask:
    volume = np.zeros(voxels.shape, dtype=bool)
    volume[voxels] = column
    return volume


def _check(tissue_hu: Float32, arterial_hu: Float64, dt_s: float, noise_hu: float) -> None:
    if arterial_hu.ndim != 1 or not np.isfinite(arterial_hu).all() or not arterial_hu.any() or dt_s <= 0:
        raise InputError("the arterial input must be a finite, non-zero curve with a positive time step")
    if tissue_hu.ndim != 2 or tissue_hu.shape[1] != arterial_hu.size:
        raise InputError(f"tissue curves {tissue_hu.shape} do not fit an input of {arterial_hu.size} samples")
    if not np.isfinite(tissue_hu).all():
        raise InputError("the tissue curves contain NaN or infinity")
    if not noise_hu > 0:
        raise InputError(f"the noise of the curves must be positive, got {noise_hu} HU")


def _templates(arterial_hu: Float64, dt_s: float, constants: Constants) -> _Templates:
    """Tissue curves of all combinations, each for 1 ml/100 g of blood."""
    time_s = dt_s * np.arange(arterial_hu.size)
    fine_s = np.arange(-FINE_S, time_s[-1] + FINE_S, FINE_S)
    middle_s = fine_s - FINE_S / 2
    inflow = np.where(middle_s < 0, 0, CubicSpline(time_s, arterial_hu)(np.clip(middle_s, 0, time_s[-1])))
    since_s = FINE_S * np.arange(fine_s.size + 1, dtype=np.float64)
    curves, choices = [], []
    for area in RESIDUE_AREAS.values():
        for transit_s in TRANSIT_TIMES_S:
            spread = np.convolve(inflow, np.diff(area(since_s, transit_s)) / transit_s)[: fine_s.size]
            curves += [np.interp(time_s - delay_s, fine_s, spread) for delay_s in DELAYS_S]
            choices += [(delay_s, transit_s) for delay_s in DELAYS_S]
    delay, transit = np.array(choices).T
    return _Templates(np.array(curves) / (PERCENT * constants.per_100g), delay, transit)


def _axes(tissue_hu: Float32, faint_hu: float) -> Float64:
    """Orthonormal time courses ``(N, R)`` that hold all of the curves but what is fainter than `faint_hu`.

    Denoised curves are mixtures of few shapes: comparing them there is exact, and ten times as fast.
    """
    starts = range(0, len(tissue_hu), BLOCK_VOXELS)
    blocks = (tissue_hu[start : start + BLOCK_VOXELS] for start in starts)
    gram = np.zeros((tissue_hu.shape[1], tissue_hu.shape[1]))
    for block in blocks:
        gram += block.T @ block
    power, axes = np.linalg.eigh(gram / max(1, len(tissue_hu)))
    return np.asarray(axes[:, power > faint_hu**2])


def _weighing(templates: _Templates, axes: Float64, noise_hu: float) -> _Weighing:
    """Gaussian noise, Gaussian prior of the volume: the integral over the volume in closed form."""
    curves = templates.curves_hu / noise_hu
    weight = VOLUME_SPREAD_ML_PER_100G**-2
    precision = weight + (curves**2).sum(axis=1)
    deviation = np.log(templates.transit_s / USUAL_TRANSIT_S) / TRANSIT_SPREAD
    summands = np.stack([np.ones_like(deviation), templates.delay_s, templates.transit_s], axis=1)
    return _Weighing(
        gain=(axes.T @ curves.T / (noise_hu * precision)).astype(np.float32),
        start=(USUAL_VOLUME_ML_PER_100G * weight / precision).astype(np.float32),
        sharpness=(precision / 2).astype(np.float32),
        prior=(-(deviation**2 + np.log(precision)) / 2).astype(np.float32),
        summands=summands.astype(np.float32),
        flow_per_volume=(SECONDS_PER_MINUTE / templates.transit_s).astype(np.float32),
    )


def _means(seen: Float32, weighing: _Weighing) -> Float32:
    """CBF, CBV, MTT and delay of a block of curves ``(v, R)``, float32 ``(4, v)``."""
    volume = seen @ weighing.gain
    volume += weighing.start
    weight = volume * volume
    weight *= weighing.sharpness
    weight += weighing.prior
    weight -= weight.max(axis=1, keepdims=True)
    np.maximum(weight, NEGLIGIBLE, out=weight)
    np.exp(weight, out=weight)
    total, delay, transit = (weight @ weighing.summands).T
    weight *= volume
    flow, blood = weight @ weighing.flow_per_volume, weight.sum(axis=1)
    means = np.stack([flow, blood, transit, delay]) / total
    return np.asarray(np.maximum(means, LOWEST), dtype=np.float32)
