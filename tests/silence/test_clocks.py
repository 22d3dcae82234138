"""Clocks of scanners by their images, and our own by others."""

import random
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from zoneinfo import ZoneInfo

import pytest

from gateway.silence.our_clock import StepWatch, ask, by_date, kernel
from gateway.silence.scanner_clock import SECONDS_PER_DAY, ClockLook, ClockState, in_words, judged, lag_s

DRIFT_S = 60.0
CHANCE = random.Random(7)
USUAL = [20 + CHANCE.expovariate(1 / 90) for _ in range(400)]
"""Lags of a scanner that sends soon."""
IRREGULAR = [CHANCE.lognormvariate(6.5, 1.5) for _ in range(400)]
"""Of one whose images somebody sends by hand, minutes or hours later."""


@pytest.mark.parametrize("lags", [USUAL, IRREGULAR, USUAL[:30], [3600.0 * 9 + lag for lag in IRREGULAR]])
def test_a_right_clock_is_let_be_however_late_the_images_come(lags):
    for end in range(5, len(lags)):
        assert not judged(lags[:end], DRIFT_S).is_wrong, end


@pytest.mark.parametrize(("jump_s", "visits"), [(600.0, 6), (180.0, 12), (135.0, 20)])
def test_a_clock_that_fell_back_shows_in_the_soonest_images(jump_s, visits):
    late = [*USUAL[:200], *(lag + jump_s for lag in USUAL[200 : 200 + visits])]
    look = judged(late, DRIFT_S)
    assert look.state is ClockState.BEHIND
    assert look.offset_s == pytest.approx(-jump_s, abs=60)
    assert not judged([*USUAL[:200], *(lag + 30 for lag in USUAL[200:220])], DRIFT_S).is_wrong


def test_images_from_the_future_are_a_clock_ahead_and_one_odd_image_is_not():
    ahead = judged([lag - 300 for lag in USUAL[:20]], DRIFT_S)
    assert ahead.state is ClockState.AHEAD
    assert 0 < ahead.offset_s <= 300, "by so much at least"
    assert not judged([*USUAL[:19], -86_000.0], DRIFT_S).is_wrong


@pytest.mark.parametrize(
    ("offset_s", "words"),
    [(-9 * 365 * SECONDS_PER_DAY, "wrong by 9 years"), (400 * SECONDS_PER_DAY, "ahead of ours")],
)
def test_a_wrong_year_is_told_as_a_wrong_date(offset_s, words):
    look = judged([lag - offset_s for lag in USUAL[:10]], DRIFT_S)
    assert look.state is ClockState.WRONG_DATE
    assert words in in_words("CT01", look)


def test_another_time_zone_is_recognised():
    assert "another time zone" in in_words("CT01", ClockLook(ClockState.AHEAD, 7 * 3600.0 - 40))
    assert "another time zone" not in in_words("CT01", ClockLook(ClockState.AHEAD, 4000.0 + 900))


def test_a_header_without_a_date_says_nothing_and_the_hour_that_comes_twice_is_the_nearer_one():
    paris = ZoneInfo("Europe/Paris")
    shown = (datetime(2026, 10, 25, 2, 30) - datetime(1, 1, 1)).total_seconds() + SECONDS_PER_DAY  # noqa: DTZ001
    assert lag_s(shown, datetime(2026, 10, 25, 1, 31, tzinfo=UTC), paris) == 60
    assert lag_s(shown, datetime(2026, 10, 25, 0, 31, tzinfo=UTC), paris) == 60
    assert lag_s(36_000.0, datetime(2026, 1, 1, tzinfo=UTC), paris) is None
    assert lag_s(1e13, datetime(2026, 1, 1, tzinfo=UTC), paris) is None


class _Server(BaseHTTPRequestHandler):
    offset = timedelta(0)

    def do_HEAD(self):
        self.send_response(404)
        self.end_headers()

    def date_time_string(self, timestamp=None):  # noqa: ARG002 - the library's signature
        return f"{datetime.now(UTC) + self.offset:%a, %d %b %Y %H:%M:%S} GMT"

    def log_message(self, *_):
        pass


@pytest.mark.parametrize(("offset", "differs"), [(timedelta(0), False), (timedelta(minutes=-5), True)])
def test_another_machine_tells_the_time_by_its_http_server(offset, differs):
    server = HTTPServer(("127.0.0.1", 0), type("S", (_Server,), {"offset": offset}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        found = ask(f"http://127.0.0.1:{server.server_port}/")
    finally:
        server.shutdown()
        server.server_close()
    assert found.offset_s == pytest.approx(offset.total_seconds(), abs=found.uncertainty_s + 0.1)
    assert found.beyond(DRIFT_S) is differs


def test_who_shows_no_time_says_nothing():
    assert ask("http://127.0.0.1:9/") is None
    assert by_date("yesterday", datetime.now(UTC), datetime.now(UTC)) is None


def test_a_clock_that_somebody_sets_is_seen_and_a_slow_correction_is_not():
    shown = iter([(1000.0, 5.0), (1030.0, 35.0), (1065.0, 65.0), (4695.0, 95.0), (4725.0, 125.0)])
    watch = StepWatch(lambda: next(shown))
    assert [watch.step_s() for _ in range(4)] == [0.0, 0.0, 3600.0, 0.0]


def test_the_kernel_is_asked_without_being_changed():
    found = kernel()
    assert found.is_kept in {True, False, None}
    assert found.error_s is None or 0 <= found.error_s < 60
