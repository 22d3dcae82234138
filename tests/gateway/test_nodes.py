"""Results to further PACS nodes: dcmtk's storescp, a second Orthanc, and a peer that answers as it is told."""

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, AllStoragePresentationContexts, evt

from benchmarks.running import NO_NAGLE, free_port
from gateway.config import Config
from gateway.jobs import render
from gateway.jobs.orders import OBJECTS, REJECTION, RenderOrder
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import DeliveryKind, DeliveryState
from gateway.pacs.storing import Verdict, reply_to
from gateway.runs.findings import dead_delivery
from gateway.steps import nodes
from gateway.steps.parcels import Kind, parcels_in
from gateway.steps.publishing import objects_of
from tests.dicom_scp.test_tls import authority, certificate
from tests.gateway.house import a_house
from tests.services.conftest import RunningOrthanc
from tests.viewer_bridge.drawn import refused
from triage.errors import TemporaryError

STORESCP = "/usr/bin/storescp"
STUDY = "2.25.20261123"
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"


@pytest.fixture(scope="module")
def drawing(tmp_path_factory):
    """Draws as the child process does, once for all tests, and keeps the first object of every series."""
    drawn = tmp_path_factory.mktemp("drawn")

    def draw(_arguments, text, *_):
        order = RenderOrder(**json.loads(text))
        known, target = drawn / str(order.revision), Path(order.folder) / OBJECTS
        if not known.exists():
            render.run(order)
            for path in _beyond_the_first(target):
                path.unlink()
            shutil.copytree(target, known)
        else:
            shutil.copytree(known, target)

    return draw


