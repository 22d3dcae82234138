"""Peers that come in crowds: silent, stalled, dripping, in bursts, with wrong names; and a real sender among them."""

import os
import select
import socket
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.faults.house import House, Vitals
from benchmarks.faults.peer import (
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    CT,
    EXPLICIT,
    SUCCESS,
    Lost,
    Peer,
    association_request,
    echoes,
    store_message,
)
from benchmarks.faults.report import Row, at_most, none_of, row, wait_until
from benchmarks.faults.testimony import Testimony
from benchmarks.running import NO_NAGLE

STORESCU = Path("/usr/bin/storescu")
SILENT, STALLED, BURST, CROWD = 500, 20, 200, 100
SILENT_CUT_S, STALL_CUT_S = 12.0, 35.0
CALM_S = 60.0
PATIENCE_S = 30.0
"""For what should be quick, on a busy machine."""
SAMPLES = 60
"""Slices of the sender whose waiting times are compared."""
QUIET_FACTOR = 2.0
FLOOR_MS = 5.0
"""Differences below this are the scheduler's."""


def connect(port: int, count: int) -> list[socket.socket]:
    """Connections, opened at once."""
    socks = []
    for _ in range(count):
        sock = socket.socket()
        sock.setblocking(False)  # noqa: FBT003 - the socket library's own signature
        sock.connect_ex(("127.0.0.1", port))
        socks.append(sock)
    return socks


def close(socks: Sequence[socket.socket]) -> None:
    """Close them all."""
    for sock in socks:
        sock.close()


def still_open(socks: Sequence[socket.socket]) -> list[socket.socket]:
    """Those that the other side has not closed."""
    return [sock for sock in socks if not _is_closed(sock)]


def _is_closed(sock: socket.socket) -> bool:
    while select.select([sock], [], [], 0)[0]:
        try:
            if not sock.recv(4096):
                return True
        except BlockingIOError:
            return False
        except OSError:
            return True
    return False


@contextmanager
def silent(port: int, count: int = SILENT) -> Iterator[list[socket.socket]]:
    """Connections that send nothing or the beginning of a header."""
    socks = connect(port, count)
    select.select([], socks, [], 2)
    for number, sock in enumerate(socks):
        if number % 6:
            try:
                sock.send(b"\1\0\0\0\0"[: number % 6])
            except OSError:
                continue
    try:
        yield socks
    finally:
        close(socks)


@contextmanager
def stalled(port: int, count: int = STALLED) -> Iterator[list[socket.socket]]:
    """Associations that stop in the middle of a unit of data; one in four drips instead."""
    peers = [Peer(port) for _ in range(count)]
    stop = threading.Event()
    for number, peer in enumerate(peers):
        peer.associate(association_request(calling=f"STALL{number}"))
        peer.send(store_message(b"1.2.3", bytes(5000))[:2000])
    dripping = threading.Thread(target=_drip, args=([p.sock for p in peers[::4]], stop))
    dripping.start()
    try:
        yield [peer.sock for peer in peers]
    finally:
        stop.set()
        dripping.join()
        close([peer.sock for peer in peers])


def _drip(socks: Sequence[socket.socket], stop: threading.Event) -> None:
    """One byte each half second."""
    while not stop.wait(0.5):
        for sock in socks:
            try:
                sock.send(b"\0")
            except OSError:
                continue


def waits_ms(port: int, testimony: Testimony, count: int = SAMPLES) -> list[float]:
    """How long a sender waits for each answer, over one association, and for the association itself."""
    waits = []
    with Peer(port) as peer:
        start = time.perf_counter()
        if peer.associate()[0] != ASSOCIATE_AC:
            raise Lost("no association")
        waits.append(time.perf_counter() - start)
        for _ in range(count):
            instance, dataset = testimony.slice()
            start = time.perf_counter()
            if testimony.store(peer, instance, dataset) != SUCCESS:
                raise Lost("an instance was refused")
            waits.append(time.perf_counter() - start)
        peer.release()
    return [1000 * wait for wait in waits]


def p95(values: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1]


def during(port: int, testimony: Testimony, what: str, quiet_ms: float) -> Row:
    """The sender's p95 while something goes on, against the p95 without."""
    bound = max(QUIET_FACTOR * quiet_ms, quiet_ms + FLOOR_MS)
    try:
        found = p95(waits_ms(port, testimony))
    except (Lost, OSError) as exc:
        return row(f"{what}: a real sender", "p95 at most twice quiet", f"failed: {exc}", met=False)
    return at_most(f"{what}: p95 of a sender's waits (quiet {quiet_ms:.1f} ms)", bound, found, "ms")


