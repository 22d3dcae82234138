"""Peers of the channels, each on a free loopback port: some are real programs, some only behave badly."""

import getpass
import json
import socket
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import fastapi
import paho.mqtt.client as paho
import uvicorn
from fastapi import FastAPI, Request, Response

from benchmarks.running import free_port
from gateway.team.contacts import Device

HEADER = fastapi.Header
with mock.patch.object(
    fastapi, "Header", lambda *given, gte=None, **named: HEADER(*given, ge=gte, **named)
):  # the peer says "gte" where today's FastAPI knows "ge"
    from fastapi_webpush_endpoint import NotificationEndpoint, WebPushProtocolException

MOSQUITTO, MOSQUITTO_PASSWD = "/usr/sbin/mosquitto", "/usr/bin/mosquitto_passwd"


@dataclass
class Receiver:
    """A web server that records every request and answers as told."""

    url: str = ""
    status: int = 200
    statuses: list = field(default_factory=list)
    headers: dict = field(default_factory=dict)
    delay_s: float = 0.0
    requests: list = field(default_factory=list)
    connections: set = field(default_factory=set)
    answer: object = lambda *_: b""

    @property
    def bodies(self):
        return [json.loads(body) for *_, body in self.requests]


class QuietServer(ThreadingHTTPServer):
    """A client that stopped waiting is part of the test; its connection is not waited for at the end."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass


@contextmanager
def a_receiver():
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.requests.append((self.command, self.path, dict(self.headers), body))
            state.connections.add(self.client_address)
            time.sleep(state.delay_s)
            answer = state.answer(self.command, self.path, self.headers, body)
            self.send_response(state.statuses.pop(0) if state.statuses else state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_OPTIONS = do_POST  # noqa: N815 - the server calls them

        def log_message(self, *_):
            pass

    server = QuietServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def a_dripper(drop: bytes):
    """Accepts, says `drop` every fifth of a second, and never ends; counts the connections that are open."""
    server = socket.create_server(("127.0.0.1", 0))
    opened, over = [], threading.Event()

    def drip(client):
        opened.append(client)
        with suppress(OSError), client:
            client.settimeout(0.2)
            while not over.is_set():
                with suppress(TimeoutError):
                    if not client.recv(65_536):
                        break
                client.sendall(drop)
        opened.remove(client)

    def accept():
        with suppress(OSError):
            while True:
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], opened
    finally:
        over.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


@dataclass
class PushService:
    """A push service that checks who speaks and really decrypts; `forced` answers by device."""

    port: int
    endpoints: dict = field(default_factory=dict)
    taken: dict = field(default_factory=dict)
    forced: dict = field(default_factory=dict)
    refusals: list = field(default_factory=list)

    def device(self, name="phone"):
        """A subscription of a browser; the service has its private key."""
        url = f"http://127.0.0.1:{self.port}/push/{name}"
        endpoint = self.endpoints.setdefault(name, NotificationEndpoint(url))
        keys = json.loads(endpoint.subscription)["keys"]
        self.taken.setdefault(name, [])
        return Device(name, "person", url, keys["p256dh"], keys["auth"], "Phone", "2026-03-01T10:00:00Z")

    def app(self):
        app, service = FastAPI(), self

        @app.post("/push/{name}")
        async def take(name: str, request: Request):
            headers = request.headers
            if name in service.forced:
                return Response(status_code=service.forced[name])
            told = await service.endpoints[name](
                request,
                authorization=headers.get("authorization", ""),
                ttl=int(headers["ttl"]),
                content_encoding=headers.get("content-encoding"),
                topic=headers.get("topic"),
                urgency=headers.get("urgency"),
            )
            if isinstance(told, WebPushProtocolException):
                service.refusals.append(told.message)
            else:
                service.taken[name].append((told, dict(headers), json.loads(told.notification)))
            return told.as_response()

        return app


@contextmanager
def a_push_service():
    service = PushService(free_port())
    config = uvicorn.Config(service.app(), "127.0.0.1", service.port, log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started)
        yield service
    finally:
        server.should_exit = True
        thread.join()


@dataclass
class Broker:
    """mosquitto with a password, and everything that was published since."""

    port: int
    heard: list = field(default_factory=list)


@contextmanager
def a_broker(folder, certificate=None):
    """mosquitto, plain or with TLS."""
    folder.mkdir(parents=True, exist_ok=True)
    broker, config = Broker(free_port()), folder / "mosquitto.conf"
    subprocess.run(
        [MOSQUITTO_PASSWD, "-b", "-c", folder / "passwords", "gate", "way"],
        check=True,
        capture_output=True,
    )
    secured = f"certfile {certificate}\nkeyfile {certificate.with_suffix('.key')}\n" if certificate else ""
    config.write_text(
        f"listener {broker.port} 127.0.0.1\n{secured}allow_anonymous false\n"
        f"password_file {folder / 'passwords'}\nuser {getpass.getuser()}\n"
    )
    process = subprocess.Popen([MOSQUITTO, "-c", config], stderr=subprocess.DEVNULL)
    try:
        until(lambda: _answers(broker.port))
        yield broker
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def a_listener(broker, **tls):
    """A subscriber to everything."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.username_pw_set("gate", "way")
    if tls:
        client.tls_set(**tls)
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.on_connect = lambda c, *_: c.subscribe("#", 1)
    client.on_message = lambda _c, _u, message: broker.heard.append(message)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert ready.wait(10)
        yield broker
    finally:
        client.disconnect()
        client.loop_stop()


@dataclass
class Zalo:
    """A double of the service: its shapes and codes as documented; every answer has status 200."""

    seed: str = "seed-token"
    code: int = 0
    life_s: int = 90_000
    state: str = "ENABLE"
    sent: list = field(default_factory=list)
    renewals: list = field(default_factory=list)

    def __post_init__(self):
        self.refresh, self.access, self.lock = self.seed, "", threading.Lock()

    def answer(self, _method, path, headers, body):
        where = urlsplit(path)
        if where.path == "/token":
            return json.dumps(self.token(headers, parse_qs(body.decode()))).encode()
        if headers.get("access_token") != self.access or not self.access:
            return json.dumps({"error": -124, "message": "Access token invalid"}).encode()
        if where.path == "/info":
            return json.dumps({"error": 0, "message": "Success", "data": {"status": self.state}}).encode()
        if self.code == 0:
            self.sent.append(json.loads(body))
        return json.dumps({"error": self.code, "message": "x", "data": {"msg_id": "1"}}).encode()

    def token(self, headers, form):
        """A refresh token serves once."""
        with self.lock:
            (given,) = form["refresh_token"]
            self.renewals.append(given)
            if headers.get("secret_key") != "app-secret" or given != self.refresh:
                return {"error": -14014, "error_name": "Invalid refresh token"}
            number = len(self.renewals)
            self.refresh, self.access = f"refresh-{number}", f"access-{number}"
            return {
                "access_token": self.access,
                "refresh_token": self.refresh,
                "expires_in": str(self.life_s),
            }


def _answers(port):
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


def until(is_so, limit_s=10.0):
    """Wait until something is so."""
    end = time.monotonic() + limit_s
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def pid_threads():
    """Threads of this process that carry a notice."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("to ")]
