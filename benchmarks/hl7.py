"""What the messages must hold: ``python -m benchmarks.hl7`` prints one line for each bound, with what was found.

Texts go out and in through independent codecs, orders come in at speed and over kills of the process that takes them, and
a made-up world with colliding numbers and merges tells whether any study was ever given to somebody else.
"""

import argparse
import random
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.hospital import texts
from benchmarks.hospital.messages import Somebody, orm
from benchmarks.hospital.process import Mllp, running, send_until_killed
from benchmarks.hospital.sender import END, VT, Sender
from benchmarks.hospital.world import judge, made
from gateway import logs
from gateway.hl7.mllp import MllpClient
from gateway.ledger.ledger import Ledger
from gateway.orders.order import WorklistQuery

RATE = 200.0
CONNECTIONS = 8
"""Systems of one hospital that send at once, each waiting for its answers."""


@dataclass(frozen=True)
class Row:
    """One bound."""

    name: str
    bound: str
    found: str
    met: bool


def texts_rows(count: int) -> Iterator[Row]:
    """Random texts in 20 fields, out and in."""
    rows = texts.random_rows(count, seed=8)
    written = [texts.composed(row, number) for number, row in enumerate(rows)]
    bound = f"0 of {count} changed"
    readers: list[tuple[str, Callable[[], list[list[str]]]]] = [
        ("written here, read by hl7", lambda: [texts.read_by_hl7(each) for each in written]),
        ("written here, read here", lambda: [texts.read_by_us(each) for each in written]),
    ]
    if texts.has_node():
        readers.append(
            ("written here, read by node-hl7-client", lambda: texts.run_node(texts.READER, written))
        )
    for name, reader in readers:
        changed = texts.changed(rows, reader())
        yield Row(f"texts {name}", bound, str(changed), changed == 0)
    if texts.has_node():
        plain = texts.without_line_ends(rows)
        theirs = texts.run_node(texts.WRITER, plain)
        changed = texts.changed(plain, [texts.read_by_us(each) for each in theirs])
        yield Row("texts written by node-hl7-client, read here", bound, str(changed), changed == 0)


def rate_in(folder: Path, seconds: float) -> Row:
    """Orders through the listener's process: each sender waits for its answer."""
    counts = [0] * CONNECTIONS
    with running(folder) as mllp:
        until, began = time.monotonic() + seconds, mllp.cpu_s

        def send(line: int) -> None:
            with Sender(mllp.port) as sender:
                while time.monotonic() < until:
                    name = f"{line}-{counts[line]}"
                    who = Somebody(numbers=f"{name}^^^BVTW^MR")
                    assert "MSA|AA" in sender.send(orm(name, who, placer=name, accession=name))
                    counts[line] += 1

        senders = [threading.Thread(target=send, args=(line,)) for line in range(CONNECTIONS)]
        for each in senders:
            each.start()
        for each in senders:
            each.join()
        cpu_ms = 1000 * (mllp.cpu_s - began) / max(1, sum(counts))
    rate = sum(counts) / seconds
    return Row(
        "messages in", f"{RATE:.0f}/s", f"{rate:.0f}/s, {cpu_ms:.1f} ms of processor each", rate >= RATE
    )


def rate_out(seconds: float) -> Row:
    """Messages through our client to a plain receiver, one connection, each waiting for its answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_receive, args=(server,), daemon=True).start()
        row = texts.random_rows(texts.FIELDS, seed=1)[0]
        until, sent = time.monotonic() + seconds, 0
        with MllpClient("127.0.0.1", server.getsockname()[1]) as client:
            while time.monotonic() < until:
                client.send(texts.composed(row, sent + 1))
                sent += 1
    return Row("messages out", f"{RATE:.0f}/s", f"{sent / seconds:.0f}/s", sent / seconds >= RATE)


def _receive(server: socket.socket) -> None:
    connection, left = server.accept()[0], b""
    while chunk := connection.recv(65_536):
        left += chunk
        while END in left:
            raw, _, left = left.partition(END)
            control_id = raw.split(b"\r", 1)[0].split(b"|")[9]
            connection.sendall(VT + b"MSH|^~\\&|||||||ACK|1|P|2.5.1\rMSA|AA|" + control_id + b"\r" + END)


def kills_row(folder: Path, kills: int) -> Row:
    """Orders that were acknowledged, and are not in the ledger after the kills."""
    mllp, chance = Mllp(folder), random.Random(50)
    acknowledged: set[str] = set()
    for number in range(kills):
        acknowledged |= send_until_killed(mllp, number, chance.uniform(0.1, 0.8))
    lost = acknowledged - kept(mllp)
    found = f"{len(lost)} of {len(acknowledged)}"
    return Row(
        f"orders acknowledged and lost over {kills} kills", "0", found, not lost and len(acknowledged) > kills
    )


def kept(mllp: Mllp) -> set[str]:
    """Accession numbers of the orders in the ledger."""
    ledger = Ledger.open(mllp.url)
    found = {order.accession_number for order in ledger.orders.worklist(WorklistQuery(limit=1_000_000))}
    ledger.engine.dispose()
    return found


def attachments_row(folder: Path, studies: int) -> Row:
    """Studies that were given to somebody else, at any moment."""
    judged = judge(made(seed=8, studies=studies), folder, seed=8)
    found = f"{judged.wrong} ({judged.certain} with an order, {judged.uncertain} left to a person)"
    return Row(f"wrong patients in {studies} shuffled studies", "0", found, not judged.wrong + judged.mixed)


def measured(arguments: argparse.Namespace) -> Iterator[Row]:
    """Every row, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / part for part in ("rate", "kills", "world")]
        for folder in folders:
            folder.mkdir()
        yield from texts_rows(arguments.texts)
        yield rate_in(folders[0], arguments.seconds)
        yield rate_out(arguments.seconds)
        yield kills_row(folders[1], arguments.kills)
        yield attachments_row(folders[2], arguments.studies)


def main() -> int:
    """Print the table; 1 when a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("texts", 10_000), ("kills", 50), ("studies", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default, metavar="N")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S")
    logs.configure("error", "benchmark")
    missed = 0
    for row in measured(parser.parse_args()):
        print(f"{row.name:<58} {row.bound:>20}  {row.found:<52} {'met' if row.met else 'MISSED'}", flush=True)
        missed += not row.met
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
