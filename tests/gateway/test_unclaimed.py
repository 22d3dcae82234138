"""Files of the spool that no arrival names leave it, and never one that has a row: whatever is sent again meanwhile."""

import time

import pytest

from dicom_scp.file_meta import FileMeta
from gateway.storage import unclaimed
from gateway.storage.unclaimed import KEPT_ASIDE_S, PATIENCE_S, WALK_EVERY_S, Sweeper, waiting
from tests.gateway.shelf import CT, EXPLICIT, Archive, a_shelf, dataset


@pytest.fixture
def shelf(tmp_path):
    with a_shelf(tmp_path, Archive()) as shelf:
        yield shelf


@pytest.fixture
def sweeper(shelf):
    return Sweeper(shelf.desk)


def orphan(shelf, uid="1.2.9"):
    """What a listener leaves that is killed between the rename and the commit."""
    stored = shelf.spool.store(dataset(uid), FileMeta(CT, uid, EXPLICIT))
    return shelf.desk.spooled(stored.path)


def files(shelf):
    return {path.stem for path in shelf.desk.config.spool_dir.glob("datasets/*/*/*")}


def wait_a_day(shelf, monkeypatch):
    later = time.time() + KEPT_ASIDE_S + 60
    monkeypatch.setattr(unclaimed.time, "time", lambda: later)


def test_a_file_without_an_arrival_is_set_aside_and_a_day_later_removed(shelf, sweeper, monkeypatch):
    kept, left = shelf.file(shelf.receive("1.2.1")), orphan(shelf)
    stranger = left.with_name("notes.dcm")
    stranger.write_text("whoever put this here wants it")
    sweeper.turn(0)
    assert left.exists(), "one look is not enough"
    sweeper.turn(WALK_EVERY_S)
    assert not left.exists()
    assert waiting(shelf.desk.config.spool_dir)[0] == 1
    sweeper.turn(WALK_EVERY_S + 10)
    assert waiting(shelf.desk.config.spool_dir)[0] == 1
    wait_a_day(shelf, monkeypatch)
    sweeper.turn(WALK_EVERY_S + 20)
    assert waiting(shelf.desk.config.spool_dir) == (0, 0)
    assert kept.exists()
    assert stranger.exists()


def test_two_looks_are_an_hour_apart(shelf, sweeper, monkeypatch):
    monkeypatch.setattr(unclaimed, "WALK_EVERY_S", 1.0)
    left = orphan(shelf)
    for moment in (0, PATIENCE_S - 1):
        sweeper.turn(moment)
        assert left.exists()
    sweeper.turn(PATIENCE_S + 1)
    assert not left.exists()


def test_what_is_sent_again_between_two_looks_is_another_file(shelf, sweeper):
    left = orphan(shelf)
    sweeper.turn(0)
    left.unlink()
    assert orphan(shelf) == left
    sweeper.turn(WALK_EVERY_S)
    assert left.exists()


@pytest.mark.parametrize("commits_first", [True, False])
def test_what_is_sent_again_while_the_sweeper_reaches_for_it_stays(
    shelf, sweeper, monkeypatch, commits_first
):
    """The race: between the last look at a suspect and its removal a listener renames the same bytes to its place."""
    left = orphan(shelf)
    before = left.read_bytes()
    sweeper.turn(0)
    real = type(left).rename

    def rename(self, target):
        if "unclaimed" in str(target) and self == left:
            scratch = left.with_suffix(".part")
            scratch.write_bytes(before)
            scratch.replace(left)
        return real(self, target)

    monkeypatch.setattr(type(left), "rename", rename)
    if commits_first:
        monkeypatch.setattr(unclaimed, "_contains", lambda *_: False)
        shelf.receive("1.2.9")
    sweeper.turn(WALK_EVERY_S)
    assert left.read_bytes() == before
    assert waiting(shelf.desk.config.spool_dir)[0] == 0


def test_no_arrival_can_be_committed_while_a_file_is_away(shelf, sweeper, monkeypatch):
    orphan(shelf)
    sweeper.turn(0)
    tried = []

    def try_to_commit(self, other, real=unclaimed._Mark.is_content_of):
        engine = shelf.desk.ledger.engine
        connection = engine.raw_connection()
        try:
            connection.execute("PRAGMA busy_timeout=50")
            connection.execute("BEGIN IMMEDIATE")
        except engine.dialect.loaded_dbapi.OperationalError as exc:
            tried.append(str(exc))
        finally:
            connection.close()
        return real(self, other)

    monkeypatch.setattr(unclaimed._Mark, "is_content_of", try_to_commit)
    sweeper.turn(WALK_EVERY_S)
    assert tried == ["database is locked"]


def test_an_arrival_that_was_committed_after_all_gets_its_file_back(shelf, sweeper, monkeypatch):
    """A listener that slept for hours between rename and commit, or a keeper that was killed in between."""
    left = orphan(shelf)
    before = left.read_bytes()
    sweeper.turn(0)
    sweeper.turn(WALK_EVERY_S)
    assert not left.exists()
    number = shelf.receive("1.2.9")
    left.unlink()
    wait_a_day(shelf, monkeypatch)
    Sweeper(shelf.desk).turn(0)
    assert shelf.file(number).read_bytes() == before
    assert waiting(shelf.desk.config.spool_dir)[0] == 0


@pytest.mark.parametrize("garbage", [b"", bytes(4096)])
def test_what_a_power_cut_left_under_the_name_never_goes_back(shelf, sweeper, monkeypatch, garbage):
    left = orphan(shelf)
    left.write_bytes(garbage)
    sweeper.turn(0)
    sweeper.turn(WALK_EVERY_S)
    number = shelf.receive("1.2.9")
    before = shelf.file(number).read_bytes()
    sweeper.turn(WALK_EVERY_S + 10)
    assert shelf.file(number).read_bytes() == before
    wait_a_day(shelf, monkeypatch)
    sweeper.turn(WALK_EVERY_S + 20)
    assert waiting(shelf.desk.config.spool_dir) == (0, 0)


def test_the_ledger_is_asked_again_before_anything_is_touched(shelf, sweeper, monkeypatch):
    """A commit after the walk's look at the ledger: what the walk knew is old by then."""
    number = shelf.receive("1.2.1")
    monkeypatch.setattr(unclaimed, "_contains", lambda *_: False)
    sweeper.turn(0)
    sweeper.turn(WALK_EVERY_S)
    assert shelf.file(number).exists()
    assert waiting(shelf.desk.config.spool_dir)[0] == 0