def storescu_works(port: int, folder: Path, testimony: Testimony) -> Row:
    """Whether dcmtk's sender gets its files through now."""
    if not STORESCU.exists():
        return row("dcmtk's storescu meanwhile", "exit 0", "not installed", met=True)
    paths = []
    for _ in range(3):
        instance, dataset = testimony.slice()
        paths.append(folder / f"{instance}.dcm")
        meta = b"".join(
            struct.pack("<HH2sH", 2, number, b"UI", len(text)) + text
            for number, text in ((2, _ui(CT)), (3, _ui(instance)), (16, _ui(EXPLICIT)))
        )
        length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta))
        paths[-1].write_bytes(bytes(128) + b"DICM" + length + meta + dataset)
    command = [str(STORESCU), "-aec", "STROKEGW", "127.0.0.1", str(port), *map(str, paths)]
    done = subprocess.run(
        command, env={**os.environ, **NO_NAGLE}, capture_output=True, text=True, timeout=30, check=False
    )
    found = f"exit {done.returncode} {done.stderr.strip()[-200:]}"
    return row("dcmtk's storescu meanwhile", "exit 0", found, met=done.returncode == 0)


def _ui(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def burst_rows(port: int) -> list[Row]:
    """200 connections at once, each asking for an association: all are answered."""
    request, start = association_request(calling="BURST"), time.monotonic()
    socks = connect(port, BURST)
    waiting, answered = set(socks), 0
    asked: set[socket.socket] = set()
    while waiting and time.monotonic() - start < PATIENCE_S:
        readable, writable, _ = select.select(waiting, waiting - asked, [], 0.5)
        for sock in writable:
            try:
                sock.send(request)
            except OSError:
                waiting.discard(sock)
            asked.add(sock)
        for sock in set(readable) & waiting:
            answered += _first_byte(sock) in {ASSOCIATE_AC, ASSOCIATE_RJ}
            waiting.discard(sock)
    took_s = time.monotonic() - start
    close(socks)
    name = f"{BURST} connects at once"
    return [
        row(f"{name}: answered", f"{BURST}", answered, met=answered == BURST),
        at_most(f"{name}: all answered", 2.0, took_s, "s"),
    ]


def _first_byte(sock: socket.socket) -> int:
    try:
        return (sock.recv(4096) or b"\0")[0]
    except OSError:
        return 0


def crowd_row(port: int) -> list[Row]:
    """100 associations that stay: as many as fit are served, the others are told to come again (2/3/2)."""
    peers, served, told, else_ = [], 0, 0, []
    for number in range(CROWD):
        peer = Peer(port)
        peers.append(peer)
        try:
            kind, body = peer.associate(association_request(calling=f"CROWD{number}"))
        except Lost as exc:
            else_.append(str(exc))
            continue
        served += kind == ASSOCIATE_AC
        told += kind == ASSOCIATE_RJ and body[1:] == b"\2\3\2"
    for peer in peers:
        peer.sock.close()
    start_s = wait_until(lambda: echoes(port), PATIENCE_S, 0.005)
    return [
        row(
            f"{CROWD} associations: served or told 2/3/2",
            f"{CROWD}",
            f"{served} + {told} {else_[:2] or ''}",
            met=served + told == CROWD and served > 0,
        ),
        at_most(f"{CROWD} associations: echo afterwards", 0.1, start_s, "s"),
    ]


def calm_rows(house: House, before: Vitals, after: str) -> list[Row]:
    """Threads, descriptors and memory back to normal within a minute."""

    def is_calm() -> bool:
        now = Vitals.of(house.pid)
        return now.threads <= before.threads and now.descriptors <= before.descriptors + 3

    took_s = wait_until(is_calm, CALM_S, 0.1)
    now = Vitals.of(house.pid)
    bound = f"{before.threads} threads, {before.descriptors} + 3 files in {CALM_S:.0f} s"
    found = f"{now.threads} threads, {now.descriptors} files after {took_s:.1f} s"
    return [
        row(f"back to normal after {after}", bound, found, met=took_s <= CALM_S),
        at_most(f"memory ever taken, after {after}", 100, now.peak_mb, "MB"),
    ]


def none_open_row(what: str, socks: Sequence[socket.socket], within_s: float) -> Row:
    """Whether the listener closed them all in time."""
    took_s = wait_until(lambda: not still_open(socks), within_s, 0.1)
    left = len(still_open(socks))
    return none_of(f"{what}: still open after {within_s:.0f} s (closed after {took_s:.1f} s)", left)
