"""A real Orthanc: what it says of the bytes it holds, and what kills it."""

import hashlib
import os
import subprocess

import pytest

from benchmarks.running import free_port
from dicom_scp.file_meta import FileMeta
from gateway.ledger.records import ObjectState
from gateway.steps.forwarding import Forwarded, forward_images
from gateway.storage import sightings
from gateway.storage.evidence import Held, fetch
from tests.gateway.shelf import CT, EXPLICIT, STUDY, a_shelf, dataset, nested
from triage.errors import TemporaryError
from viewer_bridge.archive.orthanc import Orthanc
from viewer_bridge.archive.private_orthanc import DICOMWEB_PLUGIN, PROGRAM, PrivateOrthanc


class Running:
    """A private Orthanc that can be started again when it died."""

    def __init__(self, folder) -> None:
        self.settings, self.deaths = PrivateOrthanc(folder, free_port()), 0
        self.start()
        self.client = Orthanc(self.settings.url)

    def start(self) -> None:
        launch = self.settings.prepare()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(launch.command, env={**os.environ, **launch.env}, **quiet)
        self.settings.wait_until_ready(60)

    def mend(self) -> None:
        """Start it again if it is dead, and count that."""
        if self.process.poll() is not None:
            self.deaths += 1
            self.start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(20)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    if not (PROGRAM.is_file() and DICOMWEB_PLUGIN.is_file()):
        pytest.skip("Orthanc or its DICOMweb plugin is not installed")
    running = Running(tmp_path_factory.mktemp("archive"))
    yield running
    running.client.close()
    running.stop()


@pytest.fixture
def shelf(running, tmp_path):
    with a_shelf(tmp_path, running.client) as shelf:
        yield shelf


def forward(shelf, running) -> None:
    case_id = shelf.desk.ledger.cases.of_study(STUDY).id
    for _ in range(10):
        if forward_images(shelf.desk, case_id) == Forwarded.ALL:
            return
        running.mend()


def test_it_states_the_digest_of_our_file_and_finds_its_own_damage(shelf, running):
    arrival = shelf.receive("1.2.31")
    forward(shelf, running)
    stored, file = shelf.get(arrival), shelf.file(arrival).read_bytes()
    assert running.client.md5(stored.archive_id) == hashlib.md5(file).hexdigest()
    assert running.client.instance_id("1.2.31") == stored.archive_id
    assert fetch(running.client, stored) == dataset("1.2.31")
    assert sightings.sight(shelf.desk, stored, thoroughly=True) is Held.SAME
    running.stop()
    kept = [p for p in running.settings.directory.rglob("*") if p.is_file() and p.stat().st_size == len(file)]
    (inside,) = [path for path in kept if path.read_bytes() == file]
    inside.write_bytes(file[:-1] + b"\xff")
    running.start()
    assert sightings.sight(shelf.desk, stored, thoroughly=False) is Held.SAME, "its index knows nothing of it"
    assert sightings.sight(shelf.desk, stored, thoroughly=True) is Held.DAMAGED


def test_other_content_under_a_uid_is_not_stored_and_that_is_seen(shelf, running):
    first, second = shelf.receive("1.2.32"), shelf.receive("1.2.32", more=b"")
    assert first == second, "the same bytes are one object"
    other = shelf.receive("1.2.32", series=f"{STUDY}.0", more=nested(1, undefined=True))
    forward(shelf, running)
    sightings.look_for_new(shelf.desk)
    sightings.look_again(shelf.desk)
    found = {shelf.get(number).state for number in (first, other)}
    assert found == {ObjectState.SEEN, ObjectState.SHADOWED}, "uploads run side by side: either may be first"


@pytest.mark.parametrize("undefined", [True, False])
def test_deep_nesting_is_withheld_and_others_go_on(shelf, running, undefined):
    deep = [
        shelf.receive(f"1.2.33.{depth}", more=nested(depth, undefined=undefined)) for depth in (50, 100, 1000)
    ]
    shallow = shelf.receive("1.2.33.32", more=nested(32, undefined=undefined))
    before = running.deaths
    forward(shelf, running)
    assert running.deaths == before
    assert {shelf.get(number).state for number in deep} == {ObjectState.QUARANTINED}
    assert shelf.get(shallow).state is ObjectState.FORWARDED


def test_what_is_withheld_really_kills(running):
    """The negative control."""
    file = FileMeta(CT, "1.2.34", EXPLICIT).encode() + dataset("1.2.34", more=nested(50, undefined=True))
    with pytest.raises(TemporaryError):
        running.client.upload(file)
    running.process.wait(20)
    running.mend()
    assert running.client.is_alive()


def test_what_killed_it_twice_is_never_sent_again(shelf, running, monkeypatch):
    """C3: with the cap out of the way, as for a poison that nobody knows."""
    monkeypatch.setattr("gateway.steps.forwarding.reason_to_withhold", lambda *_: "")
    poison = shelf.receive("1.2.35.1", more=nested(60, undefined=True))
    others = [shelf.receive(f"1.2.35.{number}") for number in range(2, 8)]
    before = running.deaths
    forward(shelf, running)
    assert running.deaths - before == 2
    assert shelf.get(poison).state is ObjectState.QUARANTINED
    assert {shelf.get(number).state for number in others} == {ObjectState.FORWARDED}
