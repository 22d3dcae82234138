"""The contract with the workflow engine, on SQLite and on PostgreSQL: what its next release must still do."""

import errno
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from gateway.engine import Client, _harmless
from gateway.journal import DEAD, UnforeseenError
from gateway.lanes import Priority, Queue
from triage.errors import TemporaryError

WORKER = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from gateway.engine import Worker, sleep, step, wait_signal_until, workflow
    from gateway.lanes import Queue

    url, slot, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])

    def note(name, gate=""):
        with (folder / "log").open("a") as log:
            log.write(f"{name} begins in {slot}\\n")
            log.flush()
            while gate and not (folder / gate).exists():
                time.sleep(0.05)
            log.write(f"{name} ends in {slot}\\n")

    noted = step("note", note)

    @workflow("three")
    def three(gate):
        noted("one")
        noted("two", gate)
        noted("three")

    def mend():
        if not (folder / "mended").exists():
            raise ValueError("CANARY^PERSON")

    mended = step("mend", mend)

    @workflow("fragile")
    def fragile():
        noted("first")
        mended()

    @workflow("answer")
    def answer(timeout_s):
        noted(f"answered {wait_signal_until('answered', time.time() + timeout_s)}")

    Worker(url, slot, (Queue.ANALYSIS, Queue.ALERT))
    print("ready", flush=True)
    time.sleep(120)
    """
)


@pytest.fixture(params=["sqlite", "postgresql"])
def a_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'engine.db'}"
    return request.getfixturevalue("a_postgres_url")


@pytest.fixture
def start_worker(a_url, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    running = []

    def start(slot: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(script), a_url, slot, str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline().strip() == "ready"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def a_client(a_url, start_worker):
    client = Client(a_url)
    yield client
    client.close()


def log_of(folder: Path) -> list[str]:
    path = folder / "log"
    return path.read_text().splitlines() if path.exists() else []


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def test_the_same_key_is_the_same_run(a_client, start_worker, tmp_path):
    start_worker("slot-a")
    for _ in range(3):
        a_client.submit("three", "run-1", "", queue=Queue.ANALYSIS, priority=Priority.URGENT)
    wait_until(lambda: "three ends in slot-a" in log_of(tmp_path))
    assert log_of(tmp_path).count("one begins in slot-a") == 1


def test_a_killed_run_goes_on_at_its_unfinished_step_after_the_restart(a_client, start_worker, tmp_path):
    worker = start_worker("slot-a")
    a_client.submit("three", "run-2", "gate", queue=Queue.ANALYSIS)
    wait_until(lambda: "two begins in slot-a" in log_of(tmp_path))
    worker.kill()
    worker.wait()
    (tmp_path / "gate").touch()
    start_worker("slot-a")
    wait_until(lambda: "three ends in slot-a" in log_of(tmp_path))
    assert log_of(tmp_path).count("one begins in slot-a") == 1
    assert log_of(tmp_path).count("two begins in slot-a") == 2


def test_a_living_worker_takes_over_from_a_dead_one(a_client, start_worker, tmp_path):
    first = start_worker("slot-a")
    a_client.submit("three", "run-3", "gate", queue=Queue.ANALYSIS)
    wait_until(lambda: "two begins in slot-a" in log_of(tmp_path))
    start_worker("slot-b")
    first.kill()
    first.wait()
    (tmp_path / "gate").touch()
    wait_until(lambda: "three ends in slot-b" in log_of(tmp_path))
    assert log_of(tmp_path).count("one begins in slot-a") == 1
    assert "one begins in slot-b" not in log_of(tmp_path)


def test_a_second_worker_cannot_take_a_living_slot(a_url, a_client, start_worker, tmp_path):
    start_worker("slot-a")
    command = [sys.executable, str(tmp_path / "worker.py"), a_url, "slot-a", str(tmp_path)]
    second = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert second.returncode != 0
    assert "held by a live process" in second.stderr


def test_a_signal_reaches_a_waiting_run_and_survives_a_kill(a_client, start_worker, tmp_path):
    worker = start_worker("slot-a")
    a_client.submit("answer", "run-4", 60.0, queue=Queue.ALERT)
    wait_until(lambda: any(job.key == "run-4" and job.status == "PENDING" for job in a_client.jobs()))
    worker.kill()
    worker.wait()
    a_client.signal("run-4", "answered", "acknowledged")
    start_worker("slot-a")
    wait_until(lambda: "answered acknowledged ends in slot-a" in log_of(tmp_path))


def test_a_run_that_failed_is_replayed_from_its_step_and_then_forgotten(a_client, start_worker, tmp_path):
    start_worker("slot-a")
    a_client.submit("fragile", "run-6", queue=Queue.ANALYSIS)
    wait_until(lambda: bool(a_client.jobs(1, DEAD)))
    (dead,) = a_client.jobs(1, DEAD)
    assert "ValueError" in dead.error
    assert "CANARY" not in dead.error
    assert [(step.name, step.failed) for step in a_client.steps("run-6")] == [("note", False), ("mend", True)]
    (tmp_path / "mended").touch()
    a_client.replay("run-6", 2, Queue.ANALYSIS)
    with pytest.raises(TemporaryError, match="changed in the meantime"):
        a_client.replay("run-6", 2, Queue.ANALYSIS)
    wait_until(lambda: a_client.jobs(key="run-6")[0].status == "SUCCESS")
    assert log_of(tmp_path).count("first begins in slot-a") == 1
    assert a_client.forget(datetime.now(UTC) - timedelta(minutes=1), 10) == 0
    assert a_client.forget(datetime.now(UTC) + timedelta(minutes=1), 10) == 1
    assert a_client.jobs() == []


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), TemporaryError),
        (OperationalError("INSERT", {"name": "CANARY"}, Exception("disk is full")), TemporaryError),
        (PermissionError(errno.EACCES, "CANARY"), UnforeseenError),
        (ValueError("CANARY"), UnforeseenError),
    ],
)
def test_what_a_step_may_raise(raised, becomes):
    told = _harmless(raised)
    assert isinstance(told, becomes)
    assert "CANARY" not in str(told)


@pytest.mark.parametrize("a_url", ["sqlite"], indirect=True)  # a journal that can be read as a file
def test_the_journal_holds_json_and_no_pickle(a_url, a_client, start_worker, tmp_path):
    start_worker("slot-a")
    a_client.submit("three", "run-5", "", queue=Queue.ANALYSIS)
    wait_until(lambda: "three ends in slot-a" in log_of(tmp_path))
    content = b"".join(path.read_bytes() for path in tmp_path.glob("engine.db*") if path.is_file())
    assert b"run-5" in content
    assert b"\x80\x04\x95" not in content, "pickle protocol 4 begins like this"
