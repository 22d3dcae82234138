"""Ledgers, a desk beside the real archive of no one, and images as they arrive."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind
from dicom_scp.headers import ImageHeader
from gateway.config import Config
from gateway.ledger.ledger import Ledger

CT = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture(params=["sqlite", "postgres"])
def any_ledger(request, tmp_path):
    """On both databases."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    if request.param == "postgres":
        base = request.getfixturevalue("a_postgres_url")
        url = base.rsplit("/", 1)[0] + f"/silence_{uuid4().hex[:8]}"
        _create(base, url.rsplit("/", 1)[1])
    ledger = Ledger.open(url)
    yield ledger
    ledger.engine.dispose()


def _create(base, name):
    import psycopg  # noqa: PLC0415 - by those tests alone

    with psycopg.connect(base, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")


@pytest.fixture
def ledger(tmp_path):
    """On SQLite."""
    opened = Ledger.open(f"sqlite:///{tmp_path / 'data' / 'ledger.db'}")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def config(tmp_path):
    return Config.model_validate({"site": {"data_dir": tmp_path / "data"}})


def seconds(local: datetime) -> float:
    """As a header's clock shows it."""
    return (local - datetime(1, 1, 1)).total_seconds() + 86_400  # noqa: DTZ001 - as scanners write it


def an_image(number, at=None, *, study="1.2.3", ae="CT01", association="a1", shown=None, **header):
    """One arrival; `shown` is the scanner's local time."""
    clocks = (None, None, seconds(shown), None, None) if shown else ()
    plain = {"modality": "CT", "clocks_s": clocks, "acquired_at_s": seconds(shown) if shown else None}
    return Arrival(
        ImageHeader(f"{study}.9.{number}", CT, study, f"{study}.1", **{**plain, **header}),
        path=f"datasets/{study}.{number}.dcm",
        digest=f"{hash((study, number, ae)) & (2**64 - 1):064x}",
        size_bytes=10,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        received_at=at or datetime.now(UTC),
        calling_ae=ae,
        called_ae="STROKEGW",
        association_id=association,
    )


def opened(association, ae, at, *, closed=True):
    """The events of one association."""
    yield AssociationEvent(association, ae, AssociationKind.OPENED, at)
    if closed:
        yield AssociationEvent(association, ae, AssociationKind.RELEASED, at)
