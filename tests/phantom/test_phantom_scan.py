from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks.phantom import Patient, make_patient
from benchmarks.phantom.noise import NoisePool

SHARP = Patient(
    seed=6, matrix=512, slices=4, frames=4, core_ml=5, hypoperfused_ml=20, motion_mm=0, motion_deg=0
)


@pytest.fixture(scope="module")
def noise_hu():
    """Noise alone: a scan minus the same scan without noise, ``(T, Z, Y, X)``."""
    silent = make_patient(replace(SHARP, noise_hu=0.0)).series.hu
    return make_patient(SHARP).series.hu - silent


def autocorrelation(noise_hu, distance_mm, pixel_mm):
    power = (np.abs(np.fft.fft(noise_hu, axis=-1)) ** 2).mean(axis=tuple(range(noise_hu.ndim - 1)))
    per_mm = np.fft.fftfreq(noise_hu.shape[-1], pixel_mm)
    return (power * np.cos(2 * np.pi * per_mm * distance_mm)).sum() / power.sum()


def test_noise_has_the_promised_standard_deviation_everywhere(noise_hu):
    assert noise_hu.std() == pytest.approx(5.0, rel=0.02)
    assert noise_hu.mean() == pytest.approx(0.0, abs=0.05)
    quarters = noise_hu.reshape(4, 4, 2, 256, 2, 256).std(axis=(0, 1, 3, 5))
    np.testing.assert_allclose(quarters, 5.0, rtol=0.05)


def test_noise_is_correlated_in_plane_as_in_raw_ct_perfusion(noise_hu):
    assert autocorrelation(noise_hu, 0.49, 0.45) == pytest.approx(0.65, abs=0.03)
    assert autocorrelation(noise_hu, 0.98, 0.45) == pytest.approx(0.10, abs=0.04)
    assert abs(autocorrelation(noise_hu, 3.0, 0.45)) < 0.05


def test_noise_is_gaussian(noise_hu):
    standard = (noise_hu / noise_hu.std()).ravel()
    assert (standard**4).mean() == pytest.approx(3.0, abs=0.05)
    assert (standard**3).mean() == pytest.approx(0.0, abs=0.02)


def test_the_same_pixel_in_two_images_has_independent_noise():
    pool = NoisePool(np.random.default_rng(1), 128, 5.0)
    images = np.zeros((45, 128, 128), np.float32)
    for image in images:
        pool.add_to(image)
    correlation = np.corrcoef(images.reshape(45, -1))[np.triu_indices(45, 1)]
    assert abs(correlation).max() < 0.12
    assert abs(correlation.mean()) < 0.005


def test_noise_over_time_has_no_preferred_component():
    pool = NoisePool(np.random.default_rng(2), 256, 5.0)
    images = np.zeros((45, 256, 256), np.float32)
    for image in images:
        pool.add_to(image)
    spread = np.linalg.eigvalsh(np.cov(images[:, ::4, ::4].reshape(45, -1))) / images.var()
    assert spread.min() > 0.6
    assert spread.max() < 1.5, "45 frames and 4096 independent pixels: Marchenko-Pastur ends at 1.22"


def test_a_coarser_matrix_averages_noise_as_pixels_do():
    pool = NoisePool(np.random.default_rng(3), 128, 5.0)
    image = np.zeros((128, 128), np.float32)
    pool.add_to(image)
    assert 1.5 < image.std() < 3.5


def test_the_non_contrast_scan_has_half_the_noise():
    noisy, silent = (make_patient(replace(SHARP, noise_hu=sd)).non_contrast_hu for sd in (8.0, 0.0))
    assert (noisy - silent).std() == pytest.approx(4.0, rel=0.05)


def test_the_head_rests_before_the_bolus_and_reaches_its_limits_after(restless):
    motion, time_s = restless.truth.motion, restless.series.time_s[:, 0]
    before = time_s <= restless.patient.bolus_arrival_s
    assert before.sum() >= 5
    assert not motion.translation_mm[before].any()
    assert abs(motion.translation_mm).max() == pytest.approx(2.0)
    assert abs(motion.rotation_deg).max() == pytest.approx(1.5)


def test_undoing_the_true_motion_brings_frames_back_to_the_resting_head(restless, quiet):
    geometry = restless.series.geometry
    worst = int(np.linalg.norm(restless.truth.motion.translation_mm, axis=1).argmax())
    rest, frame = quiet.series.hu[worst, 2:-2], restless.series.hu[worst]
    pose = sitk.Euler3DTransform(
        (0.0, 0.0, 0.0),
        *np.radians(restless.truth.motion.rotation_deg[worst]).tolist(),
        restless.truth.motion.translation_mm[worst].tolist(),
    )

    def mismatch(transform):
        image = geometry.to_sitk(np.clip(frame, -100, 200))
        back = sitk.GetArrayFromImage(sitk.Resample(image, image, transform, sitk.sitkLinear, -100.0))
        return np.abs(back[2:-2] - np.clip(rest, -100, 200)).mean()

    assert mismatch(pose) < 0.7 * mismatch(sitk.Transform()), (
        "two interpolations leave the skull's edge blurred"
    )
    assert mismatch(pose.GetInverse()) > mismatch(sitk.Transform()), "the sign of the truth matters"
