"""A ledger and an office of its own for every test."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.ledger.ledger import Ledger
from gateway.orders.office import Incoming, Office
from gateway.orders.settings import Orders as Settings

NOW = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)

Take = Callable[..., list[str]]


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")


@pytest.fixture
def office(ledger: Ledger, settings: Settings) -> Office:
    return Office(ledger.engine, settings)


@pytest.fixture
def take(office: Office) -> Take:
    """Give messages to the office; returns the answers."""

    def taken(*raws: bytes, at: datetime = NOW) -> list[str]:
        return [answer.decode() for answer in office.take([Incoming(raw, at) for raw in raws])]

    return taken


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, and certificates of a server and of a client."""
    folder = tmp_path_factory.mktemp("pki")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new, "-days", "60", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("server", "client"):
        openssl("req", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", "csr")
        signer = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "59")
        openssl("x509", "-req", "-in", "csr", *signer, "-out", f"{name}.pem")
    return folder
