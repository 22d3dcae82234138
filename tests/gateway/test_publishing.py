"""Results into a real Orthanc: in order, compared, and whole after every refusal, outage and kill."""

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event
from uuid import NAMESPACE_OID, uuid5

import pytest
from dbos import run_dbos_database_migrations
from pydicom import dcmread

from benchmarks.running import toml
from gateway.engine import Client
from gateway.jobs import render
from gateway.jobs.orders import OBJECTS, RenderOrder
from gateway.lanes import Priority, Queue
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import DeliveryKind, DeliveryState
from gateway.steps.parcels import Kind, parcels_in, stages
from tests.gateway.between import STORED, Door
from tests.gateway.house import a_house
from tests.viewer_bridge.conftest import RunningOrthanc
from viewer_bridge.archive.orthanc import Orthanc
from viewer_bridge.archive.private_orthanc import USER

PUBLISHER = Path(__file__).parent / "a_publisher.py"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RunningOrthanc(tmp_path_factory.mktemp("orthanc"))
    yield server
    server.stop()


@pytest.fixture
def door(server):
    door = Door(server.settings.url)
    yield door
    door.close()


STUDY = "2.25.20261122"


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    """Draws as the child process does, once for all tests."""
    drawn = tmp_path_factory.mktemp("drawn") / OBJECTS

    def draw(_arguments, text, *_):
        order = RenderOrder(**json.loads(text))
        if not drawn.exists():
            render.run(order)
            shutil.copytree(Path(order.folder) / OBJECTS, drawn)
        else:
            shutil.copytree(drawn, Path(order.folder) / OBJECTS)

    return draw


@pytest.fixture
def house(tmp_path, door, server, drawing, monkeypatch):
    monkeypatch.setattr("gateway.steps.drawing.run_to_end", drawing)
    _empty(server)
    archive = Orthanc(door.url, USER, RunningOrthanc.password)
    with a_house(tmp_path, archive, STUDY) as house:
        house.conclude(house.whole)
        yield house
    archive.close()


def _empty(server) -> None:
    client = server.client()
    if name := client.study_id(STUDY):
        client._pool.request("DELETE", f"{client._root}/studies/{name}")
    client.close()


def parcels(house):
    case = house.case
    return parcels_in(house.desk.folder(case.id, case.revision) / OBJECTS, f"{house.study}.4", case.revision)


def publication(house):
    (found,) = [d for d in house.desk.ledger.deliveries.of_case(house.case.id) if d.kind == "publish"]
    return found


def in_archive(server, house) -> dict[str, str | None]:
    """MD5 that Orthanc states of each object of the present revision, by SOP instance UID, where it has it."""
    client = server.client()
    try:
        names = {
            parcel.sop_instance_uid: client.instance_id(parcel.sop_instance_uid) for parcel in parcels(house)
        }
        return {uid: client.md5(name) for uid, name in names.items() if name}
    finally:
        client.close()


def on_disk(house) -> dict[str, str]:
    return {p.sop_instance_uid: hashlib.md5(p.path.read_bytes()).hexdigest() for p in parcels(house)}


def held_once(server, house) -> bool:
    """Whether the archive's study is exactly what lies on disk: same series, same counts, same bytes."""
    client = server.client()
    counts: dict[str, int] = {}
    for parcel in parcels(house):
        counts[parcel.series_uid] = counts.get(parcel.series_uid, 0) + 1
    try:
        shown = {series: client.instance_count(series) for series in client.series_of(house.study)}
    finally:
        client.close()
    return shown == counts and in_archive(server, house) == on_disk(house)


def uid_of(body: bytes) -> str:
    return str(dcmread(io.BytesIO(body), stop_before_pixels=True).SOPInstanceUID)


def refusing(house, *kinds: Kind) -> Callable:
    def before(visit):
        refused = {p.sop_instance_uid for p in parcels(house) if p.kind in kinds}
        is_refused = (visit.method, visit.path) == STORED and uid_of(visit.body) in refused
        return (400, b'{"Message": "Bad file format"}') if is_refused else None

    return before


