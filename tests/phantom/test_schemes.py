"""Scans that are not taken frame by frame on an upright grid."""

from dataclasses import replace

import numpy as np
import pydicom
import pytest

from benchmarks.phantom import Patient, Scheme, make_patient
from benchmarks.population import SCHEDULES, under, with_lesion
from benchmarks.scanner import Part, write_study
from triage.types import Side

STILL = Patient(
    seed=4,
    matrix=64,
    slices=6,
    frames=14,
    core_ml=8,
    hypoperfused_ml=30,
    noise_hu=0.0,
    motion_mm=0.0,
    motion_deg=0.0,
)


@pytest.fixture(scope="module")
def upright():
    return make_patient(STILL)


@pytest.mark.parametrize("scheme", Scheme)
def test_every_scheme_starts_at_zero_and_goes_on_in_every_slice(scheme):
    time_s = replace(STILL, scheme=scheme).time_s()
    assert time_s.shape == (14, 6)
    assert time_s.min() == 0
    assert (np.diff(time_s, axis=0) > 0).all()


def test_a_sweep_passes_the_slices_one_after_the_other_and_back():
    time_s = replace(STILL, scheme=Scheme.SWEEP).time_s()
    assert (np.diff(time_s[0::2], axis=1) > 0).all()
    assert (np.diff(time_s[1::2], axis=1) < 0).all()
    low, middle = np.diff(time_s[:, 0]), np.diff(time_s[:, 2:4].mean(axis=1))
    np.testing.assert_allclose(middle, 1.5, atol=1e-9)
    assert low[0::2].min() > 2.0, "at an end, long and short intervals alternate"
    assert low[1::2].max() < 1.0


def test_a_slice_of_a_sweep_shows_the_curve_at_its_own_times():
    sweep = make_patient(replace(STILL, scheme=Scheme.SWEEP))
    dense = make_patient(replace(STILL, frames=141, frame_step_s=0.15))
    truth, z = sweep.truth, 1
    late = np.argwhere(truth.hypoperfused[z] & (truth.vessel_share[z] == 0))[::8]
    for y, x in late:
        expected = np.interp(
            sweep.series.time_s[:, z], dense.series.time_s[:, z], dense.series.hu[:, z, y, x]
        )
        np.testing.assert_allclose(sweep.series.hu[:, z, y, x], expected, atol=0.02)


def test_bursts_alternate_between_two_frames_of_each_half():
    time_s = replace(STILL, scheme=Scheme.BURSTS, frame_step_s=1.0).time_s()
    assert time_s[:4, 0].tolist() == [0, 1, 4, 5]
    assert time_s[:4, 5].tolist() == [2, 3, 6, 7]


