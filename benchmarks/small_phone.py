"""A stroke doctor's phone in miniature: takes signed webhooks, checks them, remembers alerts once per key."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from gateway.channels.signature import Seen, verify
from triage.errors import InputError


class SmallPhone:
    """Listens on a free loopback port; `down` makes it answer 503, so a test can take the phone away."""

    secret = "demo-secret-of-sixteen-or-more"  # noqa: S105 - a receiver that exists for one demo

    def __init__(self) -> None:
        self.down = False
        self.requests = 0
        self._seen = Seen()
        self._by_key: dict[str, dict[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Where to post."""
        return f"http://127.0.0.1:{self._server.server_port}/alert"

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Alerts in the order in which they came, repeats left out."""
        return list(self._by_key.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def take(self, headers: Any, body: bytes) -> int:
        """Check and remember one request; returns the HTTP status."""
        self.requests += 1
        try:
            key = verify(self.secret, headers, body, time.time(), self._seen)
        except InputError:
            return 403
        if self.down:
            return 503
        self._by_key.setdefault(key, json.loads(body))
        return 204

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                status = phone.take(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
