"""Noise out, lesions kept: what is late stays late, what is small stays, what is bright does not leak."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage
from scipy.stats import gamma

from triage.bilateral import REACH_THROUGH_MM, Kernel, bilateral
from triage.calibration import HEALTHY_TMAX_S, LARGEST_OFFSET_S, relative_flow, tmax_offset_s
from triage.deconvolution import deconvolve, inverse_bank
from triage.denoise import denoised, temporal_basis
from triage.gaussian import FWHM_MM, FWHM_THROUGH_MM, gaussian
from triage.types import Geometry

TIME_S = np.arange(60.0)
SHAPE = (6, 60, 60)
GEOMETRY = Geometry.axial(SHAPE, (5.0, 1.8, 1.8), (0.0, 0.0, 0.0))
SPACING_MM = (5.0, 1.8, 1.8)
NOISE_HU = 8.0
VERY_LATE_S = 14.0


def first_pass(arrival_s, transit_s, height_hu):
    """Arterial input through a box of transit times, at unit area per second of it."""
    fine = np.arange(0, 60, 0.1)
    artery = gamma.pdf(fine - arrival_s, 4, scale=2.0)
    tissue = np.convolve(artery, np.ones(round(transit_s * 10)) / (transit_s * 10))[: fine.size]
    return height_hu * np.interp(TIME_S, fine, tissue) / artery.max()


@dataclass(frozen=True)
class Scan:
    """Curves of all voxels of `brain`, without and with noise, and where the small very late cluster is."""

    clean: np.ndarray
    noisy: np.ndarray
    brain: np.ndarray
    tissue: np.ndarray
    cluster: np.ndarray
    vessel: np.ndarray


@pytest.fixture(scope="module")
def scan():
    """Healthy grey and white matter, a bright vessel, and 3 ml of tissue that is later than everything else."""
    z, y, x = np.indices(SHAPE)
    brain = np.hypot(y - 30, x - 30) < 28
    white = (x // 10) % 2 == 0
    cluster = brain & (np.abs(z - 3) <= 1) & (np.hypot(y - 24, x - 18) < 4.6)
    vessel = brain & (np.hypot(y - 40, x - 42) < 2)
    volume = np.where(white[..., None], first_pass(9.0, 5.0, 9.0), first_pass(8.6, 4.0, 18.0))
    volume[cluster] = first_pass(8.5 + VERY_LATE_S, 7.0, 8.0)
    volume[vessel] = first_pass(8.5, 1.0, 250.0)
    clean = (volume + 35.0)[brain].astype(np.float32)
    noise = NOISE_HU * np.random.default_rng(5).standard_normal(clean.shape, dtype=np.float32)
    return Scan(clean, clean + noise, brain, brain & ~vessel, cluster[brain], vessel[brain])


def without_mean(curves):
    return curves - curves.mean(axis=1, keepdims=True)


def tmax_s(curves):
    bank = inverse_bank(first_pass(8.5, 1.0, 300.0), 1.0)
    return deconvolve((curves - curves[:, :8].mean(axis=1, keepdims=True)).astype(np.float32), bank).tmax_s


def rms(curves):
    return float(np.sqrt(np.mean(curves**2)))


def found_late(curves, scan):
    """Overlap of what is later than half the cluster's delay with the cluster."""
    late = (tmax_s(curves) > VERY_LATE_S / 2) & ~scan.vessel
    return 2 * (late & scan.cluster).sum() / (late.sum() + scan.cluster.sum())


def test_noise_falls_to_a_tenth(scan):
    mine = denoised(scan.noisy, scan.brain, scan.tissue, GEOMETRY)
    left = (mine - without_mean(scan.clean))[~scan.vessel]
    assert rms(left) < 0.1 * NOISE_HU


def test_a_small_very_late_cluster_keeps_its_delay(scan):
    mine = tmax_s(denoised(scan.noisy, scan.brain, scan.tissue, GEOMETRY))[scan.cluster]
    true = np.median(tmax_s(scan.clean)[scan.cluster])
    assert np.median(mine) == pytest.approx(true, abs=0.7)
    assert np.percentile(mine, 10) == pytest.approx(true, abs=2.0)


def test_edges_are_kept_better_than_by_distance_alone(scan):
    mine = found_late(denoised(scan.noisy, scan.brain, scan.tissue, GEOMETRY), scan)
    plain = found_late(gaussian(scan.noisy, scan.brain, scan.tissue, GEOMETRY), scan)
    assert mine > 0.97
    assert plain < 0.9


def test_curves_without_noise_stay_as_they_are(scan):
    same = denoised(scan.clean, scan.brain, scan.tissue, GEOMETRY)
    assert np.abs(same - without_mean(scan.clean))[~scan.vessel].max() < 0.05


@pytest.mark.parametrize("denoiser", [denoised, gaussian])
def test_vessels_neither_leak_nor_are_averaged(scan, denoiser):
    brighter = scan.noisy + np.where(scan.vessel, 10.0, 0.0)[:, None] * first_pass(8.5, 1.0, 20.0)
    brighter = brighter.astype(np.float32)
    one, other = (denoiser(c, scan.brain, scan.tissue, GEOMETRY) for c in (scan.noisy, brighter))
    assert np.abs(other - one)[~scan.vessel].max() < 1e-3
    assert np.ptp(other[scan.vessel], axis=1).min() > np.ptp(one[scan.vessel], axis=1).min()


