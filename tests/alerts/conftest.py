"""Results to put into words, and a receiver that can misbehave."""

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.alerts.message import alert_for
from triage.types import Criterion, QualityFlag, Severity, Side, Status, TriageResult

NOW = datetime(2026, 3, 1, 10, 7, 20, tzinfo=UTC)


def _result(**changes):
    plain = {
        "status": Status.ANALYSED,
        "reason": None,
        "study_uid": "1.2.826.0.1.99",
        "series_uid": "1.2.826.0.1.99.4",
        "side": Side.LEFT,
        "core_ml": 34.2,
        "hypoperfused_ml": 112.4,
        "mismatch_ml": 78.2,
        "mismatch_ratio": 3.29,
        "hypoperfusion_intensity_ratio": 0.41,
        "criteria": {
            "defuse_3": Criterion(met=True, missing=("age", "NIHSS"), text="DEFUSE 3 imaging criteria met"),
            "dawn": Criterion(met=False, missing=("age",), text="DAWN not met"),
        },
    }
    return TriageResult(**{**plain, **changes})


def _flag(severity, text="head moved 12 mm", code="motion"):
    return QualityFlag(code, severity, text)


def _refused(reason="the scan ends before the contrast has left (truncated)"):
    return TriageResult(
        Status.NOT_ANALYSED, reason, "1.2.826.0.1.99", "1.2.826.0.1.99.4", quality=(_flag(Severity.SEVERE),)
    )


def _alert(result=None, **changes):
    plain = {
        "case_id": "5f2c",
        "revision": 1,
        "link": "https://stroke.example/c/5f2c",
        "last_image_at": datetime(2026, 3, 1, 10, 3, 0, tzinfo=UTC),
        "now": NOW,
    }
    return alert_for(result or _result(), **{**plain, **changes})


@pytest.fixture
def make_result():
    return _result


@pytest.fixture
def make_alert():
    return _alert


@pytest.fixture
def refused():
    return _refused


@pytest.fixture
def flag():
    return _flag


@dataclass
class Receiver:
    """A web server that records every request and answers as told."""

    url: str = ""
    status: int = 200
    headers: dict = field(default_factory=dict)
    delay_s: float = 0.0
    requests: list = field(default_factory=list)

    @property
    def bodies(self):
        return [json.loads(body) for _, body in self.requests]


@pytest.fixture
def receiver():
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append((dict(self.headers), body))
            time.sleep(state.delay_s)
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            """A client that stopped waiting is part of the test."""

    server = Server(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
