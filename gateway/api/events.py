"""Live cases as server-sent events: one task looks at the ledger for everybody who listens."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import StreamingResponse

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

HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Event = tuple[str, bytes]
"""Identifier of the case and what goes over the wire."""


def case_event(plain: Mapping[str, Any], mark: Mark) -> Event:
    r"""A case with its mark as an event.

    >>> case_event({"id": "a"}, ())[1].split(b"\n")[0]
    b'event: case'
    """
    text = json.dumps({**plain, "mark": digest(mark)}, ensure_ascii=False)
    return plain["id"], f"event: case\ndata: {text}\n\n".encode()


class Feed:
    """Tells listeners about every case that changes, as long as there are any."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._closed = False

    async def listen(self, case_id: str | None = None) -> AsyncIterator[bytes]:
        """The present state of every case (or of one), then each change; heartbeats in between."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE_LENGTH)
        self._listeners.add(queue)
        try:
            yield HEARTBEAT
            for event in await self._begin():
                if case_id in {None, event[0]}:
                    yield event[1]
            end = time.monotonic() + LONGEST_LISTEN_S
            while not self._closed and time.monotonic() < end:
                try:
                    item = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                except TimeoutError:
                    yield HEARTBEAT
                    continue
                if item is None:
                    return
                if case_id in {None, item[0]}:
                    yield item[1]
        finally:
            self._listeners.discard(queue)
            self._rest()

    def close(self) -> None:
        """Send everybody away, so that the server can stop."""
        self._closed = True
        for queue in list(self._listeners):
            self._dismiss(queue)

    async def _begin(self) -> list[Event]:
        """The snapshot for a new listener; the first one's also starts the watch."""
        async with self._lock:
            marks = await asyncio.to_thread(self._reception.marks, WATCHED_CASES)
            if self._task is None or self._task.done():
                self._task = asyncio.create_task(self._watch(marks))
        return await asyncio.to_thread(self._events, list(reversed(marks)), marks)

    def _rest(self) -> None:
        if not self._listeners and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self, known: Mapping[str, Mark]) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                marks = await asyncio.to_thread(self._reception.marks, WATCHED_CASES)
                changed = [case_id for case_id in reversed(marks) if known.get(case_id) != marks[case_id]]
                events = await asyncio.to_thread(self._events, changed, marks) if changed else []
            except (TemporaryError, SQLAlchemyError):
                log.exception("live events wait for the ledger")
                continue
            known = marks
            self._tell(events)

    def _events(self, case_ids: Sequence[str], marks: Mapping[str, Mark]) -> list[Event]:
        found = [self._reception.ledger.cases.get(case_id) for case_id in case_ids]
        plain = self._reception.describe([case for case in found if case is not None])
        return [case_event(case, marks[case["id"]]) for case in plain]

    def _tell(self, events: Sequence[Event]) -> None:
        for queue in list(self._listeners):
            try:
                for event in events:
                    queue.put_nowait(event)
            except asyncio.QueueFull:
                self._dismiss(queue)

    def _dismiss(self, queue: asyncio.Queue[Event | None]) -> None:
        self._listeners.discard(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)


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
