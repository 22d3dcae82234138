"""Scanners, channels and clocks that fall silent: opened once, told to IT, told again quietly, closed and said so."""

import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from benchmarks.running import free_port
from benchmarks.small_phone import SmallPhone
from gateway.config import Config
from gateway.desk import Desk
from gateway.ledger.ledger import Ledger
from gateway.ledger.sources import SourceVisit
from gateway.ledger.sources_tables import visits
from gateway.ledger.statements import put
from gateway.ledger.troubles import TroubleKind
from gateway.silence.channel_watch import ChannelWatch
from gateway.silence.clock_watch import KERNEL, ClockWatch, references_of
from gateway.silence.scanner_watch import SCANNERS, ScannerWatch
from gateway.silence.telling import Teller
from gateway.silence.watch import SilenceWatch
from gateway.team.contacts import ChannelKind, Contact
from gateway.team.people import Person, Role
from viewer_bridge.report.wording.language import Language

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""Ten o'clock on a Monday in Hanoi."""


def desk_of(tmp_path, **silence):
    tables = {"site": {"data_dir": tmp_path / "data"}, "silence": {"probe_every_minutes": 0.0001, **silence}}
    config = Config.model_validate({**tables, "alerts": {"levels": []}})
    return Desk(config, Ledger.open(config.ledger_url), client=None, orthanc=None, analysts=None)


@pytest.fixture
def desk(tmp_path):
    made = desk_of(tmp_path)
    yield made
    made.switchboard.close()
    made.ledger.engine.dispose()


def employ(desk, role, *addresses, language=Language.ENGLISH):
    person = Person(str(uuid4()), f"p{uuid4().hex[:6]}", "CANARY NGUYEN", frozenset({role}), language)
    desk.ledger.people.add(person, NOW)
    contacts = [
        Contact(str(uuid4()), person.id, place, ChannelKind.WEBHOOK, address, SmallPhone.secret)
        for place, address in enumerate(addresses)
    ]
    desk.ledger.people.set_contacts(person.id, contacts)
    return person


def a_past(ledger, name, last, every=timedelta(minutes=20), days=21, lag_s=40.0):
    """Visits by day and night until `last`."""
    number = int(timedelta(days=days) / every)
    rows = [
        SourceVisit(
            f"{name}{n}", name, f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", f"{at:%Y-%m-%dT%H:%M:%S.%fZ}", 9, lag_s
        )
        for n in range(number)
        if (at := last - every * n)
    ]
    put(ledger.engine, visits, [{name: getattr(row, name) for name in row.__slots__} for row in rows])


def kinds(ledger):
    return {(each.kind, each.subject) for each in ledger.troubles.open_now()}


def told(desk, phone, count, now=NOW):
    """Have the teller look until the phone has so many notices."""
    teller, deadline = Teller(desk), time.monotonic() + 20
    while len(phone.alerts) < count and time.monotonic() < deadline:
        teller.turn(now)
        time.sleep(0.05)
    while teller.turn(now) and time.monotonic() < deadline:
        time.sleep(0.05)
    return phone.alerts


def test_a_silent_scanner_is_told_once_again_quietly_and_over(desk):
    watch, ledger = ScannerWatch(desk.config, desk.ledger), desk.ledger
    a_past(ledger, "CT01", NOW - timedelta(hours=9))
    a_past(ledger, "CT02", NOW - timedelta(minutes=5))
    with SmallPhone() as phone:
        employ(desk, Role.IT, phone.url, language=Language.VIETNAMESE)
        employ(desk, Role.STROKE_DOCTOR, "http://127.0.0.1:9/")
        for _ in range(2):
            watch.turn(NOW)
        assert kinds(ledger) == {(TroubleKind.SCANNER_SILENT, "CT01")}
        (first,) = told(desk, phone, 1)
        assert first["headline"] == "Không có ảnh từ CT01"
        assert (
            "usually sends every 20 min on Monday mornings; the last image came 9 h ago" in first["lines"][0]
        )
        assert first["urgent"]
        assert "CANARY" not in str(first)
        assert len(told(desk, phone, 1)) == 1, "by whoever takes over after a restart"
        again = told(desk, phone, 2, NOW + timedelta(hours=13))
        assert not again[1]["urgent"]
        a_past(ledger, "CT01", NOW, days=1)
        ScannerWatch(desk.config, ledger).turn(NOW)
        assert kinds(ledger) == set()
        ends = told(desk, phone, 3)
        assert (ends[2]["headline"], ends[2]["urgent"]) == ("ĐÃ HẾT: Không có ảnh từ CT01", False)
        assert len(told(desk, phone, 3)) == 3


def test_a_scanner_that_nobody_waits_for_is_no_trouble(desk):
    watch = ScannerWatch(desk.config, desk.ledger)
    a_past(desk.ledger, "CT01", NOW - timedelta(hours=9))
    watch.turn(NOW)
    assert kinds(desk.ledger)
    desk.ledger.sources.expect_no_more("CT01", "Le", NOW)
    watch.turn(NOW)
    assert kinds(desk.ledger) == set()
    assert desk.ledger.troubles.latest(1)[0].closing == "nobody waits for it any more"
    assert [look.is_expected for look in watch.look(NOW)] == [False]


