"""The process itself: starts, serves, stops at once although somebody listens, and logs no person."""

import os
import signal
import subprocess
import sys
import time

import httpx
import pytest

from benchmarks.running import free_port
from gateway.access import Access
from gateway.api.server import listening
from tests.api.staging import close_site, open_site
from triage.errors import ConfigError


def test_the_process_stops_in_order_although_somebody_listens(tmp_path):
    site = open_site(tmp_path)
    case = site.receive("1.2.3")
    port = free_port()
    command = [sys.executable, "-m", "gateway.cli", "api"]
    options = ["--data-dir", str(tmp_path), "--http-port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stderr=log, env={**os.environ})
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/healthz")
        headers = {"Authorization": f"Bearer {Access.open(tmp_path).token}"}
        assert "CANARY" in httpx.get(f"{url}/cases/{case.id}", headers=headers, trust_env=False).text
        with httpx.stream("GET", f"{url}/api/v1/events", headers=headers, trust_env=False) as events:
            lines = events.iter_lines()
            assert next(lines)
            process.send_signal(signal.SIGTERM)
            assert process.wait(4) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = (tmp_path / "log").read_text()
    assert "api stopped" in said
    for secret in ("CANARY", "1.2.3", Access.open(tmp_path).token, case.id):
        assert secret not in said
    close_site(site)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail("the api did not start")


def test_a_port_that_is_taken_stops_the_start():
    with listening("127.0.0.1", 0) as door, pytest.raises(ConfigError, match="cannot listen"):
        listening("127.0.0.1", door.getsockname()[1])
