"""The bar of a case and the page of times: what is drawn is what happened."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.console.timeline import Timeline, widths
from gateway.ledger.moments import STAGES
from gateway.ledger.records import utc_text
from gateway.ledger.schema import TIMES
from tests.api.staging import close_site, open_site, serving, stage_acknowledged

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
HAPPENED = {
    "last_perfusion_image_at": 0.0,
    "complete_at": 0.2,
    "compute_started_at": 0.25,
    "compute_ended_at": 3.0,
    "analysed_at": 3.01,
    "alert_sent_at": 3.05,
    "alert_delivered_at": 3.4,
    "alert_opened_at": 603.4,
    "acknowledged_at": 633.4,
    "published_at": 9.05,
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """A site with one case; identifiers and address as in the larger one."""
    site = open_site(tmp_path_factory.mktemp("times"))
    case = stage_acknowledged(site, count=3)
    with serving(site) as url:
        yield site, {"done": case.id}, url
    close_site(site)


def a_timeline(**changed: float | None) -> Timeline:
    seconds = dict.fromkeys(TIMES) | HAPPENED | changed
    return Timeline(
        {
            name: None if after is None else utc_text(START + timedelta(seconds=after))
            for name, after in seconds.items()
        }
    )


def drawn(line: Timeline) -> list[tuple[str, str, str]]:
    return [(segment.name, segment.took, segment.total) for segment in line.rows]


def test_the_bar_tells_what_took_how_long():
    assert drawn(a_timeline()) == [
        ("Proven complete", "0.20 s", "0.20 s"),
        ("Computing begun", "0.05 s", "0.25 s"),
        ("Computed", "2.8 s", "3.0 s"),
        ("Alert sent", "0.05 s", "3.0 s"),
        ("Alert delivered", "0.35 s", "3.4 s"),
        ("Alert opened", "10 min 0 s", "10 min 3 s"),
        ("Acknowledged", "30 s", "10 min 33 s"),
    ]
    assert a_timeline().beside[0][2] == "6.0 s"


def test_a_fifth_of_a_second_and_ten_minutes_both_have_room():
    segments = a_timeline().segments
    assert [round(segment.left + segment.width, 6) for segment in segments] == [
        *(round(segment.left, 6) for segment in segments[1:]),
        100.0,
    ]
    assert min(segment.width for segment in segments) >= 7
    assert max(segments, key=lambda segment: segment.width).name == "Alert opened"
    assert sum(widths([0.0, 0.0])) == pytest.approx(100)


def test_what_has_not_happened_is_awaited_and_what_never_will_is_left_out():
    waiting = a_timeline(alert_delivered_at=None, acknowledged_at=None)
    assert [name for name, took, _ in drawn(waiting) if took == "–"] == ["Acknowledged"]
    assert "Alert delivered" not in {name for name, _, _ in drawn(waiting)}, "the console alone was told"
    assert {took for _, took, _ in drawn(Timeline(dict.fromkeys(TIMES)))} == {"–"}


def test_a_ledger_from_before_these_times_is_still_drawn():
    old = a_timeline(
        last_perfusion_image_at=None, last_image_at=0.0, compute_started_at=None, compute_ended_at=None
    )
    assert drawn(old)[:3] == [
        ("Proven complete", "0.20 s", "0.20 s"),
        ("Computed", "2.8 s", "3.0 s"),
        ("Alert sent", "0.04 s", "3.0 s"),
    ]


def test_an_alert_that_rang_before_is_no_part_of_a_later_revision():
    later = a_timeline(alert_sent_at=-300.0, alert_delivered_at=-299.0, alert_opened_at=-250.0)
    assert [name for name, _, _ in drawn(later)] == [
        "Proven complete",
        "Computing begun",
        "Computed",
        "Acknowledged",
    ]
    assert later.alerted is None


def test_images_of_another_series_after_the_alert_do_not_shorten_it():
    assert drawn(a_timeline(last_image_at=60.0)) == drawn(a_timeline(last_image_at=0.0))


@pytest.mark.parametrize("width", [360, 1280])
def test_the_case_page_shows_bar_table_and_proof(a_page, shown, width):
    a_page.set_viewport_size({"width": width, "height": 740})
    a_page.goto(f"/cases/{shown[1]['done']}")
    assert "16 slices x 60 frames, every one there" in a_page.inner_text(".answer-first .proof")
    bar = a_page.locator("svg.timeline").bounding_box()
    pieces = a_page.locator("svg.timeline rect")
    boxes = [pieces.nth(number).bounding_box() for number in range(pieces.count())]
    assert len(boxes) == 7
    assert all(box["width"] >= 18 for box in boxes)
    assert sum(box["width"] for box in boxes) == pytest.approx(bar["width"], abs=16)
    labels = a_page.locator("svg.timeline .took")
    places = [labels.nth(number).bounding_box() for number in range(labels.count())]
    for left, right in zip(places, places[2:], strict=False):
        assert left["x"] + left["width"] <= right["x"], "labels of one line must not run into each other"
    table = a_page.inner_text("table.stages >> nth=0")
    for text in ("Proven complete", "0.40 s", "Alert delivered", "Acknowledged", "1 min 17 s"):
        assert text in table


def test_the_page_of_times_tells_the_distribution(a_page):
    a_page.goto("/times")
    told = " ".join(a_page.inner_text("section[aria-labelledby=last_image_to_alert]").split())
    figures = "Last image to alert Median 3.3 s 95 % within 3.3 s Longest 3.3 s Count 1"
    assert told == f"{figures} 0.1 s 1 s 10 s 1 min 10 min 1 h"
    assert "CANARY" not in a_page.content()
    a_page.click("text=Last 30 days")
    assert a_page.inner_text("[aria-current]") == "Last 30 days"
    assert a_page.locator("svg.histogram .bin").count() == len(STAGES)
