"""A real sender among silent, stalled, hurried and idle peers: how long its images take, and what the crowd costs."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks.raw_sender import RawSender, association_request
from benchmarks.receivers import Receiver
from dicom_scp import dimse
from dicom_scp.wire import HEADER, PduType

SILENT, STALLED, HURRIED, IDLE = 500, 20, 200, 20
PER_ASSOCIATION = 10
"""Images the timed sender puts into one association, so that it must get in again and again."""
SENDER_ADDRESS = "127.0.0.2"
"""The crowd comes from another: what one address may take of the listener is bounded."""
HUNDREDTHS = 100

Image = tuple[str, bytes]


@dataclass(frozen=True)
class Crowd:
    """Who else is there, and how many of them."""

    name: str
    enter: Callable[[ExitStack, int], None]


def timed_sender(port: int, images: list[Image]) -> list[float]:
    """Seconds each image took, the association's opening counted with its first."""
    seconds = []
    for start in range(0, len(images), PER_ASSOCIATION):
        began = time.perf_counter()
        source = socket.create_connection(("127.0.0.1", port), 30, source_address=(SENDER_ADDRESS, 0))
        with RawSender(port, source) as sender:
            if sender.associate() != PduType.ASSOCIATE_AC:
                raise ConnectionError("a real sender was kept out")
            for uid, dataset in images[start : start + PER_ASSOCIATION]:
                if sender.store(dataset, uid):
                    raise ConnectionError("an image was refused")
                seconds.append(time.perf_counter() - began)
                began = time.perf_counter()
            sender.release()
    return seconds


def p95_s(seconds: list[float]) -> float:
    """The time that 95 of 100 images stay below."""
    return sorted(seconds)[int(0.95 * (len(seconds) - 1))]


def silent(stack: ExitStack, port: int) -> None:
    """Connections that send up to five bytes and then nothing."""
    for k in range(SILENT):
        peer = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
        peer.sendall(b"\x01\x00\x00\x00\x01"[: k % 6])


def stalled(stack: ExitStack, port: int) -> None:
    """Associations that stop in the middle of a unit."""
    for _ in range(STALLED):
        sender = stack.enter_context(RawSender(port))
        sender.associate()
        sender.sock.sendall(HEADER.pack(PduType.P_DATA_TF, 1000) + dimse.PDV.pack(996, 1, dimse.COMMAND))


def hurried(stack: ExitStack, port: int) -> None:
    """Many at once, again and again, each in its own thread: connect, ask, release."""
    pool = ThreadPoolExecutor(HURRIED)
    stack.callback(pool.shutdown)
    for _ in range(HURRIED):
        pool.submit(_come_and_go, port)


def _come_and_go(port: int) -> None:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30) as peer:
        peer.sendall(association_request())
        RawSender(port, peer).receive()


CROWDS = (
    Crowd("500 silent peers", silent),
    Crowd("20 stalled in a unit", stalled),
    Crowd("200 connects at once", hurried),
)


def ratios(receiver: Receiver, images: list[Image], rounds: int = 3) -> Iterator[tuple[str, float]]:
    """Name of each crowd and the sender's p95 among it, relative to its p95 in quiet, measured in turns."""
    timed_sender(receiver.port, images)
    for crowd in CROWDS:
        found = []
        for _ in range(rounds):
            quiet = p95_s(timed_sender(receiver.port, images))
            with ExitStack() as stack:
                crowd.enter(stack, receiver.port)
                found.append(p95_s(timed_sender(receiver.port, images)) / quiet)
        yield crowd.name, sorted(found)[rounds // 2]


def idle_percent(receiver: Receiver, seconds: float) -> float:
    """Percent of one core that idle associations cost, as many as one address may have, scaled to 32."""
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(RawSender(receiver.port)).associate()
        before = receiver.cpu_s()
        time.sleep(seconds)
        return (receiver.cpu_s() - before) / seconds * HUNDREDTHS * 32 / IDLE
