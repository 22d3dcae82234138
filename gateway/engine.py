"""Durable workflows: the only file that knows the workflow engine (DBOS).

A worker process is one executor *slot*. Its lock is held for the process's life, so a slot's runs are never executed
twice; every worker also reaps: runs of a slot whose lock nobody holds are queued again. Steps run at least once, so
every effect carries `run_key`. The journal holds references only (UIDs, paths), as JSON, never a person or a pixel.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, ParamSpec, TypeVar

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, Serializer, WorkflowStatus, error
from sqlalchemy.exc import SQLAlchemyError

from dicom_scp.directories import make_directory
from gateway.locks import locks_of, sqlite_path
from triage.errors import ConfigError, TemporaryError

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")

APPLICATION = "stroke-gateway"
VERSION = "workflows-1"
"""Pinned: the engine's own default changes with every release and would strand runs in flight."""

REAP_EVERY_S = 2.0
LOST_SLOT_EXIT = 70
"""EX_SOFTWARE of sysexits(3): the slot lock is gone, the supervisor starts a new process."""
_RECOVERY_ATTEMPTS = 50
"""Kills of the worker a run survives before it is a dead letter."""
_STEP_ATTEMPTS = 8
_URGENT_POLL_S = 0.05
_POLL_S = 0.25


class Priority(IntEnum):
    """Lower runs first. The engine's default, 0, would beat URGENT: every call names one."""

    URGENT = 1
    NORMAL = 10


class Queue(StrEnum):
    """Lanes of work; a waiting run occupies a place, so lanes that wait are wide."""

    ANALYSIS = "analysis"
    FORWARD = "forward"
    PUBLISH = "publish"
    ALERT = "alert"
    URGENT = "urgent"
    DELIVER = "deliver"


CONCURRENCY: Mapping[Queue, int] = {
    Queue.ANALYSIS: 1,  # one study at a time keeps two cores and the memory bound
    Queue.FORWARD: 4,
    Queue.PUBLISH: 2,
    Queue.ALERT: 500,
    Queue.URGENT: 100,
    Queue.DELIVER: 200,
}


_POLLED_OFTEN = (Queue.ANALYSIS, Queue.ALERT, Queue.URGENT)
"""Lanes between the last image and the phone; polling costs a twentieth of a core each, so only these."""


class _JsonSerializer(Serializer):
    """JSON in the journal: whoever can write the database must not be able to run code in a worker."""

    def name(self) -> str:
        return "stroke-gateway-json"

    def serialize(self, data: Any) -> str:
        if isinstance(data, BaseException):
            data = {"__error__": type(data).__name__, "message": str(data)[:2000]}
        return json.dumps(data)

    def deserialize(self, serialized_data: str) -> Any:
        data = json.loads(serialized_data)
        if isinstance(data, dict) and "__error__" in data:
            return RuntimeError(f"{data['__error__']}: {data['message']}")
        return data