def test_late_tissue_of_slow_paths_outlasts_coarse_noise():
    """Grains as wide as the blocks that shapes are learnt from, without low frequencies, as reconstruction leaves them."""
    _, y, x = np.indices(SHAPE)
    brain, late = np.hypot(y - 30, x - 30) < 28, np.hypot(y - 30, x - 16) < 9
    noise = np.random.default_rng(0).standard_normal((*SHAPE, 60), dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0, 1.0, 1.0, 0))
    noise -= ndimage.gaussian_filter(noise, (0, 1.5, 1.5, 0))
    true = np.where(late[..., None], two_paths(15.0, 8.0), two_paths(8.5, 16.0))
    curves = (true + 12.0 * noise / noise.std())[brain].astype(np.float32)
    found, meant = tmax_s(denoised(curves, brain, brain, GEOMETRY)), tmax_s(true[brain])
    for area in (late[brain], ~late[brain]):
        assert np.median(found[area]) == pytest.approx(np.median(meant[area]), abs=1.0)


def two_paths(arrival_s, height_hu):
    """Most of the blood takes a fast path, the rest a slow one."""
    return 0.7 * first_pass(arrival_s, 2.0, height_hu) + 0.3 * first_pass(arrival_s, 16.0, height_hu)


def test_shapes_are_orthonormal_and_without_a_mean(scan):
    shapes = temporal_basis(scan.noisy, scan.brain, scan.tissue, GEOMETRY).shapes
    assert shapes.T @ shapes == pytest.approx(np.eye(shapes.shape[1]), abs=1e-5)
    assert shapes.sum(axis=0) == pytest.approx(0, abs=1e-4)


def test_the_weights_are_gaussian_in_place_and_guide():
    rng = np.random.default_rng(1)
    shape, spacing, kernel = (3, 9, 8), (5.0, 2.0, 2.0), Kernel(reach_mm=3.0, stride_mm=2.0)
    values, guides = (rng.standard_normal((2, *shape)).astype(np.float32) for _ in range(2))
    tissue = rng.random(shape) < 0.8
    found = bilateral(values, guides, tissue, spacing, kernel)
    places = np.argwhere(tissue)
    for place in places[::7]:
        away = (places - place) * spacing / (REACH_THROUGH_MM, kernel.reach_mm, kernel.reach_mm)
        near = (np.abs(places[:, 0] - place[0]) <= 1) & (np.hypot(away[:, 1], away[:, 2]) <= 2)
        there = tuple(places[near].T)
        unlike = guides[(slice(None), *there)] - guides[(slice(None), *place)][:, None]
        weight = np.exp(-0.5 * (away[near] ** 2).sum(axis=1) - (unlike**2).sum(axis=0))
        assert found[(slice(None), *place)] == pytest.approx(
            values[(slice(None), *there)] @ weight / weight.sum(), abs=1e-5
        )
    assert (found[:, ~tissue] == values[:, ~tissue]).all()


def test_the_plain_filter_has_its_width_and_keeps_what_is_even():
    tissue = np.ones((21, 41, 41), bool)
    geometry = Geometry.axial(tissue.shape, (2.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    curves = np.zeros((tissue.size, 2), np.float32)
    curves[:, 1] = 7.0
    curves[np.ravel_multi_index((10, 20, 20), tissue.shape), 0] = 1.0
    smooth = gaussian(curves, tissue, tissue, geometry)
    assert smooth[:, 1] == pytest.approx(7.0)
    spread = smooth[:, 0].reshape(tissue.shape)
    for axis, width in enumerate((FWHM_THROUGH_MM, FWHM_MM, FWHM_MM)):
        profile = spread.sum(axis=tuple({0, 1, 2} - {axis}))
        position = (np.arange(profile.size) - profile.size // 2) * geometry.spacing_mm[axis]
        variance = (profile * position**2).sum() / profile.sum()
        assert np.sqrt(8 * np.log(2) * variance) == pytest.approx(width, rel=0.05)


@pytest.mark.parametrize(
    ("healthy_s", "offset_s"),
    [(HEALTHY_TMAX_S + 0.5, 0.5), (HEALTHY_TMAX_S - 0.4, -0.4), (HEALTHY_TMAX_S + 9, LARGEST_OFFSET_S)],
)
def test_healthy_tissue_is_given_its_tmax_however_late_the_other_half_is(healthy_s, offset_s):
    left = np.indices((1, 4, 4))[2] >= 2
    tmax = np.where(left, healthy_s + 5, healthy_s).astype(np.float32)
    assert tmax_offset_s(tmax, np.ones_like(left), left) == pytest.approx(offset_s, abs=1e-6)


def test_no_tissue_has_no_offset():
    nothing = np.zeros((1, 2, 2), bool)
    assert tmax_offset_s(np.zeros(nothing.shape, np.float32), nothing, nothing) == 0


def test_relative_flow_does_not_depend_on_the_unit_of_flow():
    cbf = np.array([10.0, 40.0, 40.0, 60.0], np.float32)
    normal = np.array([False, True, True, True])
    assert relative_flow(3 * cbf, normal) == pytest.approx(relative_flow(cbf, normal))
