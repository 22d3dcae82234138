"""A real association, bent at random places, thousands of times: the listener must survive all of them.

The seed of every run is printed; message N of seed S is the same on every machine.
"""

import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.faults.house import House, Vitals
from benchmarks.faults.peer import (
    CT,
    RELEASE_RQ,
    STORE_RQ,
    association_request,
    command,
    echoes,
    fragments,
    pdu,
)
from benchmarks.faults.report import Row, at_most, none_of, row
from benchmarks.faults.testimony import ct_dataset

SEED = 11_112
THREADS = 4
ANSWER_S = 5.0
PATIENCE_S = 30.0
"""A listener that has not ended a conversation by then hangs, however busy the machine is."""
INTERESTING = (0, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 0x7F, 0x80, 0xFE, 0xFF)
LENGTHS = (0, 1, 5, 0x7FFF, 0xFFFF, 1 << 20, 0x7FFFFFFF, 0xFFFFFFF0, 0xFFFFFFFF)
MOST_GROWTH_MB = 50.0


def conversation(number: int) -> list[bytes]:
    """The units of a healthy association: request, C-STORE in small fragments, release."""
    instance = f"1.2.826.0.1.3680043.10.9.{number}"
    dataset = ct_dataset(instance, number, 700)
    whole = [
        fragments(1, command(STORE_RQ, CT, instance.encode()), is_command=True),
        fragments(1, dataset, is_command=False, step=300),
        pdu(RELEASE_RQ, bytes(4)),
    ]
    return [association_request(calling=f"FUZZ{number % 1000}"), *whole]


def flip(chance: random.Random, raw: bytearray) -> None:
    """Change one to eight bytes."""
    for _ in range(chance.randint(1, 8)):
        raw[chance.randrange(len(raw))] = chance.choice(INTERESTING)


def cut_out(chance: random.Random, raw: bytearray) -> None:
    """Remove a piece."""
    start = chance.randrange(len(raw))
    del raw[start : start + chance.randint(1, 40)]


def put_in(chance: random.Random, raw: bytearray) -> None:
    """Insert noise."""
    at = chance.randrange(len(raw))
    raw[at:at] = chance.randbytes(chance.randint(1, 40))


def lie(chance: random.Random, raw: bytearray) -> None:
    """Overwrite four bytes with a length that is wrong."""
    at = chance.randrange(max(len(raw) - 4, 1))
    raw[at : at + 4] = struct.pack(chance.choice(("<I", ">I")), chance.choice(LENGTHS))


def lie_in_head(chance: random.Random, raw: bytearray) -> None:
    """Give a unit another type or length."""
    if chance.random() < 0.5:
        raw[0] = chance.randrange(12)
    else:
        raw[2:6] = struct.pack(">I", chance.choice(LENGTHS))


def repeat(chance: random.Random, raw: bytearray) -> None:
    """Say a piece twice."""
    start = chance.randrange(len(raw))
    raw[start:start] = raw[start : start + chance.randint(1, 200)]


MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    flip, flip, cut_out, put_in, lie, lie_in_head, repeat,
)  # fmt: skip


def bent(seed: int, number: int) -> bytes:
    """Message `number` of a seed: one to three mutations in one to two units; units may also change places."""
    chance = random.Random(f"{seed}:{number}")
    units = [bytearray(unit) for unit in conversation(number)]
    first = 0 if chance.random() < 0.3 else 1
    for _ in range(chance.randint(1, 2)):
        unit = units[chance.randrange(first, len(units))]
        for _ in range(chance.randint(1, 3)):
            if unit:
                chance.choice(MUTATIONS)(chance, unit)
    if chance.random() < 0.1:
        chance.shuffle(units)
    return b"".join(units)


@dataclass
class Fuzzing:
    """What the bent messages came to; `hung` were not ended although we had said everything."""

    sent: int = 0
    hung: list[int] = field(default_factory=list)
    refused: int = 0
    longest_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, port: int, seed: int, number: int) -> None:
        """Send one message, close our half, and wait for the other half to be closed."""
        start = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as sock:
                sock.sendall(bent(seed, number))
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65_536):
                    pass
        except TimeoutError:
            self.hung.append(number)
        except OSError:
            self.refused += 1
        with self._lock:
            self.sent += 1
            self.longest_s = max(self.longest_s, time.monotonic() - start)


def fuzz(house: House, count: int, seed: int = SEED) -> Fuzzing:
    """Send `count` bent messages from four threads."""
    found = Fuzzing()
    house_dies = threading.Event()

    def work(first: int) -> None:
        for number in range(first, count, THREADS):
            if house_dies.is_set():
                return
            found.send(house.port, seed, number)
            if number % 50 == first and not house.is_alive():
                house_dies.set()

    workers = [threading.Thread(target=work, args=(first,)) for first in range(THREADS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return found


def rows(house: House, count: int, seed: int = SEED) -> list[Row]:
    """Fuzz a running listener."""
    before = Vitals.of(house.pid)
    log_before = house.log.stat().st_size
    found = fuzz(house, count, seed)
    if not house.is_alive():
        return [row(f"fuzzed, seed {seed}", "alive", f"dead after {found.sent}", met=False)]
    failed = house.log.read_bytes()[log_before:]
    internal = failed.count(b"association_failed") + failed.count(b"internal error")
    grown = Vitals.of(house.pid).rss_mb - before.rss_mb
    return [
        row(f"bent messages, seed {seed}: sent", f"{count}", found.sent, met=found.sent == count),
        at_most("bent messages: longest until the end", ANSWER_S, found.longest_s, "s"),
        none_of("bent messages: never ended", [f"number {n}" for n in found.hung]),
        none_of("bent messages: internal errors in the log", internal),
        row(
            "bent messages: memory",
            f"+ <= {MOST_GROWTH_MB:.0f} MB",
            f"+ {grown:.1f} MB",
            met=grown <= MOST_GROWTH_MB,
        ),
        row("bent messages: echo afterwards", "works", (works := echoes(house.port)), met=works),
    ]