def test_nothing_is_seen_before_what_it_must_not_be_seen_without(house, door, server):
    assert all(house.deliver("publish").values())
    came = [uid_of(body) for body in door.uploads]
    expected = stages(parcels(house))
    assert expected[0][0].kind is Kind.PAGES
    begin = 0
    for stage in expected:
        assert set(came[begin : begin + len(stage)]) == {parcel.sop_instance_uid for parcel in stage}
        begin += len(stage)
    assert len(came) == begin, "one upload an object"
    assert held_once(server, house)
    assert publication(house).detail == f"{begin} objects, each compared"
    assert house.case.times["published_at"]


def test_a_refused_object_keeps_no_other_back_and_is_named(house, door, server):
    door.before = refusing(house, Kind.SEGMENTATION)
    assert house.deliver("publish")
    refused = [p for p in parcels(house) if p.kind is Kind.SEGMENTATION]
    delivery = publication(house)
    assert delivery.state is DeliveryState.FAILED
    assert delivery.detail.startswith(
        f"{len(refused)} of {len(parcels(house))} objects are not in the archive"
    )
    assert "HTTP 400 Bad file format" in delivery.detail
    assert in_archive(server, house).keys() == on_disk(house).keys() - {p.sop_instance_uid for p in refused}
    assert house.case.times["published_at"] is None

    door.before = lambda _visit: None
    house.engine.over.clear()
    assert all(house.deliver("publish").values()), "replayed"
    assert held_once(server, house)


def test_no_number_goes_without_its_page(house, door, server):
    door.before = refusing(house, Kind.PAGES)
    assert all(house.deliver("publish").values())
    assert publication(house).state is DeliveryState.FAILED
    assert in_archive(server, house) == {}


def test_a_filter_of_the_archive_is_a_refusal(house, door):
    door.before = lambda visit: (
        (200, b'{"ID": "x", "Status": "FilteredOut"}') if (visit.method, visit.path) == STORED else None
    )
    assert all(house.deliver("publish").values())
    assert "a filter of Orthanc" in publication(house).detail


def test_other_content_under_our_uid_is_seen_and_left_for_a_person(house, door, server):
    assert all(house.deliver("publish").values())
    changed = next(p for p in parcels(house) if p.kind is Kind.REFERENCE)
    content = bytearray(changed.path.read_bytes())
    content[-9] ^= 1
    before = in_archive(server, house)
    changed.path.write_bytes(content)
    house.engine.over.clear()
    assert all(house.deliver("publish").values())
    delivery = publication(house)
    assert delivery.state is DeliveryState.FAILED
    assert f"other content under the UID of reference {changed.sop_instance_uid}" in delivery.detail
    assert "OverwriteInstances" in delivery.detail
    assert in_archive(server, house) == before, "nothing is replaced there"


def test_more_in_our_series_than_we_made_is_seen(house, server):
    assert all(house.deliver("publish").values())
    extra = next(p for p in parcels(house) if p.kind is Kind.REFERENCE)
    ds = dcmread(extra.path)
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"{house.study}.99"
    raw = io.BytesIO()
    ds.save_as(raw, enforce_file_format=True)
    client = server.client()
    client.upload(raw.getvalue())
    client.close()
    house.engine.over.clear()
    assert all(house.deliver("publish").values())
    assert "shows 1 objects more in the series of reference" in publication(house).detail


def test_wrong_credentials_are_waited_for(house, door):
    door.before = lambda _visit: (401, b"")
    assert not any(house.deliver("publish").values())
    assert publication(house).state is DeliveryState.RETRYING
    assert "401" in publication(house).detail
    door.before = lambda _visit: None
    assert all(house.deliver("publish").values())


def test_an_archive_that_restarts_in_the_middle_has_everything_once(house, door, server):
    def after(visit):
        if visit.number == 6 and server.process.poll() is None:
            server.stop()

    door.after = after
    assert not any(house.deliver("publish").values())
    delivery = publication(house)
    assert delivery.state is DeliveryState.RETRYING
    assert "does not answer" in delivery.detail
    assert f"of {len(parcels(house))} objects are there" in delivery.detail
    assert not any(house.deliver("publish").values()), "and is still away"
    server.launch()
    assert all(house.deliver("publish").values())
    assert held_once(server, house)


