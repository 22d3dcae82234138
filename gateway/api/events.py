"""Live cases as server-sent events: one task looks at the ledger for everybody who listens."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.reception import Reception, digest
from gateway.ledger.views import Mark
from triage.errors import TemporaryError

log = structlog.get_logger()

LOOK_EVERY_S = 0.25
HEARTBEAT_S = 10.0
"""A page that hears nothing for longer knows that what it shows may be old."""
WATCHED_CASES = 100
LONGEST_LISTEN_S = 3600.0
"""Then the listener has to come back, and to show that its session still holds."""
QUEUE_LENGTH = 500
"""A listener who is further behind is sent away; it comes back and gets a fresh picture."""

READING = frozenset({"GET", "HEAD", "OPTIONS"})
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Change:
    """A case as it is now: `plain` as the API shows it, its mark, and the event that tells of it."""

    plain: Mapping[str, Any]
    mark: str
    wire: bytes = field(repr=False)

    @classmethod
    def of(cls, plain: Mapping[str, Any], mark: Mark) -> Self:
        r"""A case with its mark.

        >>> Change.of({"id": "a"}, ()).wire.split(b"\n")[0]
        b'event: case'
        """
        marked = {**plain, "mark": digest(mark)}
        return cls(plain, marked["mark"], event("case", marked))

    @property
    def case_id(self) -> str:
        """Which case."""
        return str(self.plain["id"])


def event(name: str, plain: Mapping[str, Any]) -> bytes:
    r"""A server-sent event with plain values.

    >>> event("heartbeat", {})
    b'event: heartbeat\ndata: {}\n\n'
    """
    return f"event: {name}\ndata: {json.dumps(plain, ensure_ascii=False)}\n\n".encode()


HEARTBEAT = event("heartbeat", {})


class Feed:
    """Tells listeners about every case that changes, as long as there are any."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._listeners: set[asyncio.Queue[Change | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._woken = asyncio.Event()
        self._closed = False

    async def listen(self, case_id: str | None = None) -> AsyncIterator[bytes]:
        """The present state of every case (or of one), then each change; heartbeats in between."""
        async for change in self.changes(case_id):
            yield change.wire if change else HEARTBEAT

    async def changes(self, case_id: str | None = None) -> AsyncIterator[Change | None]:
        """As `listen`, for those who tell it in their own words; None is a heartbeat."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUE_LENGTH)
        self._listeners.add(queue)
        try:
            yield None
            for change in await self._begin(case_id):
                yield change
            end = time.monotonic() + LONGEST_LISTEN_S
            while not self._closed and time.monotonic() < end:
                try:
                    item = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield None
                    continue
                if item is None:
                    return
                if case_id in {None, item.case_id}:
                    yield item
        finally:
            self._listeners.discard(queue)
            self._rest()

    def wake(self) -> None:
        """Look at once: this process has just changed something. Without a listener nothing happens."""
        self._woken.set()

    def close(self) -> None:
        """Send everybody away, so that the server can stop."""
        self._closed = True
        for queue in list(self._listeners):
            self._dismiss(queue)

    async def _begin(self, case_id: str | None) -> list[Change]:
        """The snapshot for a new listener; the first one's also starts the watch."""
        async with self._lock:
            marks = await asyncio.to_thread(self._reception.marks, WATCHED_CASES)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._watch(marks))
        wanted = [known for known in reversed(marks) if case_id in {None, known}]
        return await asyncio.to_thread(self._described, wanted, marks)

    def _rest(self) -> None:
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self, known: Mapping[str, Mark]) -> None:
        while True:
            await self._pause()
            try:
                marks = await asyncio.to_thread(self._reception.marks, WATCHED_CASES)
                changed = [case_id for case_id in reversed(marks) if known.get(case_id) != marks[case_id]]
                found = await asyncio.to_thread(self._described, changed, marks) if changed else []
            except (TemporaryError, SQLAlchemyError):
                log.exception("live events wait for the ledger")
                continue
            known = marks
            self._tell(found)

    async def _pause(self) -> None:
        """Until the next look, or until somebody wakes us."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), LOOK_EVERY_S)
        self._woken.clear()

    def _described(self, case_ids: Sequence[str], marks: Mapping[str, Mark]) -> list[Change]:
        found = [self._reception.ledger.cases.get(case_id) for case_id in case_ids]
        plain = self._reception.describe([case for case in found if case is not None])
        return [Change.of(case, marks[case["id"]]) for case in plain]

    def _tell(self, found: Sequence[Change]) -> None:
        for queue in list(self._listeners):
            try:
                for change in found:
                    queue.put_nowait(change)
            except asyncio.QueueFull:
                self._dismiss(queue)

    def _dismiss(self, queue: asyncio.Queue[Change | None]) -> None:
        self._listeners.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


class Nudge:
    """ASGI middleware: whatever was asked to change something has done so when the answer begins, and the feed looks."""

    def __init__(self, app: ASGIApp, feed: Feed) -> None:
        self._app = app
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass."""
        if scope["type"] != "http" or scope["method"] in READING:
            await self._app(scope, receive, send)
            return

        async def send_and_wake(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._feed.wake()
            await send(message)

        await self._app(scope, receive, send_and_wake)


def routes(feed: Feed) -> APIRouter:
    """``/api/v1/events``."""
    router = APIRouter()

    @router.get(
        "/api/v1/events",
        tags=["cases"],
        summary="Server-sent events: one `case` for each case now and for each change, `heartbeat` in between",
        response_class=StreamingResponse,
    )
    async def get_events(case: str | None = None) -> StreamingResponse:
        return StreamingResponse(feed.listen(case), media_type="text/event-stream", headers=HEADERS)

    return router
