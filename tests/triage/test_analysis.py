"""The whole protocol on a drawn head: volumes, sides, refusals, and what the result promises."""

import json
from dataclasses import replace

import numpy as np
import pytest

from triage.analysis import Method, analyse
from triage.arterial import NamedVoxelsError
from triage.deconvolution import deconvolve, fast_bank
from triage.errors import InputError
from triage.types import CtpSeries, Estimator, Geometry, Severity, Side, Status, TriageResult

STAGES = {
    *("reduce", "motion", "masks", "arterial_input", "denoise", "deconvolution", "assessment"),
    *("second_look", "total"),
}
VOLUMES = {
    *("tmax_gt_4", "tmax_gt_6", "tmax_gt_8", "tmax_gt_10"),
    *("rcbf_lt_20", "rcbf_lt_30", "rcbf_lt_34", "rcbf_lt_38"),
}


def tick():
    """A clock that counts its own calls."""
    tick.calls += 1
    return float(tick.calls)


tick.calls = 0


@pytest.fixture(scope="module")
def analysis(drawn):
    return analyse(drawn.series, clock=tick)


def refused(series):
    analysis = analyse(series, clock=tick)
    assert analysis.findings is None
    assert analysis.result.status is Status.NOT_ANALYSED
    assert analysis.result.core_ml is None
    return analysis.result


def test_volumes_are_those_that_were_drawn(analysis, drawn):
    result = analysis.result
    assert result.status is Status.ANALYSED
    assert result.hypoperfused_ml == pytest.approx(drawn.ml(drawn.late), abs=8)
    assert result.core_ml == pytest.approx(drawn.ml(drawn.core), abs=8)


def test_masks_lie_where_they_were_drawn(analysis, drawn):
    def dice(found, truth):
        return 2 * (found & truth).sum() / (found.sum() + truth.sum())

    assert dice(analysis.findings.hypoperfused, drawn.late) > 0.9
    assert dice(analysis.findings.core, drawn.core) > 0.75


@pytest.mark.parametrize(("side", "turn_deg"), [("left", 10.0), ("right", 0.0), ("right", -10.0)])
def test_the_side_is_the_patients_own(drawing, side, turn_deg):
    assert analyse(drawing(side=side, turn_deg=turn_deg).series, clock=tick).result.side == side


def test_a_mirrored_head_swaps_the_side(drawn):
    mirrored = replace(drawn.series, hu=drawn.series.hu[..., ::-1].copy())
    assert analyse(mirrored, clock=tick).result.side is Side.RIGHT


def test_pixels_stored_from_the_other_side_change_nothing(drawn, analysis):
    geometry = drawn.series.geometry
    affine = geometry.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (geometry.shape[2] - 1)
    affine[:3, 2] *= -1
    same = CtpSeries(
        drawn.series.hu[..., ::-1].copy(), drawn.series.time_s.copy(), Geometry(geometry.shape, affine)
    )
    result = analyse(same, clock=tick).result
    assert result.side is Side.LEFT
    assert result.hypoperfused_ml == pytest.approx(analysis.result.hypoperfused_ml, abs=1)


def test_a_healthy_head_has_no_lesion(drawing):
    result = analyse(drawing(side="none").series, clock=tick).result
    assert result.side is Side.NONE
    assert (result.core_ml, result.hypoperfused_ml, result.mismatch_ratio) == (0, 0, None)


def test_slices_taken_at_different_times_give_the_same_numbers(drawing, analysis):
    shuttled = analyse(drawing(shuttle_s=1.4).series, clock=tick).result
    assert shuttled.hypoperfused_ml == pytest.approx(analysis.result.hypoperfused_ml, abs=4)
    assert shuttled.core_ml == pytest.approx(analysis.result.core_ml, abs=3)


def test_ignoring_the_time_of_each_slice_would_be_noticed(drawing):
    """Negative control: the same shuttle scan with one time for all slices."""
    series = drawing(shuttle_s=5.0, side="none", noise_hu=1.0).series
    together = replace(series, time_s=np.repeat(series.time_s[:, :1], series.hu.shape[1], axis=1))
    right, wrong = (analyse(s, clock=tick).findings.maps for s in (series, together))
    tops = [np.nanmedian(maps.tmax_s[-2]) - np.nanmedian(maps.tmax_s[1]) for maps in (right, wrong)]
    assert abs(tops[0]) < 1
    assert abs(tops[1]) > 2


