from dataclasses import replace

import pytest

from dicom_scp.recognition import Completeness, SeriesKind, SeriesLook
from gateway.config import Intake as IntakeSettings
from gateway.readiness import Circumstances, Readiness, beginning_of, judge, judge_without, perfusion_of

SETTINGS = IntakeSettings(quiet_s=20, association_grace_s=2)
QUIET = Circumstances(quiet_s=21, associations=1, open_associations=1)
SENDING = Circumstances(quiet_s=0.1, associations=1, open_associations=1)
ENDED = Circumstances(quiet_s=0.1, associations=1, open_associations=0)
MANY_ENDED = Circumstances(quiet_s=0.1, associations=8, open_associations=0)
MANY_ENDED_LONG_AGO = replace(MANY_ENDED, quiet_s=2.5)


def a_look(
    completeness: Completeness, kind: SeriesKind = SeriesKind.PERFUSION, images: int = 720
) -> SeriesLook:
    return SeriesLook(
        series_uid="1.2.3",
        study_uid="1.2",
        kind=kind,
        slices=16,
        frames=45,
        images=images,
        expected_frames=None,
        expected_images=None,
        missing=(),
        regular=True,
        coverage_mm=80.0,
        span_s=66.0,
        completeness=completeness,
        proof="16 of 16 slices x 45 of 45 frames",
    )


@pytest.mark.parametrize(
    ("look", "known", "readiness"),
    [
        (a_look(Completeness.PROVEN), SENDING, Readiness.ANALYSE),
        (a_look(Completeness.RECTANGULAR), SENDING, Readiness.WAIT),
        (a_look(Completeness.RECTANGULAR), ENDED, Readiness.ANALYSE),
        (a_look(Completeness.RECTANGULAR), MANY_ENDED, Readiness.WAIT),
        (a_look(Completeness.RECTANGULAR), MANY_ENDED_LONG_AGO, Readiness.ANALYSE),
        (a_look(Completeness.INCOMPLETE), ENDED, Readiness.WAIT),
        (a_look(Completeness.INCOMPLETE), QUIET, Readiness.ANALYSE),
    ],
)
def test_a_study_is_ready_when_its_content_says_so(look, known, readiness):
    assert judge(look, known, SETTINGS).readiness is readiness


STATIC = replace(
    a_look(Completeness.INCOMPLETE, SeriesKind.STATIC), frames=6, proof="3 of 8 slices x 5 of 6 frames"
)


@pytest.mark.parametrize(
    ("look", "known", "readiness"),
    [
        (STATIC, SENDING, Readiness.WAIT),
        (STATIC, QUIET, Readiness.NO_PERFUSION),
        (STATIC, replace(SENDING, broken_off=frozenset({"1.2.3"})), Readiness.WAIT),
        (STATIC, replace(QUIET, broken_off=frozenset({"1.2.3"})), Readiness.ANALYSE),
        (STATIC, replace(QUIET, broken_off=frozenset({"1.2.9"})), Readiness.NO_PERFUSION),
        (replace(STATIC, expected_frames=45), QUIET, Readiness.ANALYSE),
        (replace(STATIC, frames=1), replace(QUIET, broken_off=frozenset({"1.2.3"})), Readiness.NO_PERFUSION),
        (
            replace(STATIC, completeness=Completeness.RECTANGULAR),
            replace(QUIET, broken_off=frozenset({"1.2.3"})),
            Readiness.NO_PERFUSION,
        ),
        (replace(STATIC, kind=SeriesKind.OTHER, expected_frames=45), QUIET, Readiness.NO_PERFUSION),
    ],
)
def test_a_beginning_of_a_perfusion_series_is_not_taken_for_another_scan(look, known, readiness):
    assert judge_without([look], known, SETTINGS).readiness is readiness
    assert judge_without([], known, SETTINGS).readiness in {Readiness.WAIT, Readiness.NO_PERFUSION}


def test_of_several_beginnings_the_largest_is_the_one():
    small, large = (replace(STATIC, expected_frames=45, images=n, series_uid=f"1.{n}") for n in (30, 40))
    assert beginning_of([small, large, small], ()) is large


def test_the_quiet_timer_says_that_it_was_the_reason():
    assert "20 s without" in judge(a_look(Completeness.INCOMPLETE), QUIET, SETTINGS).text


def test_the_largest_perfusion_series_is_the_one():
    small = replace(a_look(Completeness.PROVEN, images=320), series_uid="1.2.4")
    scout = a_look(Completeness.INCOMPLETE, kind=SeriesKind.LOCALIZER, images=2000)
    assert perfusion_of([small, a_look(Completeness.PROVEN), scout]).series_uid == "1.2.3"
    assert perfusion_of([scout]) is None
