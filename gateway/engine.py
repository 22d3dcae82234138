"""Durable workflows: the only file that knows the workflow engine (DBOS).

A worker process is one executor *slot*. Its lock is held for the process's life, so a slot's runs are never executed
twice; every worker also reaps: runs of a slot whose lock nobody holds are queued again. Steps run at least once, so
every effect carries `run_key`. The journal holds references only (UIDs, paths), as JSON, never a person or a pixel.
"""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, Serializer, StepInfo, WorkflowStatus, error
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from gateway import journal
from gateway.journal import DEAD, ENDED_WELL, Job, Step, prepare
from gateway.lanes import CONCURRENCY, POLLED_OFTEN, Priority, Queue
from gateway.locks import locks_of
from triage.errors import ConfigError, GatewayError, TemporaryError

log = structlog.get_logger()

P = ParamSpec("P")
R = TypeVar("R")

APPLICATION = "stroke-gateway"
VERSION = "workflows-2"
"""Pinned: the engine's own default changes with every release and would strand runs in flight.

Named anew when a workflow's steps change: since 2 an alert is one look after another, so that no level waits for a channel.
"""

REAP_EVERY_S = 2.0
LOST_SLOT_EXIT = 70
"""EX_SOFTWARE of sysexits(3): the slot lock is gone, the supervisor starts a new process."""
_RECOVERY_ATTEMPTS = 50
"""Kills of the worker a run survives before it is a dead letter."""
_STEP_ATTEMPTS = 8
_URGENT_POLL_S = 0.05
_POLL_S = 0.25
_NOBODY_LISTENS = "set-aside"
"""A lane of no worker, where a dead run can be cancelled without being taken up in between."""
_SLEEP = "DBOS.sleep"
"""How the journal names a wait, of a signal's receiver too."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class _JsonSerializer(Serializer):
    """JSON in the journal: whoever can write the database must not be able to run code in a worker."""

    def name(self) -> str:
        return "stroke-gateway-json"

    def serialize(self, data: Any) -> str:
        return journal.dumped(data)

    def deserialize(self, serialized_data: str) -> Any:
        return journal.loaded(serialized_data)


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
        try:
            return verb(*args)
        except GatewayError:
            raise
        except Exception as exc:  # noqa: BLE001 - its message goes into journal and log, where no person may be
            raise _harmless(exc) from None

    return run


def _harmless(exc: Exception) -> Exception:
    """What a step's foreign error becomes: a full disk or a database that is away passes, the rest is a mistake."""
    if isinstance(exc, OperationalError) or (isinstance(exc, OSError) and exc.errno in _FULL):
        return TemporaryError(f"{type(exc).__name__} at {journal.unforeseen(exc)}")
    return journal.unforeseen(exc)


def sleep(seconds: float) -> None:
    """Wait durably: the end is fixed when the wait begins, whatever restarts in between."""
    DBOS.sleep(seconds)


def wait_signal_until(topic: str, moment_s: float) -> Any:
    """Wait durably for a signal until a moment (seconds since the epoch); None when it has come.

    The moment must be in the journal, as the outcome of a step: then neither a slow step nor a restart shifts it.
    """
    return DBOS.recv(topic, timeout_seconds=max(0.0, moment_s - time.time()))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the engine's and its database's errors into ours."""
    try:
        yield
    except error.DBOSNonExistentWorkflowError as exc:
        raise TemporaryError("the run is not there yet; try again") from exc
    except error.DBOSException as exc:
        raise TemporaryError("the run changed in the meantime; look again") from exc
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
        """Send a signal to a run; each one arrives, so the run must bear a repeat."""
        with _translated():
            self._client.send(key, value, topic=topic)

    def jobs(self, limit: int | None = 200, states: Sequence[str] = (), key: str | None = None) -> list[Job]:
        """Runs, youngest first; with their errors when only dead ones, or one, are asked for."""
        with _translated():
            found = self._client.list_workflows(
                workflow_ids=[key] if key else None,
                status=list(states) or None,
                sort_desc=True,
                load_input=False,
                load_output=bool(key) or tuple(states) == DEAD,
                limit=limit,
            )
        return [_job(status) for status in found]

    def steps(self, key: str) -> list[Step]:
        """Steps of a run that are in the journal."""
        with _translated():
            return [_step(info) for info in self._client.list_workflow_steps(key)]

    def replay(self, key: str, from_step: int, queue: Queue) -> None:
        """Run an ended run again under its key from a step on; earlier steps are not repeated."""
        with _translated():
            self._client.rewind_workflow(
                key, start_step=from_step, application_version=VERSION, queue_name=queue.value
            )

    def cancel(self, key: str) -> None:
        """Stop a run after its present step."""
        with _translated():
            self._client.cancel_workflow(key)

    def set_aside(self, key: str, after_step: int) -> None:
        """Turn a dead run into a cancelled one, which a person has given up; its steps stay in the journal."""
        with _translated():
            self._client.rewind_workflow(key, start_step=after_step + 1, queue_name=_NOBODY_LISTENS)
            self._client.cancel_workflow(key)

    def forget(self, before: datetime, limit: int) -> int:
        """Delete the oldest runs that ended well before a moment; returns how many went."""
        with _translated():
            found = self._client.list_workflows(
                status=list(ENDED_WELL),
                completed_before=before.isoformat(),
                load_input=False,
                load_output=False,
                limit=limit,
            )
            self._client.delete_workflows([status.workflow_id for status in found])
        return len(found)

    def drop(self, keys: Sequence[str]) -> None:
        """Delete runs that are over, with what is known of them."""
        with _translated():
            if keys:
                self._client.delete_workflows(list(keys))

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
        updated_at_ms=status.updated_at,
        begun_at_ms=status.dequeued_at,
        error=str(status.error) if status.error else None,
    )


def _step(info: StepInfo) -> Step:
    ends_ms = [info["completed_at_epoch_ms"] or info["started_at_epoch_ms"] or 0.0]
    if info["function_name"] == _SLEEP and isinstance(info["output"], float):
        ends_ms.append(info["output"] * 1000)
    return Step(info["function_id"], info["function_name"], info["error"] is not None, max(ends_ms))


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
            poll_s = _URGENT_POLL_S if queue in POLLED_OFTEN else _POLL_S
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
