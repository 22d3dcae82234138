"""Everybody's channels in a process of their own: push service, webhooks, mail, MQTT; each notes who was told when.

``python -m benchmarks.calling_peers HTTP_PORT SMTP_PORT MQTT_PORT LOG`` appends one line of JSON per notice to LOG.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from aiosmtpd.controller import Controller
from paho.mqtt.enums import CallbackAPIVersion

MOSQUITTO = Path("/usr/sbin/mosquitto")
SILENT = "/silent/"
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


class Book:
    """Who was told when; the time is taken first."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1)

    def note(self, at: float, way: str, who: str, **more: Any) -> None:
        """Write one line."""
        self._file.write(json.dumps({"at": at, "way": way, "who": who, **more}) + "\n")


class Mailbox:
    """Takes every mail."""

    def __init__(self, book: Book) -> None:
        self._book = book

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """One mail is whole."""
        self._book.note(time.time(), "mail", envelope.rcpt_tos[0].partition("@")[0])
        return "250 OK"


async def serve_web(port: int, book: Book) -> None:
    """Push service and webhooks on kept connections; below `SILENT` requests are taken and never answered."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                path = line.split()[1].decode()
                length = await _length(reader)
                body = await reader.readexactly(length)
                at = time.time()
                if path.startswith(SILENT):
                    await asyncio.sleep(60)
                writer.write(ANSWER)
                _, way, who = path.split("/")
                book.note(at, way, who, **(_said(body) if way == "hook" else {}))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the caller is gone, or the benchmark is over
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", port, backlog=256)
    await server.serve_forever()


async def _length(reader: asyncio.StreamReader) -> int:
    length = 0
    while (line := await reader.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return length


def _said(body: bytes) -> dict[str, Any]:
    plain = json.loads(body)
    return {"kind": plain["kind"], "case": plain["case_id"]}


def listen_mqtt(port: int, book: Book) -> paho.Client:
    """Hear every topic."""
    client = paho.Client(CallbackAPIVersion.VERSION2)

    def hear(_client: Any, _data: Any, message: Any) -> None:
        at = time.time()
        book.note(at, "mqtt", message.topic.rpartition("/")[2], **_said(message.payload))

    client.on_connect = lambda *_: client.subscribe("#", 1)
    client.on_message = hear
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client


def main(http_port: int, smtp_port: int, mqtt_port: int, log: str) -> None:
    """Serve until killed."""
    book = Book(Path(log))
    conf = Path(log).with_name("mosquitto.conf")
    conf.write_text(f"listener {mqtt_port} 127.0.0.1\nallow_anonymous true\n")
    broker = subprocess.Popen([MOSQUITTO, "-c", conf], stderr=subprocess.DEVNULL)
    mail = Controller(Mailbox(book), hostname="127.0.0.1", port=smtp_port)
    mail.start()
    time.sleep(0.5)
    client = listen_mqtt(mqtt_port, book)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    try:
        asyncio.run(serve_web(http_port, book))
    except KeyboardInterrupt:
        pass
    finally:
        client.loop_stop()
        mail.stop()
        broker.terminate()
        broker.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
    main(*map(int, sys.argv[1:4]), sys.argv[4])
