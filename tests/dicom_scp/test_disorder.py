"""Tags that order images are dropped and lie: the order is right, or the series is refused; never silently wrong."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from benchmarks import disorder
from dicom_scp import chronology
from dicom_scp.reader import read_ctp
from triage.errors import InputError

STUDIES, FEW = 150, 40


def wrong(counts):
    return [found for found in counts if found.startswith("wrong")]


def test_no_drawn_study_is_silently_wrong():
    counts = disorder.tally(STUDIES)
    assert wrong(counts) == []
    assert counts["right"] > STUDIES / 4


def by_instance_number(paths):
    """A reader that believes the numbers of images."""
    numbers = {path: dcmread(path).get("InstanceNumber") or 0 for path in paths}
    places = {path: dcmread(path).ImagePositionPatient[2] for path in paths}
    series = read_ctp(paths)
    ordered = sorted(paths, key=lambda path: (places[path], numbers[path]))
    identity = [float(dcmread(path).pixel_array[0, 0]) for path in ordered]
    slices, frames = series.hu.shape[1], series.hu.shape[0]
    hu = series.hu.copy()
    hu[:] = np.array(identity).reshape(slices, frames).T[:, :, None, None]
    return replace(series, hu=hu)


def test_a_reader_that_believes_instance_numbers_is_caught():
    assert wrong(disorder.tally(FEW, by_instance_number))


def test_a_reader_that_hears_no_second_witness_is_caught(monkeypatch):
    monkeypatch.setattr(chronology, "require_no_doubt", lambda *_, **__: None)
    assert wrong(disorder.tally(STUDIES))


def retimed(folder: Path, write_ctp, write, **times):
    """A series whose slices say what `times` makes of frame and slice."""
    study = write_ctp(folder)
    for k, path in enumerate(study.paths):
        data = dcmread(path)
        for keyword, make in times.items():
            value = make(*divmod(k, 3))
            if value is None:
                data.pop(keyword, None)
            else:
                setattr(data, keyword, value)
        write(path, data)
    return study


def gone(*_):
    return None


NO_CLOCK = {"AcquisitionDate": gone, "AcquisitionTime": gone, "ContentDate": gone, "ContentTime": gone}


def expect_right(study, atol=1e-4):
    series = read_ctp(study.paths)
    np.testing.assert_array_equal(series.hu, study.hu)
    np.testing.assert_allclose(series.time_s, study.time_s, atol=atol)


@pytest.mark.parametrize("date", [gone, lambda *_: "20240301"])
def test_midnight_passes_where_the_date_is_gone_or_stays(write_ctp, write, tmp_path, date):
    expect_right(retimed(tmp_path, write_ctp, write, AcquisitionDate=date, ContentDate=date))


@pytest.mark.parametrize("keyword", ["TriggerTime", "FrameReferenceTime"])
def test_times_since_an_event_replace_a_clock_that_was_removed(write_ctp, write, tmp_path, keyword):
    times = {keyword: lambda t, z: 1750 * t + 125 * z}
    expect_right(retimed(tmp_path, write_ctp, write, **NO_CLOCK, **times))


def test_a_time_zone_does_not_matter(write_ctp, write, tmp_path):
    times = {"AcquisitionDateTime": lambda t, z: f"202403011200{1.75 * t + 0.125 * z:09.6f}+0700"}
    expect_right(retimed(tmp_path, write_ctp, write, **NO_CLOCK, **times))


def test_seconds_without_fractions_order_frames_that_are_seconds_apart(write_ctp, write, tmp_path):
    def rounded(t, z):
        return f"1200{int(1.75 * t + 0.125 * z):02d}"

    dates = {**NO_CLOCK, "AcquisitionDate": lambda *_: "20240301", "AcquisitionTime": rounded}
    expect_right(retimed(tmp_path, write_ctp, write, **dates), atol=1.0)


DOUBTS = {
    "instance numbers contradict": {"InstanceNumber": lambda t, z: 36 - (t * 3 + z)},
    "temporal positions contradict": {"TemporalPositionIdentifier": lambda t, _: 12 - t},
    "acquisition date-times": {"AcquisitionDateTime": lambda t, z: f"202403011200{59 - 2 * t - 0.1 * z:05.2f}"},
    "span": {"FrameReferenceTime": lambda t, z: 17.5 * t + 1.25 * z, "TriggerTime": lambda t, _: 10_000 * t},
    "content times may be those of reconstruction": {
        "AcquisitionTime": gone,
        "TemporalResolution": gone,
    },
    "temporal resolution that can be true": {**NO_CLOCK, "TemporalPositionIdentifier": lambda t, _: t, "TemporalResolution": lambda *_: 1.5},
}  # fmt: skip


@pytest.mark.parametrize("reason", DOUBTS)
def test_a_doubtful_order_is_refused_with_the_doubt(write_ctp, write, tmp_path, reason):
    study = retimed(tmp_path, write_ctp, write, **DOUBTS[reason])
    with pytest.raises(InputError, match=reason):
        read_ctp(study.paths)


def test_slices_that_lack_different_frames_are_seen_by_their_pauses(write_ctp, tmp_path):
    study = write_ctp(tmp_path, frames=24)
    lost = {3 * 4, 3 * 7 + 1, 3 * 9 + 2}
    with pytest.raises(InputError, match="pause at different times"):
        read_ctp([path for k, path in enumerate(study.paths) if k not in lost])
