"""Runs that the present release's predecessors left in the journal end on this one: their steps are those recorded.

The journals are those of walks of ``workflows-2``, the first that a hospital could have run. When a change of the workflows makes this fail, keep the old order of
steps for old runs, or name a new version and let the old runs end first.
"""

import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from dbos import run_dbos_database_migrations
from sqlalchemy import insert

from gateway.engine import VERSION, Client
from gateway.lanes import lane_of

JOURNALS = Path(__file__).parent / "journals"
WORKER = textwrap.dedent(
    """
    import sys, time
    from types import SimpleNamespace
    from gateway import pipeline
    from gateway.engine import Worker

    pipeline.register(SimpleNamespace())  # a step that is not in the journal fails
    Worker(sys.argv[1], "slot-a")
    print("ready", flush=True)
    time.sleep(120)
    """
)
SPOILT = {"workflow": "case", "key": "case:spoilt:r1", "args": ["spoilt", 1]}
SPOILT |= {"steps": [[1, "announce", None], [2, "analyse", None]]}


def record(client: Client, run: dict) -> None:
    """Put an unfinished run into the journal as a killed worker would leave it."""
    key = run["key"]
    client.submit(run["workflow"], key, *run["args"], queue=lane_of(run["workflow"], key))
    system = client._client._sys_db
    now_ms = int(time.time() * 1000)
    rows = [
        {
            "workflow_uuid": key,
            "function_id": number,
            "function_name": name,
            "output": json.dumps(output),
            "serialization": "portable_json" if name == "DBOS.sleep" else "stroke-gateway-json",
            "started_at_epoch_ms": now_ms,
            "completed_at_epoch_ms": now_ms,
            "retention_timestamp": now_ms,
        }
        for number, name, output in run["steps"]
    ]
    with system.engine.begin() as connection:
        connection.execute(insert(system.tables.operation_outputs), rows)


def test_the_version_is_pinned_and_has_its_journals():
    assert (JOURNALS / f"{VERSION}.json").exists(), (
        "a new version needs journals of its own, and the old runs an end"
    )


@pytest.mark.parametrize("path", sorted(JOURNALS.glob("*.json")), ids=lambda path: path.stem)
def test_runs_of_earlier_releases_end(tmp_path, path):
    url = f"sqlite:///{tmp_path / 'engine.db'}"
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    runs = json.loads(path.read_text())
    client = Client(url)
    command = [sys.executable, script, url]
    run_dbos_database_migrations(system_database_url=url)
    for run in (*runs, SPOILT):
        record(client, run)
    worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert worker.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 60
        while (
            any(job.status in {"ENQUEUED", "PENDING"} for job in client.jobs())
            and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        ended = {job.key: job.status for job in client.jobs()}
    finally:
        worker.kill()
        worker.wait()
        worker.stdout.close()
        client.close()
    assert ended.pop(SPOILT["key"]) == "ERROR", "the check must be able to fail"
    assert ended == {run["key"]: "SUCCESS" for run in runs}
