"""Curves with known answers, and how well each method finds them: ``python -m benchmarks.designs [--osipi FILE]``.

The design is that of the digital phantom of Kudo 2013: seven mean transit times, five blood volumes, three residues
and seven delays, one curve each, without noise and with noise in every voxel. The reference curves of OSIPI are read
from ``dsc_data.csv`` when its path is given as an option or in the environment variable ``OSIPI_DSC_CSV``.

References
----------
Kudo 2013, Radiology 267:201 (design, 13 algorithms). OSIPI DCE-DSC-MRI code collection (reference curves, tolerances).
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve

from triage.deconvolution import InverseBank, deconvolve, fast_bank, inverse_bank
from triage.maps import Constants, Perfusion, perfusion
from triage.transit_model import posterior
from triage.types import Float32, Float64

UNITY = Constants(kappa=1.0, rho_g_per_ml=1.0)
"""Digital phantoms know no haematocrit and no density."""

TRANSITS_S = (24.0, 12.0, 8.0, 6.0, 4.8, 4.0, 24 / 7)
VOLUMES = (1.0, 2.0, 3.0, 4.0, 5.0)
DELAYS_S = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
RESIDUE_AREAS: dict[str, Callable[[Float64, float], Float64]] = {
    "exponential": lambda t, mtt: mtt * (1 - np.exp(-t / mtt)),
    "linear": lambda t, mtt: np.minimum(t, 2 * mtt) - np.minimum(t, 2 * mtt) ** 2 / (4 * mtt),
    "box": np.minimum,
}
"""Integral from 0 to t; all end at the mean transit time."""

SCAN_S, FINE_S = 60.0, 0.02
ARRIVAL_S, BOLUS_SCALE_S, BOLUS_PEAK_HU = 6.0, 1.2, 350.0
"""Gamma variate of order 3 that peaks 3.6 s after its arrival."""

NOISE_HU = 2.0
"""Of one sample of one voxel: what spatial averaging leaves of 8 to 10 HU."""

REPEATS = 20
"""Times the noisy design is drawn; correlations then repeat to the second decimal."""

LEAST_NOISE_HU = 0.5
"""What the transit model is told of curves without noise; its grid is no finer."""

LEAST = {"CBF": 0.975, "MTT": 0.99, "CBV": 0.995}
"""Correlations without noise that the default has to reach."""

BETTER_THAN = {"CBF": 0.88, "MTT": 0.60, "CBV": 0.90}
"""Correlations of oscillation-index SVD at the noise: the second method has to be above all three."""

STEP_TOLERANCE = 0.01
TMAX_TOLERANCE_S = 0.06
"""Largest change when the time step is halved: 1 %, for Tmax of its cut-off of 6 s."""

OVER_DELAY = 0.01
SLOPES = (0.97, 1.03)
OSIPI_TOLERANCES = {"CBF": (0.1, 15.0), "CBV": (0.1, 1.0)}
"""Relative and absolute, as its own tests have them."""

Row = tuple[str, str, str, bool | None]
"""What, bound, found, met; None where nothing was promised."""


@dataclass(frozen=True, slots=True)
class Design:
    """Curves float32 ``(R * V, N)`` of `repeats` R; truth ``(MTT, residue, delay, CBV)`` of V values each."""

    dt_s: float
    arterial_hu: Float64
    tissue_hu: Float32
    cbf: Float64
    cbv: Float64
    mtt_s: Float64
    delay_s: Float64
    noise_hu: float = 0.0


Method = Callable[[Design], Perfusion]
"""Design to CBF, CBV, MTT and signed Tmax, ``(R * V,)`` each."""


@cache
def kudo(dt_s: float = 1.0) -> Design:
    """The design without noise, sampled every `dt_s` seconds."""
    time_s = dt_s * np.arange(round(SCAN_S / dt_s), dtype=np.float64)
    fine_s = np.arange(0, SCAN_S + 2 * max(DELAYS_S), FINE_S)
    inflow, since_s = bolus(fine_s - FINE_S / 2), FINE_S * np.arange(fine_s.size + 1, dtype=np.float64)
    cbv = np.array(VOLUMES)
    curves = []
    for mtt in TRANSITS_S:
        for area in RESIDUE_AREAS.values():
            spread = fftconvolve(inflow, np.diff(area(since_s, mtt)))[: fine_s.size]
            curves += [np.outer(cbv / (100 * mtt), np.interp(time_s - d, fine_s, spread)) for d in DELAYS_S]
    axes = (np.array(TRANSITS_S), np.arange(len(RESIDUE_AREAS)), np.array(DELAYS_S), cbv)
    mtt_s, _, delay_s, volume = np.meshgrid(*axes, indexing="ij")
    tissue = np.concatenate(curves).astype(np.float32)
    return Design(dt_s, bolus(time_s), tissue, 60 * volume / mtt_s, volume, mtt_s, delay_s)


def bolus(time_s: Float64) -> Float64:
    """Arterial enhancement in HU."""
    after = np.clip(time_s - ARRIVAL_S, 0, None) / BOLUS_SCALE_S
    return np.asarray(BOLUS_PEAK_HU * (after / 3) ** 3 * np.exp(3 - after))


def noisy(design: Design, noise_hu: float = NOISE_HU, repeats: int = REPEATS, seed: int = 1) -> Design:
    """The design `repeats` times over with independent normal noise in every sample."""
    curves = np.tile(design.tissue_hu, (repeats, 1))
    noise = np.random.default_rng(seed).normal(0, noise_hu, curves.shape)
    return replace(design, tissue_hu=(curves + noise).astype(np.float32), noise_hu=noise_hu)


def by_deconvolution(design: Design, bank: Callable[[Float64, float], InverseBank]) -> Perfusion:
    """Perfusion by one bank of inverses, Tmax signed."""
    residue = deconvolve(design.tissue_hu, bank(design.arterial_hu, design.dt_s))
    values = perfusion(design.tissue_hu, design.arterial_hu, residue, UNITY)
    return replace(values, tmax_s=residue.tmax_s)


def by_transit_model(design: Design) -> Perfusion:
    """Perfusion by the second method, which is told the noise."""
    noise_hu = max(design.noise_hu, LEAST_NOISE_HU)
    return posterior(design.tissue_hu, design.arterial_hu, design.dt_s, noise_hu, UNITY)


def standard_bank(arterial_hu: Float64, dt_s: float) -> InverseBank:
    """Standard SVD (Ostergaard 1996): lower triangular, blind to tissue that is earlier than the artery."""
    lag = np.subtract.outer(np.arange(arterial_hu.size), np.arange(arterial_hu.size))
    toeplitz = np.where(lag >= 0, arterial_hu[np.abs(lag)], 0) * dt_s
    return InverseBank(np.linalg.pinv(toeplitz, rcond=0.2).astype(np.float32)[None], dt_s, 1.0, 0)


DEFAULT, FAST, SECOND = "oscillation-index SVD (default)", "fixed-threshold SVD 0.15 (fast)", "transit model"
METHODS: dict[str, Method] = {
    DEFAULT: partial(by_deconvolution, bank=inverse_bank),
    FAST: partial(by_deconvolution, bank=fast_bank),
    SECOND: by_transit_model,
    "peer: block-circulant SVD 0.10": partial(
        by_deconvolution, bank=partial(inverse_bank, truncations=(0.10,), soft_edge=0.0)
    ),
    "peer: oscillation-index SVD, hard cut": partial(
        by_deconvolution, bank=partial(inverse_bank, soft_edge=0.0)
    ),
    "peer: standard SVD 0.20": partial(by_deconvolution, bank=standard_bank),
}


def correlations(design: Design, found: Perfusion) -> dict[str, float]:
    """Correlation of CBF, MTT and CBV with the truth over all voxels."""
    pairs = {
        "CBF": (found.cbf, design.cbf),
        "MTT": (found.mtt_s, design.mtt_s),
        "CBV": (found.cbv, design.cbv),
    }
    return {
        name: float(np.corrcoef(values, np.resize(truth, values.size))[0, 1])
        for name, (values, truth) in pairs.items()
    }


def variation_over_delay(design: Design, found: Perfusion) -> float:
    """Largest standard deviation of CBF over the delays relative to its mean, all else equal."""
    cbf = found.cbf[: design.cbf.size].reshape(design.cbf.shape)
    return float((cbf.std(axis=2) / cbf.mean(axis=2)).max())


def delay_slope(design: Design, found: Perfusion) -> float:
    """Seconds of Tmax per second of delay."""
    return float(np.polyfit(np.resize(design.delay_s, found.tmax_s.size), found.tmax_s, 1)[0])


def step_changes(method: Method) -> dict[str, float]:
    """Largest change of any voxel when the time step is halved: relative, Tmax in seconds."""
    coarse, fine = method(kudo(1.0)), method(kudo(0.5))
    relative = {
        "CBF": fine.cbf / coarse.cbf - 1,
        "CBV": fine.cbv / coarse.cbv - 1,
        "MTT": fine.mtt_s / coarse.mtt_s - 1,
        "Tmax": fine.tmax_s - coarse.tmax_s,
    }
    return {name: float(np.abs(change).max()) for name, change in relative.items()}


def osipi_agreement(file: Path) -> list[bool]:
    """Whether the default finds CBF and CBV of each of OSIPI's curves within OSIPI's tolerances."""
    return [_within(*line.split(",")[1:]) for line in file.read_text().splitlines()[1:]]


def _within(tissue: str, artery: str, cbv: str, cbf: str, dt_s: str) -> bool:
    curve, inflow = np.array([tissue.split()], np.float32), np.array(artery.split(), np.float64)
    values = perfusion(curve, inflow, deconvolve(curve, inverse_bank(inflow, float(dt_s))), UNITY)
    pairs = {"CBF": (values.cbf[0], float(cbf)), "CBV": (values.cbv[0], float(cbv))}
    return all(
        abs(found - truth) <= OSIPI_TOLERANCES[name][1] + OSIPI_TOLERANCES[name][0] * truth
        for name, (found, truth) in pairs.items()
    )


def rows(osipi: Path | None = None, repeats: int = REPEATS) -> list[Row]:
    """The table: every bound on curves, and what the other methods reach beside it."""
    file = osipi or (Path(os.environ["OSIPI_DSC_CSV"]) if "OSIPI_DSC_CSV" in os.environ else None)
    clean = kudo(1.0)
    return [
        *_step_rows(DEFAULT),
        *_step_rows(FAST),
        *(row for name in METHODS for row in _clean_rows(name, clean)),
        *(row for name in METHODS for row in _noisy_rows(name, noisy(clean, repeats=repeats))),
        *([_osipi_row(osipi_agreement(file))] if file and file.exists() else []),
    ]


def _step_rows(name: str) -> Iterator[Row]:
    for value, change in step_changes(METHODS[name]).items():
        what = f"{name}: halving dt, largest change of {value}"
        if value == "Tmax":
            yield what, f"<= {TMAX_TOLERANCE_S} s", f"{change:.3f} s", change <= TMAX_TOLERANCE_S
        else:
            yield what, f"<= {STEP_TOLERANCE:.0%}", f"{change:.2%}", change <= STEP_TOLERANCE


def _clean_rows(name: str, design: Design) -> Iterator[Row]:
    found = METHODS[name](design)
    bound = name == DEFAULT
    for value, r in correlations(design, found).items():
        least = LEAST[value]
        yield _promised(f"{name}: no noise, r {value}", f">= {least}", f"{r:.4f}", r >= least, bound)
    follows = np.corrcoef(found.tmax_s, np.resize(design.delay_s, found.tmax_s.size))[0, 1]
    yield f"{name}: no noise, r Tmax with delay", "", f"{follows:.4f}", None
    varies, slope = variation_over_delay(design, found), delay_slope(design, found)
    what = f"{name}: no noise, largest variation of CBF over delay"
    yield _promised(what, f"<= {OVER_DELAY:.0%}", f"{varies:.2%}", varies <= OVER_DELAY, bound)
    low, high = SLOPES
    what = f"{name}: no noise, slope of Tmax over delay"
    yield _promised(what, f"{low} to {high}", f"{slope:.3f}", low <= slope <= high, bound)


def _noisy_rows(name: str, design: Design) -> Iterator[Row]:
    for value, r in correlations(design, METHODS[name](design)).items():
        least = BETTER_THAN[value]
        what = f"{name}: {design.noise_hu:g} HU, r {value}"
        yield _promised(what, f"> {least:.2f}", f"{r:.3f}", r > least, name == SECOND)


def _osipi_row(agrees: Sequence[bool]) -> Row:
    wanted, found = f"{len(agrees)} of {len(agrees)}", f"{sum(agrees)} of {len(agrees)}"
    return "OSIPI reference curves within their tolerances", wanted, found, all(agrees)


def _promised(what: str, bound: str, found: str, met: bool, promised: bool) -> Row:  # noqa: FBT001 - a table's cells
    return (what, bound, found, met) if promised else (what, "", found, None)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.designs", description=__doc__.splitlines()[0])
    parser.add_argument("--osipi", type=Path, help="dsc_data.csv of the OSIPI code collection")
    for what, bound, found, met in rows(parser.parse_args().osipi):
        print(f"{what:82} {bound:>12} {found:>10}  {'' if met is None else 'met' if met else 'MISSED'}")


if __name__ == "__main__":
    main()
