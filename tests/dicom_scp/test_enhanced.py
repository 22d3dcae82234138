"""Multi-frame objects give the arrays of the classic encoding, and prove themselves complete."""

import json
import struct
import tracemalloc

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from benchmarks.scanner.enhanced import Layout, write_enhanced
from dicom_scp import enhanced
from dicom_scp.finding import find_perfusion
from dicom_scp.headers import ImageHeader, read_header
from dicom_scp.reader import open_ctp, read_ctp
from dicom_scp.recognition import Completeness, SeriesKind, look_at
from triage.errors import InputError
from triage.types import CtpSeries, Geometry

FRAMES, SLICES = 12, 3


@pytest.fixture(scope="module")
def truth() -> CtpSeries:
    """A tilted scan over midnight whose slices follow each other."""
    random = np.random.default_rng(3)
    hu = random.integers(-1000, 2000, (FRAMES, SLICES, 64, 64)).astype(np.float32)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = (0, -1.5, 4.75), (0, 0.5, 0), (0.75, 0, 0)
    affine[:3, 3] = (-100, -120, 7.5)
    time_s = 1.75 * np.arange(FRAMES)[:, None] + 0.125 * np.arange(SLICES)
    return CtpSeries(hu, time_s, Geometry((SLICES, 64, 64), affine, "1.2.3"))


LAYOUTS = {
    "all frames in one": Layout(),
    "one object a volume": Layout(object_per_volume=True),
    "index all 1": Layout(counts=False),
    "one object a volume, index all 1": Layout(object_per_volume=True, counts=False),
    "reference times alone": Layout(clock="reference"),
    "time offsets alone": Layout(clock="offset", counts=False),
    "legacy converted": Layout(converted=True),
    "legacy converted volumes": Layout(converted=True, object_per_volume=True, counts=False),
    "delimited sequences": Layout(told_lengths=False),
    "implicit": Layout(syntax=ImplicitVRLittleEndian),
    "implicit, delimited": Layout(syntax=ImplicitVRLittleEndian, told_lengths=False),
    "deflated": Layout(syntax=DeflatedExplicitVRLittleEndian),
    "run-length": Layout(syntax=RLELossless),
    "JPEG-LS": Layout(syntax=JPEGLSLossless, object_per_volume=True),
    "JPEG 2000": Layout(syntax=JPEG2000Lossless),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_is_recognised_and_gives_the_arrays_of_the_classic_encoding(truth, tmp_path, name):
    layout = LAYOUTS[name]
    paths = write_enhanced(truth, tmp_path, layout)
    assert find_perfusion(tmp_path) == tuple(sorted(paths))
    headers = [ImageHeader.from_json(json.loads(json.dumps(read_header(p).to_json()))) for p in paths]
    assert headers == [read_header(p) for p in paths]
    look = look_at(headers)
    assert (look.kind, look.slices, look.frames, look.images) == (SeriesKind.PERFUSION, SLICES, FRAMES, 36)
    proven = not layout.object_per_volume
    assert look.completeness is (Completeness.PROVEN if proven else Completeness.RECTANGULAR)

    series = read_ctp(paths)
    np.testing.assert_array_equal(series.hu, truth.hu)
    np.testing.assert_allclose(series.time_s, truth.time_s, atol=1e-4)
    np.testing.assert_allclose(series.geometry.affine, truth.geometry.affine, atol=1e-6)


def rewritten(path, change):
    data = dcmread(path)
    change(data)
    data.save_as(path, enforce_file_format=True)
    return path


def lose_a_frame(data):
    data.NumberOfFrames -= 1
    del data.PerFrameFunctionalGroupsSequence[5]
    data.PixelData = data.PixelData[: -2 * data.Rows * data.Columns]


def claim_a_part(data):
    data.ConcatenationUID, data.InConcatenationTotalNumber = "1.2.3.4", 2


def misnumber(data):
    data.PerFrameFunctionalGroupsSequence[5].FrameContentSequence[0].DimensionIndexValues = [99, 1]


@pytest.mark.parametrize(
    ("change", "completeness"),
    [
        (lose_a_frame, Completeness.INCOMPLETE),
        (claim_a_part, Completeness.RECTANGULAR),
        (misnumber, Completeness.RECTANGULAR),
    ],
)
def test_an_object_that_may_lack_frames_proves_nothing(truth, tmp_path, change, completeness):
    path = rewritten(write_enhanced(truth, tmp_path, Layout())[0], change)
    assert look_at([read_header(path)]).completeness is completeness


def lie_about_frames(data):
    data.NumberOfFrames = 35


def drop_positions(data):
    del data.PerFrameFunctionalGroupsSequence[5].PlanePositionSequence


def drop_rescale(data):
    del data.SharedFunctionalGroupsSequence[0].PixelValueTransformationSequence


def swap_times(data):
    groups = data.PerFrameFunctionalGroupsSequence
    contents = [g.FrameContentSequence[0] for g in groups]
    first, second = [c for c in contents if c.InStackPositionNumber == 1][:2]
    first.FrameAcquisitionDateTime, second.FrameAcquisitionDateTime = (
        second.FrameAcquisitionDateTime,
        first.FrameAcquisitionDateTime,
    )


def shorten_pixels(data):
    data.PixelData = data.PixelData[:-4]


def lie_about_size(data):
    data.Rows = 60_000


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lie_about_frames, "35 frames has 36 functional groups"),
        (drop_positions, "frames are missing: 11 of 12"),
        (drop_rescale, "rescale"),
        (swap_times, "in doubt"),
        (shorten_pixels, "do not fit"),
        (lie_about_size, "do not fit"),
        (lose_a_frame, "frames are missing"),
    ],
)
def test_a_lying_object_is_refused_with_its_reason(truth, tmp_path, change, reason):
    path = rewritten(write_enhanced(truth, tmp_path, Layout())[0], change)
    with pytest.raises(InputError, match=reason):
        read_ctp([path])


def test_constant_times_are_no_order(truth, tmp_path):
    with pytest.raises(InputError, match="told apart"):
        open_ctp(write_enhanced(truth, tmp_path, Layout(clock="none", counts=False)))


def test_too_many_frames_are_refused(truth, tmp_path, monkeypatch):
    path = write_enhanced(truth, tmp_path, Layout())[0]
    monkeypatch.setattr(enhanced, "MOST_FRAMES", 35)
    with pytest.raises(InputError, match="more than 35 frames"):
        read_header(path)


def test_a_frame_of_a_large_object_takes_the_memory_of_a_frame(truth, tmp_path):
    """The object is sparse: 75 MB of zeros that lie on no disk."""
    path = write_enhanced(truth, tmp_path, Layout())[0]
    data = dcmread(path)
    data.Rows = data.Columns = 1024
    data.PixelData = b"\0\0"
    data.save_as(path, enforce_file_format=True)
    size = 36 * 1024 * 1024 * 2
    raw = path.read_bytes()
    path.write_bytes(raw[:-6] + struct.pack("<I", size))
    with path.open("r+b") as stream:
        stream.truncate(len(raw) - 2 + size)
    frame_bytes = 3 * 1024 * 1024 * 4
    stored = open_ctp([path])
    tracemalloc.start()
    assert {float(stored.frame(number)[0, 0, 0]) for number in (0, 11)} == {-1024.0}
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * frame_bytes < size