def test_a_scanner_that_left_months_ago_stays_silent(desk):
    watch = ScannerWatch(desk.config, desk.ledger)
    a_past(desk.ledger, "CT01", NOW - timedelta(days=200))
    watch.forget()
    watch.turn(NOW)
    assert kinds(desk.ledger) == {(TroubleKind.SCANNER_SILENT, "CT01")}


def test_one_wrong_clock_is_the_scanners_and_most_are_ours(desk):
    watch, ledger = ScannerWatch(desk.config, desk.ledger), desk.ledger
    a_past(ledger, "CT01", NOW, lag_s=-300.0)
    a_past(ledger, "CT02", NOW)
    a_past(ledger, "MR01", NOW)
    watch.turn(NOW)
    assert kinds(ledger) == {(TroubleKind.SCANNER_CLOCK, "CT01")}
    a_past(ledger, "CT02", NOW, lag_s=-310.0)
    watch.turn(NOW)
    assert kinds(ledger) == {(TroubleKind.OUR_CLOCK, SCANNERS)}
    assert "about 5 min behind" in ledger.troubles.open_now()[0].detail


def test_a_dead_channel_is_told_by_the_next_one_and_its_end_as_well(desk):
    port, ledger = free_port(), desk.ledger
    with SmallPhone() as phone:
        employ(desk, Role.IT, f"http://127.0.0.1:{port}/alert", phone.url)
        watch = ChannelWatch(desk)
        for _ in range(2):
            watch.list_all(desk.now())
            watch.probe_due()
            time.sleep(0.02)
        (trouble,) = ledger.troubles.open_now()
        assert trouble.kind is TroubleKind.CHANNEL_DEAD
        assert str(port) not in trouble.detail + trouble.subject
        assert phone.alerts == [], "a probe disturbs nobody"
        (notice,) = told(desk, phone, 1)
        assert notice["headline"].startswith("Alert channel fails: ")
        people = ledger.people
        (person,) = people.all()
        people.set_contacts(
            person.id, [each for each in people.contacts_of([person.id])[person.id] if each.place]
        )
        watch.list_all(desk.now())
        assert ledger.troubles.open_now() == []
        assert told(desk, phone, 2)[1]["lines"] == ["nobody uses it any more"]


def test_probes_are_spread_over_the_hour_and_each_address_is_tried_once(tmp_path):
    desk = desk_of(tmp_path, probe_every_minutes=60)
    for number in range(30):
        employ(desk, Role.STROKE_DOCTOR, f"http://127.0.0.1:9/{number}", "http://127.0.0.1:9/shared")
    ChannelWatch(desk).list_all(NOW)
    rows = desk.ledger.health.channels()
    assert len(rows) == 31
    assert max(row.used_by for row in rows) == 30
    tenths = {int((datetime.fromisoformat(row.next_at) - NOW).total_seconds() // 360) for row in rows}
    assert len(tenths) >= 7
    desk.switchboard.close()
    desk.ledger.engine.dispose()


def test_our_clock_is_looked_at_and_a_step_is_told(desk):
    shown = iter([(0.0, 0.0), (30.0, 30.0), (5000.0, 60.0), *[(5030.0 + n, 90.0 + n) for n in range(9)]])
    watch = ClockWatch(desk.config, desk.ledger)
    watch._steps = type(watch._steps)(lambda: next(shown))
    watch.look_around(NOW)
    assert [each.reference for each in desk.ledger.health.clocks()] == [KERNEL]
    for minute in range(3):
        watch.look_at_steps(NOW + timedelta(minutes=minute))
    (trouble,) = desk.ledger.troubles.open_now()
    assert "set forward by 82 min" in trouble.detail
    watch.look_at_steps(NOW + timedelta(hours=25))
    assert desk.ledger.troubles.open_now() == []


def test_only_other_machines_are_asked_for_the_time():
    tables = {"orthanc": {"url": "http://archive.hospital:8042"}}
    assert references_of(Config.model_validate(tables)) == {"archive": "http://archive.hospital:8042"}
    assert references_of(Config.model_validate({"orthanc": {"url": "http://127.0.0.1:8042"}})) == {}


def test_the_whole_round_turns_on_an_empty_site_and_opens_nothing(desk):
    watch = SilenceWatch(desk)
    assert watch.turn() > 0
    assert desk.ledger.troubles.open_now() == []
    desk.ledger.troubles.open(TroubleKind.NOBODY_ON_DUTY, Role.STROKE_DOCTOR.value, "nobody", NOW)
    desk.ledger.troubles.open(
        TroubleKind.NOBODY_REACHED, Role.STROKE_DOCTOR.value, "nobody", NOW - timedelta(days=2)
    )
    watch._look_at_duty(NOW)
    assert {each.kind for each in desk.ledger.troubles.open_now()} == {TroubleKind.NOBODY_ON_DUTY}
