"""Real peers for every test: started on free loopback ports, stopped by process id."""

import itertools
import logging
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from playwright.sync_api import Browser, sync_playwright
from psycopg import sql

from benchmarks.running import free_port
from gateway import logs

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",  # the viewer draws with WebGL, and there is no graphics card
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
LONGEST_FIRST = (
    "tests/walk/",
    "tests/faults/",
    "tests/viewer_bridge/",
    "tests/gateway/",
    "tests/triage/",
    "tests/phantom/",
)
"""Two workers end together when no long file is left for the end."""
POSTGRES_READY_S = 60.0
DATABASES = itertools.count(1)
POSTGRES_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order by folder; files keep their order, and so do the tests of a file."""
    items.sort(
        key=lambda item: next(
            (n for n, f in enumerate(LONGEST_FIRST) if item.nodeid.startswith(f)), len(LONGEST_FIRST)
        )
    )


@pytest.fixture(autouse=True)
def logs_of_one_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that runs in the tests' own process sets up the logs for its own test only."""
    configure = structlog.configure
    monkeypatch.setattr(
        structlog, "configure", lambda **how: configure(**{**how, "cache_logger_on_first_use": False})
    )
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        for handler in logging.root.handlers[:]:
            if type(handler) is logging.StreamHandler:  # pytest's own are of other classes
                logging.root.removeHandler(handler)
        for name in logs._OURS:
            logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def a_postgres_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL cluster of our own; it refuses to run as root, so root lends it to the `postgres` user."""
    if not POSTGRES_BINARIES:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    binaries = POSTGRES_BINARIES[-1]
    folder = tmp_path_factory.mktemp("postgres").resolve()
    user, prefix = "tester", []
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        for path in (folder, *folder.parents[:3]):
            if path.owner() == "root" and path != Path("/"):
                os.chown(path, owner.pw_uid, owner.pw_gid) if path == folder else path.chmod(
                    path.stat().st_mode | 0o011
                )
        prefix = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    data, port = folder / "data", free_port()
    quiet = {"capture_output": True, "cwd": folder}
    subprocess.run(
        [*prefix, binaries / "initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8"],
        check=True,
        **quiet,
    )
    command = [
        binaries / "postgres",
        "-D",
        data,
        "-p",
        str(port),
        "-k",
        folder,
        "-c",
        "listen_addresses=127.0.0.1",
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*prefix, *command], cwd=folder, stderr=log)
    try:
        ready = [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
        deadline = time.monotonic() + POSTGRES_READY_S
        while subprocess.run(ready, check=False, capture_output=True).returncode:
            is_alive = server.poll() is None and time.monotonic() < deadline
            assert is_alive, f"PostgreSQL does not answer: {(folder / 'log').read_text('utf-8')}"
            time.sleep(0.05)
        yield f"postgresql://{user}@127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def a_postgres_url(a_postgres_cluster: str) -> str:
    """A database of this test's own: what a test leaves behind, or still holds open, is no other test's concern."""
    name = f"test_{next(DATABASES)}"
    with psycopg.connect(f"{a_postgres_cluster}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{a_postgres_cluster}/{name}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One headless browser for all tests: Playwright runs once per process."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed (Debian package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