def test_sampling_twice_as_often_gives_the_same_maps(drawing):
    settings = {"noise_hu": 0.0, "side": "none", "slices": 5}
    sparse = analyse(drawing(dt_s=1.0, frames=60, **settings).series, clock=tick).findings.maps
    dense = analyse(drawing(dt_s=0.5, frames=120, **settings).series, clock=tick).findings.maps
    for name in ("cbf_ml_per_100g_min", "cbv_ml_per_100g", "mtt_s"):
        first, second = np.nanmedian(getattr(sparse, name)), np.nanmedian(getattr(dense, name))
        assert first == pytest.approx(second, rel=0.01), name


def test_masks_and_volumes_agree(analysis):
    result, findings = analysis.result, analysis.findings
    assert set(result.volumes_ml) == VOLUMES
    assert (
        result.core_ml == result.volumes_ml["rcbf_lt_30"] == findings.core.sum() * findings.geometry.voxel_ml
    )
    assert result.hypoperfused_ml == result.volumes_ml["tmax_gt_6"]
    assert result.mismatch_ml == result.hypoperfused_ml - result.core_ml
    assert result.mismatch_ratio == pytest.approx(result.hypoperfused_ml / result.core_ml)
    assert not (findings.core & ~findings.hypoperfused).any()
    assert sorted(result.volumes_ml) == sorted(VOLUMES)
    assert result.hypoperfusion_intensity_ratio == result.volumes_ml["tmax_gt_10"] / result.hypoperfused_ml
    assert 0 < result.cbv_index < 1.2


def test_maps_are_missing_outside_the_brain_and_nowhere_inside(analysis):
    maps = analysis.findings.maps
    for name in ("cbf_ml_per_100g_min", "cbv_ml_per_100g", "mtt_s", "tmax_s"):
        values = getattr(maps, name)
        assert values.dtype == np.float32
        np.testing.assert_array_equal(np.isnan(values), ~maps.brain)


def test_every_stage_is_timed_by_the_callers_clock(analysis):
    assert set(analysis.result.timing_s) == STAGES
    parts = sum(seconds for name, seconds in analysis.result.timing_s.items() if name != "total")
    assert 0 < parts < analysis.result.timing_s["total"]


def test_the_result_survives_json(analysis):
    plain = json.loads(json.dumps(analysis.result.to_json()))
    assert TriageResult.from_json(plain).to_json() == analysis.result.to_json()


def test_arrays_of_the_findings_are_read_only(analysis):
    findings = analysis.findings
    for array in (findings.core, findings.mean_hu, findings.maps.tmax_s, findings.arterial.arterial_hu):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_the_series_is_left_as_it_was(drawing):
    series = drawing(frames=30).series
    before = series.hu.copy()
    analyse(series, clock=tick)
    np.testing.assert_array_equal(series.hu, before)


def test_another_deconvolver_is_used_when_given(drawn):
    shapes = []

    def counting(tissue_hu, bank):
        shapes.append(tissue_hu.shape)
        return deconvolve(tissue_hu, bank)

    analyse(drawn.series, clock=tick, method=Method(deconvolve=counting))
    assert len(shapes) == 1


def test_every_volume_has_an_interval_that_holds_it(analysis):
    result = analysis.result
    assert VOLUMES | {"core_ml", "hypoperfused_ml", "mismatch_ml", "mismatch_ratio"} == set(result.intervals)
    numbers = result.volumes_ml | {
        name: getattr(result, name) for name in ("core_ml", "hypoperfused_ml", "mismatch_ml")
    }
    for name, value in numbers.items():
        assert result.intervals[name].holds(value), name
        assert result.intervals[name].high > result.intervals[name].low >= 0


def test_the_same_scan_gives_the_same_intervals(analysis, drawn):
    assert analyse(drawn.series, clock=tick).result.intervals == analysis.result.intervals


def test_what_stands_beside_the_numbers(analysis, drawn):
    result = analysis.result
    assert result.estimator is Estimator.DECONVOLUTION
    assert set(result.nominal_ml) == {"core_ml", "hypoperfused_ml"}
    assert result.nominal_ml["core_ml"] != result.core_ml
    assert "right hemisphere" in result.reference
    assert sum(result.territories_ml.values()) == pytest.approx(result.hypoperfused_ml)
    (model,) = result.opinions
    assert model.hypoperfused_ml == pytest.approx(drawn.ml(drawn.late), rel=0.25)


def test_a_named_artery_gives_a_second_result_beside_the_first(analysis, drawn):
    found = analysis.findings.arterial.arterial_voxels
    twice = analyse(drawn.series, clock=tick, arterial_voxels=found).result
    assert twice.core_ml == analysis.result.core_ml
    assert [opinion.name for opinion in twice.opinions] == ["transit model", "named arterial input"]
    assert twice.opinions[1].core_ml == pytest.approx(analysis.result.core_ml, abs=2)
    assert twice.opinions[1].agrees


