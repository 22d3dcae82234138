"""Single peers that do something forbidden: wrong names, units and messages without an end."""

import select
import struct

from benchmarks.faults.house import House, Vitals
from benchmarks.faults.peer import (
    ASSOCIATE_RJ,
    ASSOCIATE_RQ,
    Peer,
    association_request,
    fragments,
    pdu,
    store_message,
)
from benchmarks.faults.report import Row, row, wait_until


def wrong_names_row(house: House, tries: int) -> Row:
    """Wrong AE titles: all rejected, and hardly a line of log about it."""
    before = house.log.stat().st_size
    rejected = 0
    for _ in range(tries):
        with Peer(house.port) as peer:
            rejected += peer.associate(association_request(called="NOBODY"))[0] == ASSOCIATE_RJ
    lines = house.log.read_bytes()[before:].count(b"association_rejected")
    found = f"{rejected}, {lines} log lines"
    return row(
        f"{tries} wrong AE titles: rejected",
        f"{tries}, <= 2 lines a minute",
        found,
        met=rejected == tries and lines <= 2,
    )


def long_unit_rows(house: House) -> list[Row]:
    """A unit that claims 4 GiB, before and after negotiation: closed before 1 MiB was taken."""
    found = []
    for name, prologue in (("before", b""), ("after", association_request(calling="LONG"))):
        before = Vitals.of(house.pid).rss_mb
        with Peer(house.port) as peer:
            if prologue:
                peer.associate(prologue)
            taken = _pour(peer, struct.pack(">BxI", 4 if prologue else ASSOCIATE_RQ, 0xFFFFFFF0), 64)
        grown = Vitals.of(house.pid).rss_mb - before
        bound = "<= 4 MiB sent (buffers), RSS + <= 5 MB"
        told = f"{taken} MiB sent, RSS + {grown:.1f} MB"
        found.append(row(f"unit of 4 GiB {name} negotiation", bound, told, met=taken <= 4 and grown <= 5))
    return found


def _pour(peer: Peer, head: bytes, most_mib: int) -> int:
    """Send a head and then zeros until the peer ends it; returns MiB sent."""
    peer.sock.settimeout(5)
    try:
        peer.sock.sendall(head)
        for sent in range(most_mib):
            peer.sock.sendall(bytes(1 << 20))
            if select.select([peer.sock], [], [], 0)[0]:
                return sent + 1
    except OSError:
        return sent if "sent" in locals() else 0
    return most_mib


def endless_row(house: House, mib: int) -> Row:
    """Fragments without a last one: memory stays, and no temporary file does."""
    before = Vitals.of(house.pid)
    begin = store_message(b"1.2.3.4.5", b"")
    begin = begin[: -len(fragments(1, b"", is_command=False))]
    part = pdu(4, struct.pack(">IBB", 131_066 + 2, 1, 0) + bytes(131_066))
    with Peer(house.port, timeout_s=60) as peer:
        peer.associate(association_request(calling="ENDLESS"))
        peer.sock.sendall(begin)
        sent = 0
        try:
            while sent < mib << 20:
                peer.sock.sendall(part)
                sent += len(part)
        except OSError:
            pass
        grown = Vitals.of(house.pid).rss_mb - before.rss_mb
    gone_s = wait_until(lambda: not list((house.data_dir / "spool").rglob("*.part")), 10)
    found = f"{sent >> 20} MiB, RSS + {grown:.1f} MB, file gone after {gone_s:.1f} s"
    return row(
        f"{mib} MiB without a last fragment",
        "RSS + <= 64 MB, file removed",
        found,
        met=grown <= 64 and gone_s < 10,
    )
