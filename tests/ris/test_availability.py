"""Word that images are in the archive: when, what, to whom, and again until it is heard."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, evt

from dicom_scp.availability import NOTIFICATION
from dicom_scp.mpps import MPPS, Scheduled, Step, StepStatus
from gateway.config import Config
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.records import DeliveryKind, DeliveryState
from gateway.ris import availability
from gateway.steps.delivering import attempt
from tests.gateway.shelf import CT, SERIES, STUDY, Archive, a_shelf


@dataclass
class Node:
    """A receiver of notifications, played by pynetdicom."""

    statuses: list[int] = field(default_factory=list)
    heard: list[tuple[str, Dataset]] = field(default_factory=list)
    port: int = 0

    def create(self, event) -> tuple[int, Dataset | None]:
        status = self.statuses.pop(0) if self.statuses else 0
        if not status:
            self.heard.append((event.request.AffectedSOPInstanceUID, event.attribute_list))
        return status, Dataset() if not status else None


@pytest.fixture
def node():
    node = Node()
    ae = AE("RIS")
    ae.add_supported_context(NOTIFICATION)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_CREATE, node.create)])
    node.port = server.socket.getsockname()[1]
    yield node
    server.shutdown()


@dataclass
class Clerk:
    """The workflow engine's front: what was submitted, by key."""

    submitted: dict[str, tuple] = field(default_factory=dict)

    def submit(self, _name, key, *args, **_how) -> None:
        self.submitted[key] = args


@dataclass
class Site:
    """A shelf whose desk has a node to tell, and a clock."""

    shelf: object
    desk: object
    clerk: Clerk

    def look(self, after_s: float = 60.0) -> list[tuple]:
        """What is ordered so long from now that had not been ordered before."""
        before = set(self.clerk.submitted)
        later = datetime.now(UTC) + timedelta(seconds=after_s)
        desk = type(
            "Later", (), {"now": lambda _: later, "config": self.desk.config, "ledger": self.desk.ledger}
        )()
        desk.client = self.clerk
        availability.announce(desk)
        return [args for key, args in self.clerk.submitted.items() if key not in before]

    def store(self, *arrivals: int) -> None:
        """The archive takes these."""
        self.shelf.holdings.forwarded({key: f"o{key}" for key in arrivals}, datetime.now(UTC))
        case = self.desk.ledger.cases.of_study(STUDY)
        self.desk.ledger.cases.saw(case.id, max(arrivals), datetime.now(UTC))

    def delivery(self, number: int = 1):
        case = self.desk.ledger.cases.of_study(STUDY)
        return self.desk.ledger.deliveries.get(
            delivery_id_of(case.id, number, DeliveryKind.AVAILABILITY, "ris")
        )


@pytest.fixture
def site(tmp_path, node):
    with a_shelf(tmp_path, Archive()) as shelf:
        told = {"name": "ris", "ae_title": "RIS", "host": "127.0.0.1", "port": node.port}
        tables = {"site": {"data_dir": tmp_path}, "ris": {"availability": [told]}}
        clerk = Clerk()
        desk = replace(shelf.desk, config=Config.model_validate(tables), client=clerk)
        yield Site(shelf, desk, clerk)


def test_a_study_in_the_archive_is_told_of_once(site, node):
    first = site.shelf.receive("1.2.1")
    assert site.look() == [], "it is not in the archive"
    second = site.shelf.receive("1.2.2", series="1.2.9")
    site.store(first)
    assert site.look() == [], "a part of it is not"
    site.store(second)
    assert site.look(after_s=5) == [], "more may come"
    (args,) = site.look()
    assert site.look() == []
    assert attempt(site.desk, *args)
    ((uid, said),) = node.heard
    assert uid.startswith("2.25.")
    assert said.StudyInstanceUID == STUDY
    assert list(said.ReferencedPerformedProcedureStepSequence) == []
    series = {
        item.SeriesInstanceUID: list(item.ReferencedSOPSequence) for item in said.ReferencedSeriesSequence
    }
    assert set(series) == {SERIES, "1.2.9"}
    (instance,) = series[SERIES]
    assert (instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID) == (CT, "1.2.1")
    assert (instance.InstanceAvailability, instance.RetrieveAETitle) == ("ONLINE", "STROKEGW")
    assert {element.keyword for element in said} == {
        "StudyInstanceUID",
        "ReferencedPerformedProcedureStepSequence",
        "ReferencedSeriesSequence",
    }
    delivery = site.delivery()
    assert (delivery.state, delivery.detail) == (DeliveryState.DELIVERED, "2 instances in 2 series")


