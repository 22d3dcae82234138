"""A listener with the services of ``[ris]``, orders that a test hands in, and what both sides say of them."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import AE

from benchmarks.running import NO_NAGLE
from dicom_scp.listener import serve
from dicom_scp.spool import Spool
from dicom_scp.worklist import Entry
from gateway.config import Config
from gateway.ledger.ledger import Ledger
from gateway.ledger.orders_tables import orders
from gateway.ledger.statements import insert_once
from gateway.listener import settings_of
from gateway.orders.order import Order, Procedure
from gateway.orders.person import Identifier, IdentifierKind, PatientIdentity
from gateway.ris.performed import StepProvider
from gateway.ris.worklist import WorklistProvider

NAME = "NGUYỄN^THỊ HỒNG"
SCANNER = "CT01"
NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")


def an_order(number: int = 1, **other) -> Order:
    """An order as the hospital's systems send one."""
    patient = PatientIdentity(
        (
            Identifier(f"P{number}", IdentifierKind.HOSPITAL, "BV"),
            Identifier(f"{number:012d}", IdentifierKind.CITIZEN, "VN"),
        ),
        NAME,
        "19500101",
        "F",
    )
    plain = Order(
        key=str(uuid5(NAMESPACE_OID, f"order {number}")),
        placer=f"PL{number}",
        filler=f"FI{number}",
        accession_number=f"A{number}",
        procedure=Procedure("CTP", "Chụp tưới máu não", "LOCAL"),
        procedure_id=f"RP{number}",
        step_id=f"S{number}",
        scheduled_at=NOW + timedelta(minutes=number),
        modality="CT",
        station_ae=SCANNER,
        patient=patient,
        referring_physician="TRẦN^VĂN BÌNH",
    )
    return replace(plain, **other)


@dataclass
class House:
    """A listener, its ledger, and the orders it answers from."""

    port: int
    ledger: Ledger
    spool: Spool
    orders: list[Order] = field(default_factory=list)

    def find(self, *keys: str, title: str = SCANNER, folder: Path) -> tuple[list[Dataset], str]:
        """What dcmtk's findscu gets, and what it prints."""
        folder.mkdir(exist_ok=True)
        for old in folder.glob("rsp*.dcm"):
            old.unlink()
        options = [part for key in keys for part in ("-k", key)]
        command = ["/usr/bin/findscu", "-v", "-W", "-aet", title, "-aec", "STROKEGW", "-X", "-od", folder]
        done = subprocess.run(
            [*map(str, command), *options, "127.0.0.1", str(self.port)],
            capture_output=True,
            check=False,
            timeout=30,
            env={**os.environ, **NO_NAGLE},
        )
        found = [read(path) for path in sorted(folder.glob("rsp*.dcm"))]
        return found, (done.stdout + done.stderr).decode("latin_1")


def read(path: Path) -> Dataset:
    return dcmread(path, force=True)


@contextmanager
def a_house(folder: Path, may=("worklist", "perform", "store"), **provider) -> Iterator[House]:
    peers = [{"ae_title": SCANNER, "may": list(may)}, {"ae_title": "NOBODY", "may": ["store"]}]
    tables = {
        "site": {"data_dir": folder},
        "dicom": {"host": "127.0.0.1", "port": 0, "free_bytes_floor": 0, "peers": peers},
    }
    config = Config.model_validate(tables)
    ledger, spool = Ledger.open(config.ledger_url), Spool(config.spool_dir)
    house = House(0, ledger, spool)
    worklist = WorklistProvider(lambda _query: house.orders, ZONE, **{"now": lambda: NOW, **provider})
    listener = serve(
        settings_of(config),
        spool,
        on_arrival=ledger.arrivals.record,
        on_association=ledger.arrivals.record_association,
        services=[worklist.service(), *StepProvider(ledger).services()],
    )
    house.port = listener.port
    try:
        yield house
    finally:
        listener.shutdown()
        spool.close()
        ledger.engine.dispose()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with a_house(tmp_path_factory.mktemp("house")) as house:
        yield house


@contextmanager
def associated(port: int, sop_class: str, title: str = SCANNER, called: str = "STROKEGW"):
    """An association of pynetdicom as a scanner."""
    ae = AE(ae_title=title)
    ae.add_requested_context(UID(sop_class))
    association = ae.associate("127.0.0.1", port, ae_title=called)
    assert association.is_established
    association.dul.socket.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield association
    finally:
        association.release()


def as_dataset(entry: Entry) -> Dataset:
    """An entry as pydicom has it."""
    data = Dataset()
    for tag, value in entry.items():
        if isinstance(value, tuple):
            data.add_new(tag, "SQ", [as_dataset(item) for item in value])
        else:
            data.add_new(tag, dictionary_VR(tag), value)
    return data


def placed(ledger: Ledger, order) -> None:
    """Put an order into the ledger as the listener for orders does."""
    values = {name: getattr(order, name) for name in orders.c.keys() if hasattr(order, name)}  # noqa: SIM118
    plain = {"procedure": ["CTP", "CTP", "L"], "priority": order.priority.value, "status": order.status.value}
    times = {"scheduled_at": None, "ordered_at": None, "told_at": "2026", "identity_key": "nobody"}
    insert_once(ledger.engine, orders, {**values, **plain, **times})
