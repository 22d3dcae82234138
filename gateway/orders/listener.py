"""The MLLP server: frames in, answers out. It decodes nothing and never waits for anybody's sake.

One task per connection reads frames; one clerk takes whatever has gathered, in batches, to the office, which works in a
thread of its own. A peer that stalls within a message, sends no frame, or stays silent too long is let go; when all
places are taken, the one that has been silent longest makes room.

References
----------
HL7 Minimal Lower Layer Protocol, release 1: ``<VT> message <FS><CR>``.
"""

import asyncio
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import structlog

from gateway.orders.office import Incoming, Office
from gateway.orders.settings import Orders as Settings

log = structlog.get_logger()

START, END = b"\x0b", b"\x1c\x0d"
CHUNK_BYTES = 65_536
KEPT_OF_CUT_BYTES = 65_536
"""Of a message that is too long: its header, and enough to see what it was."""
MOST_NOISE_BYTES = 4096
"""Outside of frames; more is another protocol."""
BATCH = 64
HANDSHAKE_S = 10.0


@dataclass(slots=True, eq=False)
class _Peer:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    address: str
    active_at: float = field(default_factory=time.monotonic)
    buffer: bytearray = field(default_factory=bytearray)
    is_busy: bool = False


class Listener:
    """Takes messages on one port until it is closed."""

    def __init__(self, office: Office, settings: Settings, context: ssl.SSLContext | None = None) -> None:
        self._office = office
        self._settings = settings
        self._context = context
        self._networks = [ip_network(each, strict=False) for each in settings.addresses]
        self._peers: set[_Peer] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: asyncio.Queue[tuple[Incoming, asyncio.Future[bytes]]] = asyncio.Queue(BATCH * 4)
        self._thread = ThreadPoolExecutor(1, "office")
        self._server: asyncio.Server | None = None
        self._clerk: asyncio.Task[None] | None = None
        self._is_open = True

    @property
    def port(self) -> int:
        """The port that was opened."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def open(self) -> None:
        """Begin to listen; raises `OSError` when the port is taken."""
        handshake_s = HANDSHAKE_S if self._context else None
        self._server = await asyncio.start_server(
            self._serve,
            self._settings.host,
            self._settings.port or 0,
            limit=CHUNK_BYTES,
            ssl=self._context,
            ssl_handshake_timeout=handshake_s,
        )
        self._clerk = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Take nothing more; what the office has is answered first."""
        if self._server is None or self._clerk is None:
            return
        self._is_open = False
        self._server.close()
        for peer in list(self._peers):
            if not peer.is_busy:
                peer.writer.close()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._settings.stall_s)
        self._clerk.cancel()
        self._thread.shutdown()

    async def _work(self) -> None:
        """Take what has gathered to the office, one batch after the other."""
        loop = asyncio.get_running_loop()
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            incoming = [each for each, _ in batch]
            answers: Sequence[bytes | None]
            try:
                answers = await loop.run_in_executor(self._thread, self._office.take, incoming)
            except Exception as exc:  # noqa: BLE001 - the clerk must outlive every message; senders get no answer
                log.warning("the office failed", kind=type(exc).__name__, count=len(batch))
                answers = [None] * len(batch)
            for (_, answered), answer in zip(batch, answers, strict=True):
                if answered.done():
                    continue
                if answer is None:
                    answered.set_exception(ConnectionAbortedError())
                else:
                    answered.set_result(answer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str((writer.get_extra_info("peername") or ("",))[0])
        peer = _Peer(reader, writer, address)
        if not self._admits(peer):
            log.warning("sender turned away", address=address)
            writer.transport.abort()
            return
        self._peers.add(peer)
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            while await self._exchange(peer) and self._is_open:
                pass
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as exc:
            log.info("connection ended", address=address, kind=type(exc).__name__)
        finally:
            self._peers.discard(peer)
            writer.close()

    def _admits(self, peer: _Peer) -> bool:
        """Whether a connection is let in; the longest silent one makes room when all places are taken."""
        try:
            known = not self._networks or any(ip_address(peer.address) in each for each in self._networks)
        except ValueError:
            known = False
        same = sum(each.address == peer.address for each in self._peers)
        if not known or same >= self._settings.connections_per_address:
            return known and self._make_room(peer.address)
        return len(self._peers) < self._settings.maximum_connections or self._make_room(None)

    def _make_room(self, address: str | None) -> bool:
        idle = [each for each in self._peers if not each.is_busy and address in {None, each.address}]
        if not idle:
            return False
        longest = min(idle, key=lambda each: each.active_at)
        self._peers.discard(longest)
        longest.writer.transport.abort()
        return True

    async def _exchange(self, peer: _Peer) -> bool:
        """Take one message and answer it; returns whether another may follow."""
        found = await self._frame(peer)
        if found is None:
            return False
        peer.is_busy = True
        try:
            answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            await self._waiting.put((found, answered))
            answer = await answered
            if answer:
                peer.writer.write(START + answer + END)
                async with asyncio.timeout(self._settings.stall_s):
                    await peer.writer.drain()
        finally:
            peer.is_busy = False
            peer.active_at = time.monotonic()
        if found.is_cut:
            return await self._skip(peer)
        return True

    async def _frame(self, peer: _Peer) -> Incoming | None:
        """The next message; None when the peer has gone, or speaks something else."""
        async with asyncio.timeout(self._settings.idle_s):
            while (begin := peer.buffer.find(START)) < 0:
                if len(peer.buffer) > MOST_NOISE_BYTES or not await self._more(peer):
                    return None
        del peer.buffer[: begin + 1]
        looked = 0
        async with asyncio.timeout(self._settings.stall_s):
            while (end := peer.buffer.find(END, looked)) < 0:
                if len(peer.buffer) > self._settings.largest_message_bytes:
                    return Incoming(bytes(peer.buffer[:KEPT_OF_CUT_BYTES]), datetime.now(UTC), is_cut=True)
                looked = max(0, len(peer.buffer) - 1)
                if not await self._more(peer):
                    return None
        raw = bytes(peer.buffer[:end])
        del peer.buffer[: end + len(END)]
        return Incoming(raw, datetime.now(UTC), is_cut=False)

    async def _more(self, peer: _Peer) -> bool:
        chunk = await peer.reader.read(CHUNK_BYTES)
        peer.buffer += chunk
        return bool(chunk)

    async def _skip(self, peer: _Peer) -> bool:
        """Read away the rest of a message that was too long, so that our answer is not lost; whether it ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stall_s):
                while (end := peer.buffer.find(END)) < 0:
                    del peer.buffer[:-1]
                    if not await self._more(peer):
                        return False
                del peer.buffer[: end + len(END)]
                return True
        return False
