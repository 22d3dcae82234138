"""Slices anywhere in the patient: an affine that is true, or the reason why there is none."""

import numpy as np
import pytest

from dicom_scp.grid import geometry_of
from dicom_scp.headers import read_header
from dicom_scp.reader import read_ctp
from dicom_scp.slices import stack
from triage.errors import InputError

ORIENTATIONS = {
    "head first supine": (1, 0, 0, 0, 1, 0),
    "head first prone": (-1, 0, 0, 0, -1, 0),
    "decubitus right": (0, -1, 0, 1, 0, 0),
    "decubitus left": (0, 1, 0, -1, 0, 0),
    "feet first": (-1, 0, 0, 0, 1, 0),
    "tilted gantry": (1, 0, 0, 0, 0.948324, -0.317305),
}


def write_slices(ct_slice, write, folder, places, orientation=(1, 0, 0, 0, 1, 0), frames=4):
    random = np.random.default_rng(5)
    for k in random.permutation(frames * len(places)):
        t, z = divmod(int(k), len(places))
        data = ct_slice(
            places[z], ("20240301", f"1200{t:02d}.{z}"), int(k) + 1, seed=int(k), ImageOrientationPatient=list(orientation)
        )  # fmt: skip
        write(folder / f"{random.integers(1 << 40)}.dcm", data)
    return list(folder.iterdir())


@pytest.mark.parametrize("name", ORIENTATIONS)
def test_every_pixel_lies_where_the_headers_say(ct_slice, write, tmp_path, name):
    places = [(10.0 + 0.5 * z, -20.0, 4.0 * z) for z in (2, 0, 3, 1)]
    series = read_ctp(write_slices(ct_slice, write, tmp_path, places, ORIENTATIONS[name]))
    affine = series.geometry.affine
    assert np.linalg.det(affine[:3, [2, 1, 0]]) > 0
    row, column = (np.array(ORIENTATIONS[name][k : k + 3]) for k in (0, 3))
    np.testing.assert_allclose(affine[:3, 2], 0.75 * row)
    np.testing.assert_allclose(affine[:3, 1], 0.5 * column)
    for index in range(4):
        corner = (affine @ [index, 0, 0, 1])[:3]
        (original,) = [k for k, place in enumerate(places) if np.allclose(place, corner)]
        first = np.random.default_rng(original).integers(0, 3000, (16, 12), dtype=np.int16)
        np.testing.assert_array_equal(series.hu[0, index], first - 1024.0)


PLACES = {
    r"uneven, 4.0 to 7.0 mm": [(0, 0, 0), (0, 0, 4), (0, 0, 11), (0, 0, 16)],
    r"two slabs with a gap from 10.0 to 40.0 mm: send each slab": [(0, 0, z) for z in (0, 5, 10, 40, 45, 50)],
    r"do not lie on one line": [(0, 0, 0), (3, 0, 5), (0, 0, 10), (0, 0, 15)],
}


@pytest.mark.parametrize("reason", PLACES)
def test_slices_off_the_grid_are_refused_with_the_reason(ct_slice, write, tmp_path, reason):
    with pytest.raises(InputError, match=reason):
        read_ctp(write_slices(ct_slice, write, tmp_path, PLACES[reason]))


def test_overlapping_slices_are_read(ct_slice, write, tmp_path):
    paths = write_slices(ct_slice, write, tmp_path, [(0, 0, 0.625 * z) for z in range(5)])
    assert read_ctp(paths).geometry.affine[2, 0] == pytest.approx(0.625)


def test_a_real_tilted_head_with_uneven_slices_is_refused(reference_data):
    headers = [read_header(path) for path in sorted(reference_data("ncct_dicom_ge_tilt").rglob("*.dcm"))]
    with pytest.raises(InputError, match=r"uneven, \d\.\d to 7\.\d mm"):
        geometry_of(stack(headers, np.arange(len(headers), dtype=np.float64)))
