"""Every way an upload can end leaves an object in a named state, and the run alive."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy import insert

from gateway.config import Config, Site
from gateway.desk import Desk
from gateway.ledger.ledger import Ledger
from gateway.ledger.schema import arrivals
from gateway.steps.forwarding import Forwarded, forward_images
from triage.errors import ConfigError, InputError, TemporaryError

STUDY = "1.2.3"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ROW = {
    "study_uid": STUDY,
    "series_uid": "1.2.3.4",
    "size_bytes": 1,
    "transfer_syntax_uid": "1.2.840.10008.1.2.1",
    "received_at": "2026-03-01T00:00:00.000000Z",
    "calling_ae": "CT01",
    "called_ae": "STROKEGW",
    "association_id": "a",
    "header": {},
    "forward_state": "pending",
}


@pytest.fixture
def a_desk(tmp_path):
    config = Config(site=Site(data_dir=tmp_path))
    ledger = Ledger.open(config.ledger_url)
    config.spool_dir.mkdir()
    with ledger.engine.begin() as connection:
        for name in ("good", "other"):
            (config.spool_dir / name).write_bytes(name.encode())
            connection.execute(
                insert(arrivals), {**ROW, "path": name, "sop_instance_uid": name, "sha256": name}
            )
    ledger.cases.open(STUDY, NOW)
    uploads = SimpleNamespace(fault=None)

    def upload(dicom: bytes) -> None:
        if uploads.fault and dicom == b"other":
            raise uploads.fault

    uploads.upload = upload
    yield Desk(config, ledger, client=None, orthanc=uploads)
    ledger.engine.dispose()


def forward(desk):
    return forward_images(desk, desk.ledger.cases.of_study(STUDY).id), desk.ledger.arrivals.forward_counts(
        STUDY
    )


@pytest.mark.parametrize(
    "fault", [TemporaryError("away"), ConfigError("wrong password")], ids=["away", "password"]
)
def test_what_the_archive_did_not_take_waits(a_desk, fault):
    a_desk.orthanc.fault = fault
    assert forward(a_desk) == (Forwarded.AWAY, {"forwarded": 1, "pending": 1})
    a_desk.orthanc.fault = None
    assert forward(a_desk) == (Forwarded.SOME, {"forwarded": 2})
    assert forward(a_desk)[0] == Forwarded.ALL


def test_what_the_archive_refuses_does_not_hold_up_the_rest(a_desk):
    a_desk.orthanc.fault = InputError("not acceptable")
    assert forward(a_desk) == (Forwarded.SOME, {"forwarded": 1, "refused": 1})


def test_a_file_that_cannot_be_read_is_named_and_does_not_hold_up_the_rest(a_desk):
    a_desk.spooled("other").unlink()
    assert forward(a_desk) == (Forwarded.SOME, {"forwarded": 1, "refused": 1})