def test_the_procedure_step_is_named_where_there_is_one(site, node):
    site.store(site.shelf.receive("1.2.1"))
    step = Step("1.9", StepStatus.COMPLETED, "CT01", "CT", (Scheduled(STUDY),))
    site.desk.ledger.performed.begin(step, "CT01", (None,), datetime.now(UTC))
    (args,) = site.look()
    assert attempt(site.desk, *args)
    (reference,) = node.heard[0][1].ReferencedPerformedProcedureStepSequence
    assert (reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID) == (MPPS, "1.9")
    assert list(reference.PerformedWorkitemCodeSequence) == []


def test_later_images_are_news_and_replace_what_was_not_heard(site, node):
    site.store(site.shelf.receive("1.2.1"))
    (old,) = site.look()
    site.store(site.shelf.receive("1.2.2"))
    (new,) = site.look()
    assert [args[2] for args in (old, new)] == [1, 2]
    assert attempt(site.desk, *old)
    assert site.delivery(1).state is DeliveryState.SUPERSEDED
    assert attempt(site.desk, *new)
    assert "2 instances" in site.delivery(2).detail
    assert len(node.heard) == 1


@pytest.mark.parametrize(("status", "is_over", "state"), [
    (0x0110, False, DeliveryState.RETRYING),
    (0x0213, False, DeliveryState.RETRYING),
    (0x0122, True, DeliveryState.FAILED),
    (0x0111, True, DeliveryState.DELIVERED),
    (0x0107, True, DeliveryState.DELIVERED),
])  # fmt: skip
def test_an_answer_is_success_a_refusal_or_worth_another_try(site, node, status, is_over, state):
    site.store(site.shelf.receive("1.2.1"))
    (args,) = site.look()
    node.statuses.append(status)
    assert attempt(site.desk, *args) is is_over
    assert site.delivery().state is state
    if not is_over:
        assert attempt(site.desk, *args)
        assert site.delivery().state is DeliveryState.DELIVERED


def test_a_repeat_bears_the_same_uid(site, node):
    site.store(site.shelf.receive("1.2.1"))
    (args,) = site.look()
    assert attempt(site.desk, *args)
    assert attempt(site.desk, *args)
    assert len({uid for uid, _ in node.heard}) == 1


def test_a_node_that_is_away_is_tried_again(site, node):
    site.store(site.shelf.receive("1.2.1"))
    (args,) = site.look()
    (told,) = site.desk.config.ris.availability
    away = site.desk.config.ris.model_copy(update={"availability": (told.model_copy(update={"port": 1}),)})
    desk = replace(site.desk, config=site.desk.config.model_copy(update={"ris": away}))
    assert not attempt(desk, *args)
    assert "cannot be reached" in site.delivery().detail
    assert attempt(site.desk, *args)
    assert len(node.heard) == 1
    none = site.desk.config.ris.model_copy(update={"availability": ()})
    gone = replace(site.desk, config=site.desk.config.model_copy(update={"ris": none}))
    assert attempt(gone, *args)
    assert "no longer configured" in site.delivery().detail


def test_a_kill_between_order_and_note_tells_nobody_twice(site, node, monkeypatch):
    site.store(site.shelf.receive("1.2.1"))
    with monkeypatch.context() as patch:
        patch.setattr(type(site.desk.ledger.availability), "told", lambda *_: None)
        (args,) = site.look()
    assert site.look() == [], "the same key is the same run"
    assert attempt(site.desk, *args)
    assert site.delivery().state is DeliveryState.DELIVERED


def test_a_new_node_is_not_told_of_old_studies(site):
    site.store(site.shelf.receive("1.2.1"))
    assert site.look(after_s=73 * 3600) == []