def prepare(url: str) -> None:
    """Switch a SQLite journal to write-ahead logging before its first use; the engine leaves the slow default."""
    if path := sqlite_path(url):
        make_directory(path.parent)
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def workflow(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare a durable workflow; it may be killed at any line and goes on at its last unfinished step."""
    return DBOS.workflow(name=name, max_recovery_attempts=_RECOVERY_ATTEMPTS)


def step(name: str, verb: Callable[..., R]) -> Callable[..., R]:
    """Make a journalled step of `verb`: it runs at least once; a `TemporaryError` is tried again."""

    @DBOS.step(
        name=name,
        retries_allowed=True,
        max_attempts=_STEP_ATTEMPTS,
        should_retry=lambda error: isinstance(error, TemporaryError),
    )
    def run(*args: Any) -> R:
        return verb(*args)

    return run


def sleep(seconds: float) -> None:
    """Wait durably: the end is fixed when the wait begins, whatever restarts in between."""
    DBOS.sleep(seconds)


def wait_signal(topic: str, timeout_s: float) -> Any:
    """Wait durably for a signal; None when the time is over."""
    return DBOS.recv(topic, timeout_seconds=timeout_s)


@dataclass(frozen=True, slots=True)
class Job:
    """One run as the console shows it."""

    key: str
    workflow: str
    status: str
    queue: str | None
    created_at_ms: int | None
    attempts: int | None


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the engine's and its database's errors into ours."""
    try:
        yield
    except error.DBOSNonExistentWorkflowError as exc:
        raise TemporaryError("the run is not there yet; try again") from exc
    except SQLAlchemyError as exc:
        raise TemporaryError(f"the engine's database does not answer ({type(exc).__name__})") from exc


class Client:
    """Submits and inspects runs; imports no workflow code, so any process may hold one."""

    def __init__(self, url: str) -> None:
        prepare(url)
        self._client = DBOSClient(
            system_database_url=url,
            serializer=_JsonSerializer(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )

    def submit(
        self, name: str, key: str, *args: Any, queue: Queue, priority: Priority = Priority.NORMAL
    ) -> None:
        """Start a workflow; the same key again is the same run."""
        options = {
            "workflow_name": name,
            "queue_name": queue.value,
            "workflow_id": key,
            "priority": int(priority),
            "app_version": VERSION,
        }
        with _translated():
            self._client.enqueue(options, *args)  # type: ignore[arg-type]  # a TypedDict, built from a table

    def signal(self, key: str, topic: str, value: Any) -> None:
        """Send a signal to a run; the same signal twice arrives once."""
        with _translated():
            self._client.send(key, value, topic=topic, idempotency_key=f"{key}/{topic}")

    def jobs(self, limit: int = 200) -> list[Job]:
        """Runs, youngest first."""
        with _translated():
            found = self._client.list_workflows(
                sort_desc=True, load_input=False, load_output=False, limit=limit
            )
        return [_job(status) for status in found]

    def close(self) -> None:
        """Give the connections back."""
        self._client.destroy()


def _job(status: WorkflowStatus) -> Job:
    return Job(
        key=status.workflow_id,
        workflow=status.name,
        status=str(status.status),
        queue=status.queue_name,
        created_at_ms=status.created_at,
        attempts=status.recovery_attempts,
    )


class Worker:
    """The executor of this process's slot."""

    def __init__(self, url: str, slot: str, queues: Iterable[Queue] = tuple(Queue)) -> None:
        prepare(url)
        self._slot = slot
        self._locks = locks_of(url)
        if not self._locks.take(slot):
            raise ConfigError(f"worker.slot: '{slot}' is held by a live process; give every worker its own")
        self._stopping = threading.Event()
        wanted = tuple(queues)
        for name in [name for name in os.environ if name.startswith("DBOS")]:
            del os.environ[name]  # the engine's cloud options are not ours to inherit
        DBOS(config=_engine_config(url, slot))
        DBOS.listen_queues([queue.value for queue in wanted])
        DBOS.launch()
        for queue in wanted:
            poll_s = _URGENT_POLL_S if queue in _POLLED_OFTEN else _POLL_S
            DBOS.register_queue(
                queue.value,
                worker_concurrency=CONCURRENCY[queue],
                polling_interval_sec=poll_s,
            )
        threading.Thread(target=self._reap, name="reaper", daemon=True).start()

    def stop(self) -> None:
        """Stop taking work; what is unfinished goes on after the next start."""
        self._stopping.set()
        DBOS.destroy(workflow_completion_timeout_sec=0)

    def _reap(self) -> None:
        while not self._stopping.wait(REAP_EVERY_S):
            if not self._locks.alive():
                log.error("slot lost", slot=self._slot)
                os._exit(LOST_SLOT_EXIT)
            try:
                self._recover_dead_slots()
            except SQLAlchemyError:
                log.exception("reaper could not look")

    def _recover_dead_slots(self) -> None:
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        owners = {run.executor_id for run in pending if run.executor_id not in {self._slot, None}}
        for slot in filter(None, owners):
            if not self._locks.take(slot):
                continue
            try:
                # Private in 3.4.0, hence the exact pin; tests/gateway/test_engine.py is its contract.
                recovered = DBOS._recover_pending_workflows([slot])  # noqa: SLF001
                log.warning("runs of a dead slot queued again", slot=slot, runs=len(recovered))
            finally:
                self._locks.release(slot)


def _engine_config(url: str, slot: str) -> DBOSConfig:
    return {
        "name": APPLICATION,
        "system_database_url": url,
        "executor_id": slot,
        "application_version": VERSION,
        "serializer": _JsonSerializer(),
        "log_level": "WARNING",
        "notification_listener_polling_interval_sec": 0.25,
    }
