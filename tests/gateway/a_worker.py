"""A worker process with workflows that fail on demand: ``a_worker.py URL FOLDER``; files in FOLDER mend things."""

import sys
import time
from pathlib import Path

from sqlalchemy.exc import OperationalError

from gateway import lanes, logs
from gateway.engine import Worker, step, wait_signal_until, workflow
from gateway.lanes import Queue

CANARY = "CANARY^PERSON"


def register(folder: Path) -> None:
    """Declare the workflow."""

    def mended() -> bool:
        return (folder / "mended").exists()

    def note(text: str) -> None:
        with (folder / "log").open("a") as log:
            log.write(f"{text}\n")

    def attempt(_kind: str, _case_id: str, _revision: int, target: str) -> bool:
        note(f"attempt at {target}")
        if target == "mistake" and not mended():
            raise ValueError(f"cannot encode {CANARY}")
        return True

    noted, attempted = step("note", note), step("attempt", attempt)

    @workflow("deliver")
    def deliver(kind: str, case_id: str, revision: int, target: str) -> None:
        noted(f"begun {target}")
        if target == "waiting":
            wait_signal_until("never", time.time() + 3600)
        if target == "full" and not mended():
            raise OperationalError("INSERT", {"name": CANARY}, Exception("database or disk is full"))
        attempted(kind, case_id, revision, target)


def main() -> None:
    """Work until killed."""
    url, folder = sys.argv[1], Path(sys.argv[2])
    lanes.CONCURRENCY[Queue.FORWARD] = 2
    register(folder)
    logs.configure("info", "worker")
    Worker(url, "slot-a", (Queue.DELIVER, Queue.URGENT, Queue.FORWARD))
    print("ready", flush=True)
    time.sleep(300)


if __name__ == "__main__":
    main()
