"""The habits of four makers, from the scanner's files to the same arrays."""

import numpy as np
import pytest

from benchmarks.phantom import Patient, Scheme, make_patient
from benchmarks.scanner import VENDORS, Part, write_study
from dicom_scp.finding import find_perfusion
from dicom_scp.headers import read_header
from dicom_scp.pixels import AIR_HU
from dicom_scp.reader import read_ctp
from dicom_scp.recognition import Completeness, SeriesKind, look_at_study
from triage.errors import InputError

KINDS = {
    Part.SCOUT: SeriesKind.LOCALIZER,
    Part.NON_CONTRAST: SeriesKind.STATIC,
    Part.PERFUSION: SeriesKind.PERFUSION,
}


@pytest.fixture(scope="module", params=[Scheme.UNIFORM, Scheme.SHUTTLE])
def phantom(request):
    small = {"matrix": 64, "slices": 4, "frames": 24, "core_ml": 5, "hypoperfused_ml": 20}
    return make_patient(Patient(scheme=request.param, **small))


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendors_study_over_midnight_is_recognised_and_read_in_its_true_order(
    phantom, vendor, tmp_path
):
    written = write_study(phantom, tmp_path, vendor, over_midnight=True)
    looks = {look.series_uid: look for look in look_at_study(map(read_header, written.paths))}
    assert {part: looks[uid].kind for part, uid in written.series_uids.items()} == KINDS
    perfusion = looks[written.ctp_series_uid]
    assert perfusion.completeness is (Completeness.PROVEN if vendor == "ge" else Completeness.RECTANGULAR)
    assert perfusion.proof.startswith("4 of 4 slices x 24 of 24 frames")

    found = find_perfusion(tmp_path)
    assert set(found) == set(written.files[Part.PERFUSION])
    series, truth = read_ctp(found), phantom.series
    np.testing.assert_allclose(series.geometry.affine, truth.geometry.affine, atol=1e-3)
    habit = VENDORS[vendor]
    expected_s = truth.time_s + habit.slice_step_s * np.arange(4)
    np.testing.assert_allclose(
        series.time_s, expected_s - expected_s.min(), atol=10.0**-habit.time_digits + 1e-4
    )
    inside = (series.hu != AIR_HU) & (truth.hu > -1000)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(series.hu[inside], truth.hu[inside], atol=0.51)


def test_a_change_of_geometry_half_way_is_refused(phantom, tmp_path):
    write_study(phantom, tmp_path, "ge", mixed_geometry=True)
    with pytest.raises(InputError, match="different pixel spacings"):
        read_ctp(find_perfusion(tmp_path))
