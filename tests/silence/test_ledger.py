"""Troubles, visits and channels in the ledger, on both databases."""

from datetime import UTC, datetime, timedelta

from gateway.ledger.sources_health import ClockReference, Probe
from gateway.ledger.troubles import TroubleKind
from gateway.silence.scanner_clock import lag_s
from tests.silence.conftest import an_image

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)
SILENT = TroubleKind.SCANNER_SILENT


def lag(shown, received):
    return lag_s(shown, received, UTC)


def test_a_trouble_is_open_once_closed_once_and_may_come_again(any_ledger):
    troubles = any_ledger.troubles
    first = troubles.open(SILENT, "CT01", "for 3 h", NOW)
    again = troubles.open(SILENT, "CT01", "for 4 h", NOW + timedelta(hours=1))
    assert (again.id, again.opened_at, again.detail) == (first.id, first.opened_at, "for 4 h")
    assert troubles.open(SILENT, "CT02", "for 1 h", NOW).id != first.id
    troubles.told(again, NOW)
    troubles.told(again, NOW), "a repeat of the same telling counts once"
    assert troubles.get(first.id).tellings == 1
    assert troubles.close(SILENT, "CT01", "it sends again", NOW)
    assert not troubles.close(SILENT, "CT01", "it sends again", NOW)
    assert [each.id for each in troubles.closed_untold()] == [first.id], "who was told is told the end"
    troubles.closing_told(first.id, NOW)
    assert troubles.closed_untold() == []
    assert troubles.open(SILENT, "CT01", "for 2 h", NOW).id != first.id
    assert len(troubles.open_now(SILENT)) == 2


def test_visits_are_counted_once_and_end_with_a_pause(any_ledger):
    sources, at = any_ledger.sources, NOW
    for number, minutes in enumerate((0, 1, 2, 30, 31)):
        came = at + timedelta(minutes=minutes)
        shown = (came - timedelta(seconds=40 + 5 * number)).replace(tzinfo=None)
        any_ledger.arrivals.record(an_image(number, came, shown=shown))
    assert sources.tally(lag) == 5
    assert sources.tally(lag) == 0
    first, second = sources.visits("CT01", NOW - timedelta(days=1))
    assert (first.images, second.images) == (3, 2)
    assert (first.lag_s, second.lag_s) == (40.0, 55.0), "the soonest image of each"
    any_ledger.arrivals.record(an_image(9, at + timedelta(minutes=32)))
    sources.tally(lag)
    assert [visit.images for visit in sources.visits("CT01", NOW)] == [3, 3]
    assert sources.all()["CT01"][2] == 2


def test_a_scanner_that_nobody_waits_for_is_so_until_somebody_does(any_ledger):
    any_ledger.sources.expect_no_more("CT01", "Le", NOW)
    any_ledger.sources.expect_no_more("CT01", "Ha", NOW)
    assert any_ledger.sources.unexpected()["CT01"][0] == "Le"
    any_ledger.sources.expect_again("CT01")
    assert any_ledger.sources.unexpected() == {}


def test_channels_keep_what_is_known_of_them_and_go_with_their_last_user(any_ledger):
    health = any_ledger.health
    rows = [Probe(key, "email", f"email#{key}", 1, f"{NOW:%Y-%m-%dT%H:%M:%S.000000Z}", "") for key in "ab"]
    health.list_channels(rows, NOW)
    assert health.failed(health.due(NOW)[0], "refused", NOW, NOW + timedelta(minutes=2)) == 1
    health.list_channels(rows, NOW)
    assert [each.failures for each in health.channels()] == [1, 0]
    health.list_channels(rows[1:], NOW)
    assert [each.key for each in health.channels()] == ["b"]
    health.saw_clock(ClockReference("archive", "agrees", "", 0.1, 0.6))
    health.saw_clock(ClockReference("archive", "differs", "", 90.0, 0.6))
    assert [each.said for each in health.clocks()] == ["differs"]
