"""Recognition by content: vendors' orders, missing images, look-alikes."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_scp.counts import LONGEST_LIST
from dicom_scp.headers import ImageHeader
from dicom_scp.recognition import Completeness, SeriesKind, look_at, look_at_study

PROVEN, RECTANGULAR, INCOMPLETE = Completeness.PROVEN, Completeness.RECTANGULAR, Completeness.INCOMPLETE


def image(number: int, z_mm: float, time_s: float | None, **changes) -> ImageHeader:
    plain = ImageHeader(
        sop_instance_uid=f"1.2.3.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        study_uid="1.2",
        series_uid="1.2.3",
        modality="CT",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        instance_number=number,
        rows=512,
        columns=512,
        position_mm=(-100.0, -100.0, z_mm),
        orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        pixel_spacing_mm=(0.5, 0.5),
        acquired_at_s=time_s,
    )
    return replace(plain, **changes)


def volume_by_volume(slices=16, frames=45, step_s=1.5, **changes):
    return [
        image(t * slices + z + 1, 5.0 * z, 100 + t * step_s + z * 0.01, **changes)
        for t in range(frames)
        for z in range(slices)
    ]


def slice_by_slice(slices=16, frames=45, step_s=1.5, **changes):
    return [
        image(z * frames + t + 1, 5.0 * z, 100 + t * step_s + z * 0.01, **changes)
        for z in range(slices)
        for t in range(frames)
    ]


def shuttle(slices=16, frames=45, **changes):
    """Two table positions in turn, numbered as acquired."""
    half, images = slices // 2, []
    for t in range(frames):
        for slab in (0, 1):
            for z in range(half):
                number = (t * 2 + slab) * half + z + 1
                images.append(image(number, 5.0 * (slab * half + z), 100 + 3.0 * t + 1.5 * slab, **changes))
    return images


def numbered_backwards(slices=16, frames=45, **changes):
    total = slices * frames
    return [
        replace(h, instance_number=total + 1 - h.instance_number)
        for h in volume_by_volume(slices, frames, **changes)
    ]


ORDERS = [volume_by_volume, slice_by_slice, shuttle, numbered_backwards]


@pytest.mark.parametrize("order", ORDERS)
def test_every_vendors_order_is_perfusion_and_rectangular(order):
    look = look_at(order())
    assert (look.kind, look.completeness) == (SeriesKind.PERFUSION, RECTANGULAR)
    assert (look.slices, look.frames, look.images) == (16, 45, 720)
    assert look.proof == "16 of 16 slices x 45 of 45 frames"
    assert look.regular
    assert look.coverage_mm == pytest.approx(75)
    assert look.missing == ()


@pytest.mark.parametrize("order", ORDERS)
def test_the_scanners_count_of_images_proves_completeness(order):
    images = order(images_in_acquisition=720)
    assert look_at(images).completeness is PROVEN
    assert "16 of 16 slices x 45 of 45 frames" in look_at(images).proof
    assert look_at(images[:-1]).completeness is INCOMPLETE


@pytest.mark.parametrize("order", [volume_by_volume, shuttle, numbered_backwards])
def test_the_scanners_count_of_frames_proves_what_is_numbered_volume_by_volume(order):
    look = look_at(order(temporal_positions=45))
    assert look.completeness is PROVEN
    assert look.expected_images == 720


def test_a_count_of_frames_proves_nothing_while_slices_may_still_come():
    images = slice_by_slice(temporal_positions=45)
    for done in range(2, 17):
        assert look_at(images[: done * 45]).completeness is RECTANGULAR


def test_a_count_of_images_per_frame_is_not_taken_for_the_whole():
    for done in range(1, 46):
        assert (
            look_at(volume_by_volume(frames=done, images_in_acquisition=16)).completeness is not PROVEN
            or done == 1
        )


def test_counts_of_several_acquisitions_prove_nothing():
    images = [
        replace(h, acquisition_number=k // 16)
        for k, h in enumerate(volume_by_volume(images_in_acquisition=720))
    ]
    assert look_at(images).completeness is RECTANGULAR


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(ORDERS), st.randoms(use_true_random=False), st.integers(1, 700))
def test_order_of_arrival_changes_nothing(order, chance, kept):
    images = order(temporal_positions=45)[:kept]
    shuffled = random.Random(chance.random()).sample(images, len(images))
    assert look_at(shuffled) == look_at(images)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ORDERS),
    st.sets(st.integers(0, 8 * 20 - 1), min_size=1, max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_no_series_with_images_missing_is_proven(order, lost, frames_known, images_known):
    counts = {
        "temporal_positions": 20 if frames_known else None,
        "images_in_acquisition": 160 if images_known else None,
    }
    images = order(8, 20, **counts)
    look = look_at([h for k, h in enumerate(images) if k not in lost])
    assert look.completeness is not PROVEN
    assert len(look.missing) <= LONGEST_LIST
    if frames_known or images_known:
        assert look.completeness is INCOMPLETE
        assert look.missing


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([volume_by_volume, shuttle]), st.integers(1, 159))
def test_no_partial_transmission_is_proven(order, sent):
    assert look_at(order(8, 20, temporal_positions=20)[:sent]).completeness is not PROVEN


def test_missing_images_are_named():
    images = volume_by_volume(temporal_positions=45)
    del images[3]
    assert look_at(images).missing == ("1 of 45 frames at 15.0 mm",)
    assert look_at(images).proof == "15 of 16 slices x 44 of 45 frames"
    assert look_at(volume_by_volume(frames=30, temporal_positions=45)).missing == (
        "15 of 45 frames of every slice",
    )


def test_a_missing_slice_is_seen_as_a_gap():
    look = look_at([h for h in volume_by_volume() if h.position_mm[2] != 20.0])
    assert look.completeness is INCOMPLETE
    assert not look.regular
    assert look.missing == ("slices between 15.0 and 25.0 mm",)


def test_the_same_instance_counts_once():
    images = volume_by_volume()
    assert look_at([*images, *images[:100]]) == look_at(images)


def test_table_jitter_and_tilt_do_not_split_slices():
    tilted = (1.0, 0.0, 0.0, 0.0, 0.9486833, -0.3162278)
    images = [
        replace(
            h,
            orientation=tilted,
            position_mm=(-100.0, h.position_mm[2] * 0.1, h.position_mm[2] + 0.02 * (k % 2)),
        )
        for k, h in enumerate(volume_by_volume())
    ]
    assert (look_at(images).slices, look_at(images).kind) == (16, SeriesKind.PERFUSION)


@pytest.mark.parametrize(
    ("images", "kind"),
    [
        pytest.param(volume_by_volume(200, 1), SeriesKind.STATIC, id="non-contrast"),
        pytest.param(volume_by_volume(200, 2, step_s=8.0), SeriesKind.STATIC, id="angiography in two phases"),
        pytest.param(volume_by_volume(60, 4, step_s=8.0), SeriesKind.STATIC, id="angiography in four phases"),
        pytest.param(volume_by_volume(100, 10, step_s=0.1), SeriesKind.STATIC, id="gated cardiac phases"),
        pytest.param(volume_by_volume(1, 20), SeriesKind.OTHER, id="bolus monitoring"),
        pytest.param(volume_by_volume(2, 1, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")), SeriesKind.LOCALIZER, id="scout"),
        pytest.param(volume_by_volume(3, 1, position_mm=None, orientation=None), SeriesKind.OTHER, id="screen saves"),
        pytest.param(volume_by_volume(modality="MR"), SeriesKind.OTHER, id="not CT"),
    ],
)  # fmt: skip
def test_look_alikes_are_not_perfusion(images, kind):
    assert look_at(images).kind is kind


def test_a_rescanned_slice_does_not_make_a_static_series_dynamic():
    images = volume_by_volume(30, 1)
    again = [image(1000 + k, 10.0, 200 + 2.0 * k) for k in range(12)]
    assert look_at([*images, *again]).kind is SeriesKind.STATIC


def test_numbered_time_points_replace_a_clock_that_was_removed():
    images = [
        replace(h, acquired_at_s=None, temporal_position=k // 16 + 1)
        for k, h in enumerate(volume_by_volume())
    ]
    assert look_at(images).kind is SeriesKind.PERFUSION
    assert look_at([replace(h, temporal_position=None) for h in images]).kind is SeriesKind.STATIC


def test_a_stray_reformat_does_not_hide_a_perfusion_series():
    stray = image(9999, 0.0, 100.0, orientation=(1.0, 0.0, 0.0, 0.0, 0.0, -1.0), rows=300)
    assert look_at([stray, *volume_by_volume()]).kind is SeriesKind.PERFUSION


def test_a_study_is_looked_at_series_by_series():
    scout = image(1, 0.0, 1.0, series_uid="1.2.9", image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    kinds = {look.series_uid: look.kind for look in look_at_study([scout, *volume_by_volume()])}
    assert kinds == {"1.2.9": SeriesKind.LOCALIZER, "1.2.3": SeriesKind.PERFUSION}


def test_perfusion_is_recognised_while_it_arrives():
    kinds = [look_at(volume_by_volume(frames=n)).kind for n in range(1, 15)]
    assert kinds == [SeriesKind.STATIC] * 10 + [SeriesKind.PERFUSION] * 4


def test_nothing_cannot_be_looked_at():
    assert look_at_study([]) == ()
    with pytest.raises(ValueError, match="at least one"):
        look_at([])
