"""Every way an upload can end leaves an object in a named state, and the run alive."""

import gc
import weakref

import pytest

from gateway.ledger.records import Cause
from gateway.steps.forwarding import Forwarded, forward_images
from tests.gateway.shelf import STUDY, Archive, a_shelf, nested
from triage.errors import ConfigError, InputError, TemporaryError


@pytest.fixture
def shelf(tmp_path):
    with a_shelf(tmp_path, Archive()) as shelf:
        shelf.good, shelf.other = shelf.receive("1.2.1"), shelf.receive("1.2.2", more=b"")
        yield shelf


@pytest.fixture
def archive(shelf):
    return shelf.desk.orthanc


def forward(shelf):
    return forward_images(shelf.desk, shelf.desk.ledger.cases.of_study(STUDY).id), shelf.states()


def failing_for(archive, uid: str, fault: Exception):
    taken = archive.upload

    def upload(dicom):
        if uid.encode() in dicom:
            raise fault
        return taken(dicom)

    archive.upload = upload
    return taken


@pytest.mark.parametrize(
    "fault", [TemporaryError("away"), ConfigError("wrong password")], ids=["away", "password"]
)
def test_what_the_archive_did_not_take_waits(shelf, archive, fault):
    taken = failing_for(archive, "1.2.2", fault)
    assert forward(shelf) == (Forwarded.AWAY, {"forwarded": 1, "pending": 1})
    archive.upload = taken
    assert forward(shelf) == (Forwarded.SOME, {"forwarded": 2})
    assert forward(shelf)[0] == Forwarded.ALL


def test_what_the_archive_refuses_does_not_hold_up_the_rest(shelf, archive):
    failing_for(archive, "1.2.2", InputError("not acceptable"))
    assert forward(shelf) == (Forwarded.SOME, {"forwarded": 1, "refused": 1})


def test_a_file_that_cannot_be_read_is_named_and_does_not_hold_up_the_rest(shelf):
    shelf.file(shelf.other).unlink()
    assert forward(shelf) == (Forwarded.SOME, {"forwarded": 1, "refused": 1})


def test_what_rotted_while_it_waited_is_not_forwarded(shelf, archive):
    rotten = shelf.receive("1.2.3", age_h=1)
    shelf.flip(rotten, 8 * 400 + 3)
    assert forward(shelf) == (Forwarded.SOME, {"forwarded": 2, "quarantined": 1})
    assert shelf.get(rotten).cause is Cause.DAMAGED
    assert set(archive.files) == {"1.2.1", "1.2.2"}


def test_what_would_kill_an_archive_is_not_forwarded(shelf, archive):
    deep = shelf.receive("1.2.3", more=nested(50, undefined=False))
    assert forward(shelf) == (Forwarded.SOME, {"forwarded": 2, "quarantined": 1})
    assert "deeper than 32" in shelf.get(deep).reason
    assert set(archive.files) == {"1.2.1", "1.2.2"}


def test_an_archive_that_was_away_before_accuses_nobody(shelf, archive):
    archive.alive = False
    for _ in range(5):
        assert forward(shelf)[0] == Forwarded.AWAY
    assert shelf.states() == {"pending": 2}


def test_an_archive_dies_at_most_twice_of_one_object_and_the_others_go_on(shelf, archive):
    archive.deadly = b"POISON"
    poison = shelf.receive("1.2.3", patient=b"POISON")
    later = [shelf.receive(f"1.2.4.{number}") for number in range(10)]
    for _ in range(20):
        if forward(shelf)[0] == Forwarded.ALL:
            break
        archive.alive = True  # its supervisor starts it again
    assert archive.deaths == 2
    assert shelf.get(poison).cause is Cause.DEADLY
    assert "died 2 times" in shelf.get(poison).reason
    assert shelf.states() == {"forwarded": 2 + len(later), "quarantined": 1}


def test_bystanders_of_a_death_are_acquitted(shelf, archive):
    shelf.holdings.died_of([shelf.good])
    forward(shelf)
    forward(shelf)
    assert shelf.states() == {"forwarded": 2}
    assert shelf.get(shelf.good).archive_deaths == 0


def test_a_failed_upload_does_not_keep_the_bytes(shelf, archive):
    """An error refers to the frames that it passed, and they to the file: gigabytes, of every attempt."""
    raised = []

    class AwayError(TemporaryError):
        def __init__(self) -> None:
            super().__init__("away")
            raised.append(weakref.ref(self))

    def upload(_dicom):
        raise AwayError

    archive.upload = upload
    gc.disable()
    try:
        forward(shelf)
        assert raised
        assert not any(fault() for fault in raised)
    finally:
        gc.enable()