def _beyond_the_first(folder):
    seen = set()
    for path in sorted(folder.glob("*.dcm")):
        series = dcmread(path, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"]).SeriesInstanceUID
        if series in seen:
            yield path
        seen.add(series)


@pytest.fixture
def house(tmp_path, drawing, monkeypatch):
    monkeypatch.setattr("gateway.steps.drawing.run_to_end", drawing)
    nodes._places.clear()
    with a_house(tmp_path / "site", SimpleNamespace(upload=away), STUDY) as house:
        house.conclude(house.whole)
        objects_of(house.desk, house.case)
        yield house


def away(_file):
    raise AssertionError("nothing goes to the archive here")


def ruled(house, *rules):
    """The house with these nodes."""
    tables = house.desk.config.model_dump() | {"pacs": {"nodes": rules}}
    house.desk = replace(house.desk, config=Config.model_validate(tables))


def a_node(port, **rule):
    return {"name": "radiology", "ae_title": "RADPACS", "host": "127.0.0.1", "port": port, **rule}


def attempt(house, name="radiology"):
    """One attempt at the node; returns the delivery as the console shows it."""
    key = order(house, name)
    house.engine.over.discard(key)
    house.deliver("node")
    return house.desk.ledger.deliveries.get(key)


def order(house, name="radiology"):
    case = house.case
    for node in nodes.wanting(house.desk.config, case):
        key = house.desk.ledger.deliveries.queue(
            case.id, case.revision, DeliveryKind.NODE, node.name, house.desk.now()
        )
        house.engine.submit("deliver", key, "node", case.id, case.revision, node.name)
    return delivery_id_of(case.id, case.revision, DeliveryKind.NODE, name)


def parcels(house):
    case = house.case
    return parcels_in(house.desk.folder(case.id, case.revision) / OBJECTS, f"{STUDY}.4", case.revision)


@contextmanager
def storescp(folder, *options):
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [STORESCP, "-aet", "RADPACS", "-od", folder, *options, port]
    process = subprocess.Popen(
        list(map(str, command)),
        env={**os.environ, **NO_NAGLE},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        time.sleep(0.3)
        yield port
    finally:
        process.kill()
        process.wait()


class Peer:
    """A node that answers each C-STORE as `answer` says, by SOP class; None aborts the association."""

    def __init__(self, answer=lambda _number, _sop_class: 0x0000):
        self.came = []
        self.calling = set()
        ae = AE("RADPACS")
        ae.supported_contexts = AllStoragePresentationContexts
        for context in ae.supported_contexts:
            context.add_transfer_syntax(RLELossless)

        def store(event):
            status = answer(len(self.came) + 1, event.request.AffectedSOPClassUID)
            if status is None:
                event.assoc.abort()
                return 0xC000
            self.came.append(str(event.request.AffectedSOPInstanceUID))
            self.calling.add(event.assoc.requestor.ae_title)
            return status

        self._server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
        self.port = self._server.server_address[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()


def test_a_node_that_takes_implicit_little_endian_alone_gets_the_same_objects(house, tmp_path):
    folder = tmp_path / "node"
    with storescp(folder, "+xi", "+B") as port:
        ruled(house, a_node(port))
        delivery = attempt(house)
    assert delivery.state is DeliveryState.DELIVERED, delivery.detail
    expected = parcels(house)
    assert delivery.detail == f"{len(expected)} objects; {len(expected)}: converted to implicit little endian"
    stored = {str(ds.SOPInstanceUID): ds for ds in map(dcmread, folder.iterdir())}
    assert len(stored) == len(expected)
    for parcel in expected:
        ours, theirs = dcmread(parcel.path), stored[parcel.sop_instance_uid]
        assert theirs.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
        assert theirs.PatientName == ours.PatientName
        if parcel.kind in {Kind.PAGES, Kind.REFERENCE, Kind.SEGMENTATION}:
            assert (theirs.pixel_array == ours.pixel_array).all()


def test_a_second_orthanc_holds_what_the_rule_says(house, tmp_path):
    second = RunningOrthanc(tmp_path / "second")
    try:
        ruled(house, a_node(second.settings.dicom_port, objects=["pages", "segmentation"]))
        delivery = attempt(house)
        assert delivery.state is DeliveryState.DELIVERED, delivery.detail
        chosen = [p for p in parcels(house) if p.kind in {Kind.PAGES, Kind.SEGMENTATION}]
        assert {p.series_uid for p in chosen} == set(second.client.series_of(STUDY))
        for parcel in chosen:
            assert second.client.has_instance(parcel.sop_instance_uid)
    finally:
        second.stop()


def test_a_node_that_is_away_is_waited_for_and_holds_nobody_up(house):
    with Peer() as peer:
        other = a_node(peer.port, name="second", calling_ae_title="STROKE")
        ruled(house, a_node(free_port()), other)
        delivery = attempt(house)
        assert delivery.state is DeliveryState.RETRYING
        assert "RADPACS cannot be reached: Connection refused; 0 of" in delivery.detail
        done = house.desk.ledger.deliveries.get(order(house, "second"))
        assert done.state is DeliveryState.DELIVERED
        assert peer.calling == {"STROKE"}


def test_what_was_accepted_is_not_sent_again(house):
    with Peer(lambda number, _sop_class: 0x0000 if number <= 3 else None) as peer:
        ruled(house, a_node(peer.port))
        delivery = attempt(house)
        first = list(peer.came)
    assert delivery.state is DeliveryState.RETRYING
    assert f"3 of {len(parcels(house))} objects are there" in delivery.detail
    with Peer() as peer:
        ruled(house, a_node(peer.port))
        assert attempt(house).state is DeliveryState.DELIVERED
        rest = list(peer.came)
    assert first + rest == [p.sop_instance_uid for p in parcels(house)], "in order, each once"
    key = delivery_id_of(house.case.id, 1, DeliveryKind.NODE, "radiology")
    assert house.desk.ledger.handovers.accepted(key) == frozenset()


PROFILE = """
[[TransferSyntaxes]]
[All]
TransferSyntax1 = LittleEndianExplicit
TransferSyntax2 = RLELossless
[[PresentationContexts]]
[Some]
{contexts}
[[Profiles]]
[Default]
PresentationContexts = Some
"""


def test_a_node_that_takes_no_segmentation_gets_the_rest_and_the_delivery_says_so(house, tmp_path):
    classes = dict.fromkeys(p.sop_class_uid for p in parcels(house) if p.sop_class_uid != SEGMENTATION)
    lines = [f"PresentationContext{n} = {uid}\\All" for n, uid in enumerate(classes, start=1)]
    config = tmp_path / "storescp.cfg"
    config.write_text(PROFILE.format(contexts="\n".join(lines)))
    refused_ones = [p for p in parcels(house) if p.sop_class_uid == SEGMENTATION]
    with storescp(tmp_path / "node", "-xf", config, "Default") as port:
        ruled(house, a_node(port))
        for _ in range(2):
            delivery = attempt(house)
            assert delivery.state is DeliveryState.FAILED
            assert delivery.detail.startswith(
                f"{len(refused_ones)} of {len(parcels(house))} objects are not at RADPACS"
            )
            assert f"segmentation {refused_ones[0].sop_instance_uid}" in delivery.detail
    assert "accepts nothing of what is proposed" in delivery.detail, "the second attempt offers what is left"
    assert len(list((tmp_path / "node").iterdir())) == len(parcels(house)) - len(refused_ones)
    trouble = dead_delivery(delivery)
    assert trouble.what == "Results to PACS node radiology"
    assert trouble.reason == delivery.detail


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (0x0000, Verdict.TAKEN),
        (0xB000, Verdict.WARNED),
        (0xB007, Verdict.WARNED),
        (0x0111, Verdict.WARNED),
        (0xA700, Verdict.LATER),
        (0xA9FF, Verdict.REFUSED),
        (0xC123, Verdict.REFUSED),
        (0x0122, Verdict.REFUSED),
        (0x0124, Verdict.REFUSED),
        (0x0FFF, Verdict.REFUSED),
    ],
)
def test_statuses_mean_what_the_standard_says(status, verdict):
    assert reply_to(status).verdict is verdict


def test_a_node_without_room_is_asked_again_and_one_that_cannot_understand_is_not(house):
    answers = {"now": 0xA700}
    with Peer(lambda number, _sop_class: answers["now"] if number == 2 else 0x0000) as peer:
        ruled(house, a_node(peer.port))
        delivery = attempt(house)
        assert delivery.state is DeliveryState.RETRYING
        assert "status A700, out of resources" in delivery.detail
        assert len(peer.came) == 2, "nothing more is asked of it"
        answers["now"] = 0x0000
        assert attempt(house).state is DeliveryState.DELIVERED

    def by_class(_number, sop_class):
        return 0xC000 if sop_class == SEGMENTATION else 0xB000

    with Peer(by_class) as peer:
        ruled(house, a_node(peer.port, name="strict"))
        delivery = attempt(house, "strict")
        assert delivery.state is DeliveryState.FAILED
        assert "status C000, cannot understand" in delivery.detail
        assert len(peer.came) == len(parcels(house))


def test_remarks_of_a_node_are_told(house):
    with Peer(lambda *_: 0xB000) as peer:
        ruled(house, a_node(peer.port, objects=["pages"]))
        assert attempt(house).detail == "1 objects; 1: status B000, values were coerced"


def test_a_node_that_refuses_the_pages_gets_no_numbers(house):
    with Peer(lambda *_: 0xC000) as peer:
        ruled(house, a_node(peer.port))
        assert attempt(house).state is DeliveryState.FAILED
        assert len(peer.came) == 1


def test_images_follow_their_results(house):
    with Peer() as peer:
        ruled(house, a_node(peer.port, objects=["pages", "source"]))
        delivery = attempt(house)
        assert delivery.state is DeliveryState.DELIVERED, delivery.detail
        source = dcmread(house.desk.some_image(house.case), stop_before_pixels=True).SOPInstanceUID
        assert peer.came[-1] == source
        assert len(peer.came) == 2


def test_rules_choose_results_and_a_rejection_reaches_everybody(house):
    with Peer() as peer:
        ruled(house, a_node(peer.port, results="analysed"))
        assert attempt(house).state is DeliveryState.DELIVERED
        house.late_images()
        house.conclude(refused_here(house))
        objects_of(house.desk, house.case)
        assert (house.desk.folder(house.case.id, 2) / OBJECTS / REJECTION).exists()
        peer.came.clear()
        assert attempt(house).state is DeliveryState.DELIVERED
        assert peer.came == [p.sop_instance_uid for p in parcels(house) if p.kind is Kind.REJECTION]


def refused_here(house):
    result = replace(refused().result, study_uid=STUDY, series_uid=f"{STUDY}.4")
    return replace(refused(), result=result)


def test_a_first_result_without_numbers_is_not_sent_where_only_analysed_ones_are(tmp_path):
    with a_house(tmp_path, SimpleNamespace(), STUDY) as house:
        house.conclude(refused_here(house))
        ruled(house, a_node(1, results="analysed"), a_node(2, name="all"))
        assert [node.name for node in nodes.wanting(house.desk.config, house.case)] == ["all"]


def test_publishing_orders_one_delivery_a_node(house):
    ruled(house, a_node(free_port()), a_node(free_port(), name="second"))
    for _ in range(2):
        house.desk = replace(house.desk, orthanc=SimpleNamespace(upload=_down))
        house.deliver("publish")
    ordered = Counter(run[4] for run in house.engine.runs.values() if run[1] == "node")
    assert ordered == {"radiology": 1, "second": 1}


def _down(_file):
    raise TemporaryError("away")


def test_tls_needs_an_authority_of_both_sides(house, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir()
    authority(keys, "hospital")
    authority(keys, "elsewhere")
    certificate(keys, "gateway", "hospital")
    certificate(keys, "node", "hospital")
    files = {
        "certificate": keys / "gateway.pem",
        "key": keys / "gateway.key",
        "authorities": keys / "hospital.pem",
    }
    options = ("+tls", keys / "node.key", keys / "node.pem", "+cf", keys / "hospital.pem")
    with storescp(tmp_path / "node", *options) as port:
        named = a_node(port, objects=["pages"], tls={**files, "check_host": False})
        ruled(house, named)
        assert attempt(house).state is DeliveryState.DELIVERED
        stranger = {**files, "authorities": keys / "elsewhere.pem", "check_host": False}
        for tls, reason in (
            ({**files}, "agree on TLS: IP address mismatch"),
            (stranger, "agree on TLS: self-signed certificate in certificate chain"),
            ({**files, "key": keys / "node.key"}, "pacs.nodes (radiology).tls.key"),
        ):
            ruled(house, {**named, "tls": tls})
            delivery = attempt(house)
            assert delivery.state is DeliveryState.RETRYING
            assert reason in delivery.detail


@pytest.mark.parametrize(
    "rules", [[a_node(1), a_node(2)], [a_node(1, objects=["everything"])], [a_node(1, name="A B")]]
)
def test_rules_that_make_no_sense_stop_the_start(rules):
    with pytest.raises(ValueError, match="pacs"):
        Config.model_validate({"pacs": {"nodes": rules}})
