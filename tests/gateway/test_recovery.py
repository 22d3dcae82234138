"""Rows that a power cut took are made again from the datasets, and from nothing else."""

import os
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, select

from dicom_scp.file_meta import FileMeta
from dicom_scp.spool import Spool
from gateway.ledger.ledger import Ledger
from gateway.ledger.schema import arrivals
from gateway.recording import ArrivalRecorder
from gateway.recovery import SENDER, recover
from tests.gateway.shelf import dataset

CT, EXPLICIT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1"


class Shore:
    """A spool and a ledger, and what a scanner would do with them."""

    def __init__(self, folder):
        self.spool = Spool(folder / "spool")
        self.ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
        self.recorder = ArrivalRecorder(self.ledger.engine)

    def store(self, number):
        uid = f"1.2.3.{number}"
        return self.spool.store(dataset(uid), FileMeta(CT, uid, EXPLICIT))

    def recover(self):
        return recover(self.ledger, self.spool.root, self.recorder)

    def rows(self):
        with self.ledger.engine.connect() as connection:
            return {row["sop_instance_uid"]: row for row in connection.execute(select(arrivals)).mappings()}

    def forget(self, *uids):
        """What a power cut does to commits that were not synced."""
        with self.ledger.engine.begin() as connection:
            connection.execute(delete(arrivals).where(arrivals.c.sop_instance_uid.in_(uids)))


@pytest.fixture
def shore(tmp_path):
    made = Shore(tmp_path)
    yield made
    made.recorder.close()
    made.spool.close()
    made.ledger.engine.dispose()


def test_a_dataset_without_its_row_gets_one_and_nothing_is_recorded_twice(shore):
    stored = [shore.store(number) for number in range(3)]
    assert shore.recover() == 3
    shore.forget("1.2.3.1", "1.2.3.2")
    assert shore.recover() == 2
    assert shore.recover() == 0
    found = shore.rows()
    assert {row["digest"] for row in found.values()} == {one.digest for one in stored}
    assert found["1.2.3.1"]["path"] == stored[1].path
    assert found["1.2.3.1"]["size_bytes"] == stored[1].size_bytes
    assert found["1.2.3.1"]["transfer_syntax_uid"] == EXPLICIT
    assert found["1.2.3.1"]["calling_ae"] == SENDER


def test_the_association_that_brings_them_counts_as_broken_off(shore):
    shore.store(1)
    shore.recover()
    association = shore.rows()["1.2.3.1"]["association_id"]
    assert shore.ledger.arrivals.aborted_associations([association]) == {association}
    assert shore.ledger.arrivals.open_associations([association]) == 0


def test_torn_files_were_never_acknowledged(shore):
    stored = shore.store(1)
    path = shore.spool.path_of(stored.path)
    path.write_bytes(path.read_bytes()[:-1])
    empty = shore.spool.path_of(shore.store(2).path)
    os.truncate(empty, 0)
    assert shore.recover() == 0


def test_a_clock_that_was_set_hides_nothing(shore):
    before, after = shore.store(1), shore.store(2)
    shore.recover()
    long_ago = time.time() - timedelta(days=400).total_seconds()
    for stored in (before, after):
        os.utime(shore.spool.path_of(stored.path), (long_ago, long_ago))
    shore.forget("1.2.3.2")
    assert shore.recover() == 1


def test_everything_else_that_is_committed_is_synced(shore):
    shore.recover()
    with shore.ledger.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert shore.recorder._connected().cursor().execute("PRAGMA synchronous").fetchone()[0] == 1
