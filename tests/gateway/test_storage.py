"""Nothing leaves the spool that the archive was not seen to hold, and nothing rots unseen."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from gateway import cli
from gateway.ledger.records import Cause, DeliveryKind, ObjectState, Round
from gateway.steps.forwarding import forward_images
from gateway.storage import retention, scrub, sightings
from gateway.storage.restoration import missing_from
from tests.gateway.shelf import SERIES, STUDY, Archive, a_shelf

EVERYTHING = 10**9
NEVER_ENOUGH = 2**62


@pytest.fixture
def shelf(tmp_path):
    with a_shelf(tmp_path, Archive(), comfort_free_bytes=NEVER_ENOUGH) as shelf:
        yield shelf


@pytest.fixture
def archive(shelf):
    return shelf.desk.orthanc


def forward(shelf):
    forward_images(shelf.desk, shelf.desk.ledger.cases.of_study(STUDY).id)


def forwarded(shelf, count: int, **how) -> list[int]:
    arrivals = [shelf.receive(f"1.2.{number}", **how) for number in range(1, count + 1)]
    forward(shelf)
    return arrivals


def see_twice(shelf):
    sightings.look_for_new(shelf.desk)
    sightings.look_again(shelf.desk)


def test_an_object_is_safe_when_it_was_seen_twice(shelf):
    forwarded(shelf, 2)
    sightings.look_for_new(shelf.desk)
    assert shelf.states() == {"forwarded": 2}, "once is not enough"
    sightings.look_again(shelf.desk)
    assert shelf.states() == {"seen": 2}


def test_two_looks_are_a_day_apart(tmp_path):
    with a_shelf(tmp_path, Archive(), second_sighting_after_hours=24) as shelf:
        forwarded(shelf, 1)
        see_twice(shelf)
        assert shelf.states() == {"forwarded": 1}


def test_what_the_archive_lost_is_forwarded_again(shelf, archive):
    """A6: all of it, at the first look as at the second."""
    forwarded(shelf, 10)
    for name in ("1.2.3", "1.2.7"):
        del archive.files[name]
    sightings.look_for_new(shelf.desk)
    assert shelf.states() == {"forwarded": 8, "pending": 2}
    forward(shelf)
    sightings.look_for_new(shelf.desk)
    archive.files.clear()
    sightings.look_again(shelf.desk)
    assert shelf.states() == {"pending": 10}
    forward(shelf)
    assert len(archive.files) == 10


def test_after_a_start_the_first_look_is_taken_again(shelf, archive):
    forwarded(shelf, 1)
    sightings.look_for_new(shelf.desk)
    archive.files.clear()
    shelf.holdings.doubt_recent_sightings()
    assert sightings.look_for_new(shelf.desk) == 1


def test_other_content_under_the_uid_is_no_sighting_and_stays_here(shelf, archive):
    first, second = shelf.receive("1.2.1"), shelf.receive("1.2.1", patient=b"P2")
    forward(shelf)
    see_twice(shelf)
    assert {shelf.get(first).state, shelf.get(second).state} == {ObjectState.SEEN, ObjectState.SHADOWED}
    assert retention.make_room(shelf.desk) == 0
    assert shelf.file(first).exists()
    assert shelf.file(second).exists()


def test_the_same_image_with_another_head_is_the_same_image(shelf, archive):
    forwarded(shelf, 1)
    archive.files["1.2.1"] = archive.files["1.2.1"].replace(b"STROKEGW_0_1", b"SCANNER__9_9")
    see_twice(shelf)
    assert shelf.states() == {"seen": 1}


def test_an_archive_whose_disk_lost_the_bytes_is_not_trusted(shelf, archive):
    forwarded(shelf, 1)
    archive.damaged.add("1.2.1")
    see_twice(shelf)
    assert shelf.states() == {"shadowed": 1}


def test_only_the_safe_the_old_and_the_finished_leave_oldest_first(shelf):
    old, young = [forwarded(shelf, 4, age_h=5), shelf.receive("1.2.9")]
    working = shelf.receive("1.3.1", study="1.3", series="1.3.0", age_h=9)
    also = shelf.receive("1.3.2", study="1.3", series="1.3.0", age_h=9)
    key = shelf.desk.ledger.deliveries.queue(
        shelf.desk.ledger.cases.of_study("1.3").id, 1, DeliveryKind.EMR, "his", datetime.now(UTC)
    )
    forward(shelf)
    forward_images(shelf.desk, shelf.desk.ledger.cases.of_study("1.3").id)
    assert retention.make_room(shelf.desk) == 0, "nothing was seen twice"
    see_twice(shelf)
    assert retention.make_room(shelf.desk) == 3
    assert [shelf.file(number).exists() for number in old] == [True, False, False, False], (
        "one names the patient"
    )
    assert shelf.file(young).exists()
    assert shelf.file(working).exists()
    shelf.desk.ledger.deliveries.delivered(key, datetime.now(UTC))
    assert retention.make_room(shelf.desk) == 1
    assert not shelf.file(also).exists()


def test_with_room_enough_nothing_leaves_before_its_time(tmp_path):
    with a_shelf(tmp_path, Archive(), comfort_free_bytes=0) as shelf:
        forwarded(shelf, 3, age_h=5)
        see_twice(shelf)
        assert retention.make_room(shelf.desk) == 0
    with a_shelf(tmp_path, shelf.desk.orthanc, comfort_free_bytes=0, longest_keep_hours=4) as shelf:
        assert retention.make_room(shelf.desk) == 2


def test_the_last_look_before_the_removal_counts(shelf, archive):
    forwarded(shelf, 3, age_h=5)
    see_twice(shelf)
    archive.files.clear()
    assert retention.make_room(shelf.desk) == 0
    assert shelf.states() == {"seen": 1, "forwarded": 2}
    sightings.look_for_new(shelf.desk)
    assert shelf.states() == {"seen": 1, "pending": 2}


def test_a_crash_between_record_and_removal_leaves_no_file_for_ever(shelf):
    _, second = forwarded(shelf, 2, age_h=5)
    see_twice(shelf)
    shelf.holdings.archived([second])
    retention.finish(shelf.desk)
    assert not shelf.file(second).exists()


def test_what_left_comes_back_for_a_new_analysis_or_is_missed_in_words(shelf, archive):
    forwarded(shelf, 3, age_h=5)
    see_twice(shelf)
    retention.make_room(shelf.desk)
    archive.alive = False
    images = shelf.holdings.of_series(STUDY, SERIES)
    assert "the archive does not answer" in missing_from(shelf.desk, images)
    archive.alive = True
    assert missing_from(shelf.desk, images) == ""
    assert all(shelf.file(image.arrival_id).exists() for image in images)
    assert shelf.states()["forwarded"] == 2, "seen twice anew before it may leave again"
    see_twice(shelf)
    retention.make_room(shelf.desk)
    archive.files.clear()
    assert "send them again" in missing_from(shelf.desk, shelf.holdings.of_series(STUDY, SERIES))


def test_every_flipped_bit_is_found_and_mended_from_the_archive(shelf, archive):
    """A7: fifty files, one bit each, in the head as in the dataset."""
    arrivals = forwarded(shelf, 50)
    whole = [shelf.file(number).read_bytes() for number in arrivals]
    chance = random.Random(7)
    for number, file in zip(arrivals, whole, strict=True):
        shelf.flip(number, chance.randrange(8 * len(file)))
    found = scrub.scrub(shelf.desk, EVERYTHING)
    assert (found.damaged, found.mended) == (50, 50)
    assert [shelf.file(number).read_bytes() for number in arrivals] == whole
    assert shelf.states() == {"forwarded": 50}


def test_what_nobody_has_any_more_is_quarantined_until_it_is_sent_again(shelf):
    rotten = shelf.receive("1.2.1")
    shelf.flip(rotten, 8 * 400)
    scrub.scrub(shelf.desk, EVERYTHING)
    assert shelf.get(rotten).cause is Cause.DAMAGED
    assert shelf.holdings.of_series(STUDY, SERIES) == [], "nor analysed"
    forward(shelf)
    assert shelf.states() == {"quarantined": 1}, "nor forwarded"
    shelf.receive("1.2.1")
    shelf.holdings.save_round(scrub.NAME, Round())
    scrub.scrub(shelf.desk, EVERYTHING)
    assert shelf.states() == {"pending": 1}


def test_a_scrub_goes_on_where_it_was_and_rests_between_two_rounds(shelf):
    arrivals = [shelf.receive(f"1.2.{number}") for number in range(1, 6)]
    assert [scrub.scrub(shelf.desk, 1).position for _ in arrivals] == arrivals
    assert scrub.scrub(shelf.desk, 1).finished_at is not None
    shelf.flip(arrivals[0], 8 * 400)
    assert scrub.scrub(shelf.desk, EVERYTHING).damaged == 0, "a week has not passed"
    done = shelf.holdings.round(scrub.NAME)
    week = (datetime.now(UTC) - timedelta(days=8)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    shelf.holdings.save_round(scrub.NAME, Round(started_at=week, finished_at=done.finished_at))
    assert scrub.scrub(shelf.desk, EVERYTHING).damaged == 1


def test_what_was_sent_again_after_it_left_is_known_to_be_here(shelf):
    _, second = forwarded(shelf, 2, age_h=5)
    see_twice(shelf)
    retention.make_room(shelf.desk)
    shelf.receive("1.2.2")
    scrub.scrub(shelf.desk, EVERYTHING)
    assert shelf.get(second).state is ObjectState.FORWARDED


def test_a_person_lets_what_is_held_back_be_tried_again(shelf, archive):
    first, second = forwarded(shelf, 2)
    shelf.holdings.quarantine(first, Cause.DEADLY, "the archive died twice")
    shelf.holdings.died_of([first, first])
    assert [item.arrival_id for item in shelf.holdings.held_back()] == [first]
    assert shelf.holdings.retry([first, second]) == 1, "only what is held back"
    assert (shelf.get(first).archive_deaths, shelf.get(first).cause) == (0, None)
    forward(shelf)
    assert shelf.states() == {"forwarded": 2}
    assert shelf.holdings.retry([first]) == 0


def test_what_is_still_damaged_comes_back_at_once_however_young(shelf, archive):
    rotten = shelf.receive("1.2.1")
    shelf.flip(rotten, 8 * 400)
    shelf.holdings.quarantine(rotten, Cause.DAMAGED, "damaged")
    shelf.holdings.retry([rotten])
    forward(shelf)
    assert shelf.states() == {"quarantined": 1}
    assert archive.files == {}


def test_the_command_lists_and_tries_again(shelf, capsys, monkeypatch):
    monkeypatch.setattr("gateway.logs.configure", lambda *_: None)
    data_dir = str(shelf.desk.config.site.data_dir)
    numbers = [shelf.receive(f"1.2.{number}") for number in (1, 2, 3)]
    for number in numbers:
        shelf.holdings.quarantine(number, Cause.STRUCTURE, f"reason {number}")
    assert cli.main(["retry", "--data-dir", data_dir]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert cli.main(["retry", "--data-dir", data_dir, shelf.get(numbers[0]).digest[:12]]) == 0
    assert shelf.states() == {"pending": 1, "quarantined": 2}
    assert cli.main(["retry", "--data-dir", data_dir, "0123"]) == 2
    assert "no object that is held back" in capsys.readouterr().err
    assert cli.main(["retry", "--data-dir", data_dir, "--all"]) == 0
    assert shelf.states() == {"pending": 3}