@pytest.mark.parametrize(
    ("voxel", "message"), [((99, 0, 0), "outside the grid"), ((0, 0, 0), "outside the brain")]
)
def test_a_named_voxel_that_is_none_is_the_callers_mistake(drawn, voxel, message):
    with pytest.raises(NamedVoxelsError, match=message):
        analyse(drawn.series, clock=tick, arterial_voxels=np.array([voxel]))


def test_the_fast_method_says_about_the_same(analysis, drawn):
    fast = analyse(drawn.series, clock=tick, method=Method(bank=fast_bank)).result
    assert fast.hypoperfused_ml == pytest.approx(analysis.result.hypoperfused_ml, rel=0.15)


def test_thin_slices_are_averaged_to_slabs(drawing):
    series = drawing(slices=30, slice_mm=2.0, frames=32).series
    findings = analyse(series, clock=tick).findings
    assert findings.geometry.shape[0] == 15
    assert findings.geometry.affine[2, 3] == pytest.approx(series.geometry.affine[2, 3] + 1.0)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"frames": 19}, "only 19 frames"),
        ({"frames": 30, "dt_s": 1.0}, "29 s is too short"),
        ({"frames": 20, "dt_s": 4.5}, "one frame every 4.5 s is too sparse"),
        ({"bolus_hu": 0.0}, "no contrast bolus"),
        ({"arrival_s": 500.0}, "no contrast bolus"),
    ],
    ids=["few frames", "short", "sparse", "no injection", "bolus after the scan"],
)
def test_a_refusal_names_its_reason(drawing, settings, reason):
    assert reason in refused(drawing(**settings).series).reason


def test_a_scan_without_a_head_is_refused(drawn):
    water = np.random.default_rng(0).normal(0, 5, drawn.series.hu.shape).astype(np.float32)
    assert "no brain" in refused(replace(drawn.series, hu=water)).reason


def test_a_head_without_tissue_is_refused(drawn):
    """Only the vessels keep what they were; all other soft parts are as thin as water."""
    hu = drawn.series.hu.copy()
    first = hu[0]
    hu[:, (np.abs(first) < 60) & (np.ptp(hu, axis=0) < 60)] = 2.0
    assert "brain" in refused(replace(drawn.series, hu=hu)).reason


def test_a_scan_without_vessels_tells_times_to_peak_and_no_numbers(drawn):
    """Tissue that fills slowly and keeps the contrast is not a first pass."""
    rising = np.linspace(0, 60, len(drawn.series.hu), dtype=np.float32)[:, None, None, None]
    filling = drawn.series.hu[:1] + rising * (np.abs(drawn.series.hu[:1] - 30) < 25)
    analysis = analyse(replace(drawn.series, hu=filling), clock=tick)
    result, findings = analysis.result, analysis.findings
    assert (result.status, result.estimator) == (Status.ANALYSED, Estimator.TIME_TO_PEAK)
    assert not result.trusted
    assert (result.core_ml, result.hypoperfused_ml, result.volumes_ml) == (None, None, {})
    assert "no arterial input" in next(
        flag.text for flag in result.quality if flag.code == "no_arterial_input"
    )
    assert findings.arterial is None
    assert np.isfinite(findings.maps.ttp_s[findings.maps.brain]).all()
    assert np.isnan(findings.maps.tmax_s).all()


def test_a_refusal_keeps_what_was_already_known(drawing):
    result = refused(drawing(frames=19).series)
    assert "coverage" in {flag.code for flag in result.quality}
    assert "total" in result.timing_s


def test_missing_pixels_are_the_callers_mistake(drawn):
    hu = drawn.series.hu.copy()
    hu[3, 2, 5, 5] = np.nan
    with pytest.raises(InputError, match="NaN"):
        analyse(replace(drawn.series, hu=hu), clock=tick)


def test_a_single_frame_is_the_callers_mistake(drawn):
    single = replace(drawn.series, hu=drawn.series.hu[:1], time_s=drawn.series.time_s[:1])
    with pytest.raises(InputError, match="two frames"):
        analyse(single, clock=tick)


def test_a_weak_bolus_is_flagged(drawing):
    result = analyse(drawing(bolus_hu=70.0, noise_hu=1.0).series, clock=tick).result
    assert "weak_bolus" in {flag.code for flag in result.quality}


def test_a_scan_that_ends_early_is_flagged(drawing):
    result = analyse(drawing(frames=26, dt_s=1.5, arrival_s=14.0).series, clock=tick).result
    assert "truncated" in {flag.code for flag in result.quality}


def test_a_clean_scan_is_trusted(analysis):
    assert analysis.result.trusted
    warned = {flag.code for flag in analysis.result.quality if flag.severity is not Severity.INFO}
    assert warned <= {"second_method"}