def test_uneven_intervals_depend_on_the_seed_alone():
    one, same, other = (replace(STILL, scheme=Scheme.UNEVEN, seed=seed).time_s() for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert np.ptp(np.diff(one[:, 0])) > 0.5


def test_missing_frames_are_not_there_and_the_others_are_as_they_were():
    patient = replace(STILL, noise_hu=5.0, motion_mm=2.0)
    whole, torn = make_patient(patient), make_patient(replace(patient, missing=(3, 4, 9)))
    assert np.array_equal(torn.series.hu, np.delete(whole.series.hu, (3, 4, 9), axis=0))
    assert np.array_equal(torn.series.time_s, np.delete(whole.series.time_s, (3, 4, 9), axis=0))
    assert len(torn.truth.motion.translation_mm) == 11


@pytest.mark.parametrize("missing", [(0,), (14,)])
def test_frames_that_cannot_be_missing_are_refused(missing):
    with pytest.raises(ValueError, match="may be missing"):
        replace(STILL, missing=missing)


def test_a_tilted_scan_shows_the_same_head_along_its_own_planes(upright):
    tilted = make_patient(replace(STILL, tilt_deg=20.0))
    geometry = tilted.series.geometry
    z_axis, row_axis = geometry.affine[:3, 0], geometry.affine[:3, 1]
    assert np.degrees(np.arcsin(row_axis[2] / np.linalg.norm(row_axis))) == pytest.approx(20.0)
    assert z_axis[:2].tolist() == [0, 0], "the table moves along the patient"
    assert geometry.voxel_ml == pytest.approx(upright.series.geometry.voxel_ml)
    assert tilted.truth.hypoperfused_ml == pytest.approx(30, abs=geometry.voxel_ml)
    seen = np.linalg.inv(upright.series.geometry.affine) @ geometry.affine
    z, y, x = np.indices(geometry.shape)
    place = np.einsum("ij,jzyx->izyx", seen[:3], np.stack([z, y, x, np.ones_like(z)]))
    nearest = np.rint(place).astype(int)
    inside = ((nearest >= 0) & (nearest < np.array(geometry.shape)[:, None, None, None])).all(axis=0)
    brain = upright.truth.brain[tuple(nearest[:, inside])]
    agree = 2 * (brain & tilted.truth.brain[inside]).sum() / (brain.sum() + tilted.truth.brain[inside].sum())
    wrong = (
        2
        * (upright.truth.brain & tilted.truth.brain).sum()
        / (upright.truth.brain.sum() + tilted.truth.brain.sum())
    )
    assert agree > 0.93
    assert agree > wrong + 0.02, "without the tilt the two heads do not fit"


def test_a_tilted_head_moves_rigidly_in_the_patients_space():
    """A shift of one slice along the table shows the neighbouring slice, also where rows are tilted."""
    tilted = replace(STILL, tilt_deg=20.0, frames=3)
    patient = replace(tilted, motion_mm=2.0, motion_deg=2.0, bolus_arrival_s=0.0)
    still, moving = make_patient(tilted), make_patient(patient)
    assert not np.array_equal(moving.series.hu[-1], still.series.hu[-1])
    assert abs(moving.series.hu[0] - still.series.hu[0]).max() == 0


def test_tilt_is_written_as_scanners_write_it(tmp_path):
    phantom = make_patient(replace(STILL, tilt_deg=-15.0, slices=3, frames=2, core_ml=1, hypoperfused_ml=4))
    written = write_study(phantom, tmp_path, "ge", parts=(Part.PERFUSION,))
    images = sorted(
        map(pydicom.dcmread, written.files[Part.PERFUSION]), key=lambda d: d.ImagePositionPatient[2]
    )
    assert float(images[0].GantryDetectorTilt) == -15.0
    cosine, sine = np.cos(np.radians(-15.0)), np.sin(np.radians(-15.0))
    np.testing.assert_allclose(images[0].ImageOrientationPatient, [1, 0, 0, 0, cosine, sine], atol=1e-6)
    step = np.subtract(images[-1].ImagePositionPatient, images[0].ImagePositionPatient) / 2
    np.testing.assert_allclose(step, [0, 0, 5.0 / cosine], atol=1e-5)


@pytest.mark.parametrize(("slices", "slice_mm"), [(4, 10.0), (80, 1.25), (320, 0.5)])
def test_thick_and_thin_slices_hold_the_lesion(slices, slice_mm):
    phantom = make_patient(replace(STILL, slices=slices, slice_mm=slice_mm, frames=2))
    assert phantom.series.hu.shape == (2, slices, 64, 64)
    assert phantom.truth.hypoperfused_ml == pytest.approx(30, abs=2 * phantom.truth.geometry.voxel_ml)


def test_motion_along_the_axis_brings_anatomy_into_a_slab_of_thin_slices_and_no_air():
    thin = replace(STILL, slices=24, slice_mm=1.25, frames=4, motion_mm=3.0, bolus_arrival_s=0.0)
    phantom = make_patient(thin)
    assert abs(phantom.truth.motion.translation_mm[:, 2]).max() > 1.25
    assert phantom.series.hu[:, :, 24:40, 24:40].min() > -500


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_covers_the_plain_scans_time(name):
    patient = with_lesion(101, 10.0, 64)
    time_s = under(patient, SCHEDULES[name]).time_s()
    assert np.ptp(time_s, axis=0) == pytest.approx(np.ptp(patient.time_s()), abs=6.0)


def test_a_schedule_gives_every_position_the_same_exposure_in_sum():
    patient = with_lesion(101, 10.0, 64)
    for name in set(SCHEDULES) - {"shuttle, half the exposure", "lost frames"}:
        other = under(patient, SCHEDULES[name])
        assert other.frames / other.noise_hu**2 == pytest.approx(patient.frames / patient.noise_hu**2)
    assert patient.side is not Side.NONE
