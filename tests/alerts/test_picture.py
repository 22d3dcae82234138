"""The alert's picture: small, true to side and colours, silent where the numbers are, and it survives what is drawn later."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from gateway import findings as arrays
from gateway.alerts.picture import picture_in
from gateway.jobs.orders import ALERT_PICTURE, PICTURES
from tests.viewer_bridge.drawn import make_findings, make_result, refused
from triage.results import QualityFlag, Severity
from triage.types import Analysis
from viewer_bridge.pages.alert_picture import BESIDE, MOST_BYTES, WIDTH_PX, alert_picture

SEVERE = (QualityFlag("truncated", Severity.SEVERE, "scan ends early"),)


@pytest.fixture(scope="module")
def analysis():
    drawn = make_findings()
    return Analysis(make_result(drawn), drawn)


def pixels(content):
    with Image.open(io.BytesIO(content)) as picture:
        return np.array(picture.convert("RGB")).astype(int)


def reddish(rgb):
    return (rgb[..., 0] > rgb[..., 1] + 60) & (rgb[..., 0] > rgb[..., 2] + 60) & (rgb[..., 1] < 120)


def greenish(rgb):
    return (rgb[..., 1] > rgb[..., 0] + 60) & (rgb[..., 1] > rgb[..., 2] + 60)


def test_it_is_small_and_as_wide_as_a_phone(analysis):
    content = alert_picture(analysis)
    assert len(content) <= MOST_BYTES
    assert pixels(content).shape[1] == WIDTH_PX
    assert content == alert_picture(analysis)


def test_a_left_sided_lesion_lies_on_the_readers_right(analysis):
    seen = pixels(alert_picture(analysis))
    large = seen[:440, :340]  # without the slices beside it and the legend
    for colour in (reddish, greenish):
        columns = np.nonzero(colour(large))[1]
        assert columns.size > 100
        assert columns.min() > large.shape[1] * 0.45


def test_noise_that_does_not_compress_costs_colours_or_size_and_not_the_limit(analysis):
    drawn = make_findings((16, 256, 256))
    loud = np.random.default_rng(0).normal(40, 30, drawn.mean_hu.shape).astype(np.float32)
    content = alert_picture(Analysis(analysis.result, replace(drawn, mean_hu=loud)))
    assert len(content) <= MOST_BYTES
    assert pixels(content).shape[1] >= WIDTH_PX / 2


def test_what_cannot_be_trusted_is_shown_without_overlays(analysis):
    content = alert_picture(replace(analysis, result=replace(analysis.result, quality=SEVERE)))
    seen = pixels(content)
    assert not greenish(seen).any()
    assert not reddish(seen[: seen.shape[0] - 30]).any()


def test_few_slices_and_no_lesion_are_no_trouble():
    for drawn in (make_findings((2, 64, 64)), make_findings(lesion=False)):
        assert len(alert_picture(Analysis(make_result(drawn), drawn))) <= MOST_BYTES
    assert BESIDE == 3


def test_a_scan_that_was_not_analysed_has_none(tmp_path):
    assert alert_picture(Analysis(refused(), findings=None)) is None
    assert picture_in(tmp_path) is None


def test_where_it_will_lie_is_known_before_it_is_drawn(analysis, tmp_path):
    arrays.save(analysis, tmp_path)
    assert picture_in(tmp_path) == tmp_path / PICTURES / ALERT_PICTURE
