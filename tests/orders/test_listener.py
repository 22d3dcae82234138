"""The MLLP server on the wire: many messages, broken frames, silent and greedy peers, TLS."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.hospital.messages import Somebody, orm
from benchmarks.hospital.sender import END, VT, Sender
from gateway.ledger.ledger import Ledger
from gateway.ledger.orders_inbox import InboxState
from gateway.orders.listener import Listener
from gateway.orders.office import Office
from gateway.orders.order import WorklistQuery
from gateway.orders.service import context_of
from gateway.orders.settings import Orders as Settings
from gateway.orders.settings import OrdersTls


@contextmanager
def listening(ledger: Ledger, settings: Settings, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A listener in a thread of its own; yields its port."""
    loop, ready, found = asyncio.new_event_loop(), threading.Event(), []
    stop = asyncio.Event()

    async def serve() -> None:
        listener = Listener(Office(ledger.engine, settings), settings, context)
        await listener.open()
        found.append(listener.port)
        ready.set()
        await stop.wait()
        await listener.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()
        loop.close()


def here(**chosen: object) -> Settings:
    return Settings(host="127.0.0.1", port=0, **chosen)  # type: ignore[arg-type]


def test_several_connections_send_several_messages_each(ledger: Ledger) -> None:
    with listening(ledger, here()) as port, Sender(port) as one, Sender(port) as other:
        for number in range(5):
            assert "MSA|AA|" in one.send(orm(f"a{number}", placer=f"PA{number}", accession=f"A{number}"))
            assert "MSA|AA|" in other.send(orm(f"b{number}", placer=f"PB{number}", accession=f"B{number}"))
    assert len(ledger.orders.worklist(WorklistQuery())) == 10


def test_messages_sent_without_waiting_are_answered_in_their_order(ledger: Ledger) -> None:
    with listening(ledger, here()) as port, Sender(port) as sender:
        sender.put(b"".join(VT + orm(f"c{n}", placer=f"P{n}", accession=f"A{n}") + END for n in range(20)))
        answers = [sender.answer() for _ in range(20)]
    assert [f"MSA|AA|c{n}" in answer for n, answer in enumerate(answers)] == [True] * 20


def test_what_comes_in_crumbs_and_with_noise_before_it_is_taken(ledger: Ledger) -> None:
    with listening(ledger, here()) as port, Sender(port) as sender:
        for byte in b"\r\n" + VT + orm() + END:
            sender.put(bytes([byte]))
        assert "MSA|AA|1" in sender.answer()


def test_a_message_that_is_too_long_is_rejected_and_its_beginning_kept(ledger: Ledger) -> None:
    settings = here(largest_message_bytes=20_000)
    with listening(ledger, settings) as port, Sender(port) as sender:
        answer = sender.send(orm("big") + b"NTE|1||" + b"x" * 300_000)
        assert "MSA|AE|big|" in answer
        assert "102^Data type error" in answer
        assert "MSA|AA|after" in sender.send(orm("after"))
    (refused,) = ledger.orders.inbox.latest(10, InboxState.REFUSED)
    kept = ledger.orders.inbox.get(refused.id)
    assert kept is not None
    assert 20_000 <= len(kept.raw) <= 65_536


def test_who_stalls_or_speaks_something_else_is_let_go(ledger: Ledger) -> None:
    with listening(ledger, here(stall_s=0.3, idle_s=0.5)) as port:
        for words in (VT + b"MSH|half", b"", b"GET / HTTP/1.1\r\n" * 1000):
            with socket.create_connection(("127.0.0.1", port), 5) as peer:
                peer.sendall(words)
                with suppress(ConnectionResetError):
                    assert peer.recv(1) == b""


def test_a_new_sender_finds_room_among_silent_ones(ledger: Ledger) -> None:
    settings = here(maximum_connections=4, connections_per_address=4)
    with listening(ledger, settings) as port:
        silent = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(6)]
        with Sender(port) as sender:
            assert "MSA|AA" in sender.send(orm())
        for each in silent:
            each.close()


def test_strangers_are_turned_away(ledger: Ledger) -> None:
    with (
        listening(ledger, here(addresses=("10.9.0.0/16",))) as port,
        pytest.raises(ConnectionError),
        Sender(port) as sender,
    ):
        sender.send(orm())


def test_hostile_bytes_never_end_the_listener(ledger: Ledger) -> None:
    hostile = [
        b"",
        b"\0" * 1000,
        b"MSH",
        b"MSH|",
        b"MSH||||||||||",
        b"MSH|||||||||||||||||||" * 50,
        b"MSH|^~\\&|" + b"\xff\xfe" * 500,
        b"\xff\xfe" + b"\xd8" * 999,
        orm("x1").replace(b"|", b"^"),
        orm("x2", Somebody(name="A" * 100_000)),
        orm("x3", Somebody(numbers="~".join(["1^^^B^MR"] * 5000))),
        orm("x4", Somebody(numbers="1" * 5000)),
        orm("x5", placer="P" * 500),
        orm("x6") + b"\r".join([b"Z99|1"] * 3000),
        orm("x7") + b"NTE|1||\\X" + b"FF" * 10_000 + b"\\\r",
        orm("x8", Somebody(name="a\0b\x01")),
        orm("x9", planned="99999999999999", study_uid="1.2.3"),
        orm("y1", study_uid="not a uid"),
        orm("y2").replace(b"UNICODE UTF-8", b"UNICODE UTF-32"),
        orm("y3" * 150),
    ]
    with listening(ledger, here()) as port, Sender(port) as sender:
        for raw in hostile:
            answer = sender.send(raw)
            assert "MSA|A" in answer
        assert "MSA|AA|sane" in sender.send(orm("sane"))
    for kept in ledger.orders.inbox.latest(100):
        assert kept.condition != "207", kept


def test_tls_with_and_without_the_senders_certificate(ledger: Ledger, pki: Path) -> None:
    open_tls = OrdersTls(certificate=pki / "server.pem", key=pki / "server.key")
    trusting = ssl.create_default_context(cafile=str(pki / "ca.pem"))
    trusting.check_hostname = False
    with listening(ledger, here(), context_of(open_tls, datetime.now(UTC))) as port:
        with Sender(port, trusting) as sender:
            assert "MSA|AA" in sender.send(orm())
        with pytest.raises(ConnectionError), Sender(port, timeout_s=2) as plain:
            plain.send(orm())
    mutual = open_tls.model_copy(update={"authorities": pki / "ca.pem"})
    with listening(ledger, here(), context_of(mutual, datetime.now(UTC))) as port:
        with pytest.raises((ConnectionError, ssl.SSLError)), Sender(port, trusting) as unknown:
            unknown.send(orm("2"))
        trusting.load_cert_chain(pki / "client.pem", pki / "client.key")
        with Sender(port, trusting) as sender:
            assert "MSA|AA" in sender.send(orm("3"))