class Overwriting(RunningOrthanc):
    """A site's own settings: the last upload wins, and what comes in is compressed."""

    def launch(self):
        launch = self.settings.prepare()
        path = Path(launch.command[-1])
        changed = json.loads(path.read_text()) | {
            "OverwriteInstances": True,
            "IngestTranscoding": "1.2.840.10008.1.2.4.70",
        }
        path.write_text(json.dumps(changed))
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(launch.command, env={**os.environ, **launch.env}, **quiet)
        self.settings.wait_until_ready()


def test_an_archive_that_overwrites_and_compresses_holds_the_same(house, tmp_path_factory):
    other = Overwriting(tmp_path_factory.mktemp("overwriting"))
    try:
        object.__setattr__(house.desk, "orthanc", other.client())
        for _ in range(2):
            assert all(house.deliver("publish").values()), publication(house).detail
            assert publication(house).state is DeliveryState.DELIVERED, publication(house).detail
            house.engine.over.clear()
        held = in_archive(other, house)
        assert held.keys() == on_disk(house).keys()
        assert held != on_disk(house), "the bytes differ, and the images do not"
    finally:
        house.desk.orthanc.close()
        other.stop()


KILLS = [(1, "after"), (7, "before"), (20, "after")]
"""At which upload the worker dies, before the archive has it or before the worker knows."""


def test_a_worker_killed_between_objects_leaves_each_of_them_once(tmp_path, door, server):
    study = f"2.25.{uuid5(NAMESPACE_OID, 'killed').int}"
    archive = server.client()
    with a_house(tmp_path / "site", archive, study) as house:
        revision = house.analyse(house.whole)
        case_id, ledger = house.case.id, house.desk.ledger
        key = ledger.deliveries.queue(case_id, revision, DeliveryKind.PUBLISH, "archive", house.desk.now())
        assert key == delivery_id_of(case_id, revision, DeliveryKind.PUBLISH, "archive")
        run_dbos_database_migrations(house.desk.config.engine_url)
        client = Client(house.desk.config.engine_url)
        client.submit(
            "deliver",
            key,
            "publish",
            case_id,
            revision,
            "archive",
            queue=Queue.DELIVER,
            priority=Priority.NORMAL,
        )
        config = tmp_path / "gateway.toml"
        login = {"url": door.url, "username": USER, "password": RunningOrthanc.password}
        config.write_text(toml({"site": {"data_dir": str(tmp_path / "site")}, "orthanc": login}))
        _kill_while_drawing(config, house)
        for number, when in KILLS:
            _kill_at(config, door, number, when)
            assert publication(house).state is not DeliveryState.DELIVERED
        objects = parcels(house)
        assert 0 < len(in_archive(server, house)) < len(objects), "the kills fell in the middle"
        door.before, door.after = lambda _visit: None, lambda _visit: None
        worker = _start(config)
        try:
            _wait_for(lambda: publication(house).state is DeliveryState.DELIVERED)
        finally:
            worker.kill()
            worker.wait()
            client.close()
        assert held_once(server, house)
        assert house.case.times["published_at"]
    archive.close()


def _start(config: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, PUBLISHER, config], stderr=subprocess.DEVNULL)


def _wait_for(reached: Callable[[], object], limit_s: float = 150) -> None:
    deadline = time.monotonic() + limit_s
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _kill_while_drawing(config: Path, house) -> None:
    """Kill the worker while its child writes the objects: none of them may be there."""
    folder = house.desk.folder(house.case.id, 1)
    worker = _start(config)
    try:
        _wait_for(lambda: list(folder.glob(f".{OBJECTS}.*")) or (folder / OBJECTS).exists())
    finally:
        worker.kill()
        worker.wait()
    assert worker.returncode == -signal.SIGKILL


def _kill_at(config: Path, door: Door, number: int, when: str) -> None:
    """Kill the worker at an upload; uploads count from its own start."""
    door.uploads.clear()
    hit = Event()

    def strike(visit) -> None:
        if visit.number >= number and (visit.method, visit.path) == STORED:
            worker.kill()
            worker.wait()
            hit.set()

    door.before, door.after = lambda _visit: None, lambda _visit: None
    if when == "after":
        door.after = strike
    else:
        door.before = lambda visit: (strike(visit), (500, b""))[1] if visit.number >= number else None
    worker = _start(config)
    try:
        assert hit.wait(150), "the kill must hit"
    finally:
        worker.kill()
        worker.wait()
