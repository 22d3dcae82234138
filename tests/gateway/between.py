"""An HTTP door between the gateway and a real Orthanc, which can refuse, break off, and tell of each upload."""

import http.client
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

STORED = ("POST", "/instances")


@dataclass
class Visit:
    """One request on its way; `number` counts uploads from 1."""

    method: str
    path: str
    body: bytes
    number: int


@dataclass
class Door:
    """Before a request is passed on `before` may answer it with a status and a body; `after` hears of what went through."""

    target: str
    before: Callable[[Visit], tuple[int, bytes] | None] = lambda _visit: None
    after: Callable[[Visit], None] = lambda _visit: None
    uploads: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        door, lock = self, threading.Lock()
        address = urlsplit(self.target)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                self.pass_on("GET")

            def do_POST(self) -> None:
                self.pass_on("POST")

            def pass_on(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    if (method, self.path) == STORED:
                        door.uploads.append(body)
                    visit = Visit(method, self.path, body, len(door.uploads))
                answer = door.before(visit) or self.ask(method, body)
                if answer is None:
                    self.close_connection = True
                    return
                door.after(visit)
                status, content = answer
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                    self.wfile.flush()
                except OSError:
                    self.close_connection = True

            def ask(self, method: str, body: bytes) -> tuple[int, bytes] | None:
                connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
                kept = ("authorization", "content-type", "accept")
                headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
                try:
                    connection.request(method, self.path, body, headers)
                    answer = connection.getresponse()
                    return answer.status, answer.read()
                except (OSError, http.client.HTTPException):
                    return None
                finally:
                    connection.close()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
