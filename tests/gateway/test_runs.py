"""Dead letters and stuck runs: seen, told, replayed, given up, forgotten; with a real engine and a real worker."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway import cli
from gateway.engine import Client
from gateway.journal import DEAD
from gateway.lanes import CONCURRENCY, Priority, Queue, lane_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import DeliveryKind, DeliveryState, case_id_of
from gateway.runs import acts
from gateway.runs.settings import Runs
from gateway.runs.watch import Watch
from gateway.runs.watchman import Watchman
from triage.errors import InputError

CASE = case_id_of("1.2.3")
CANARY = b"CANARY^PERSON"
MINUTE = timedelta(minutes=1)


@dataclass
class Site:
    folder: Path
    client: Client
    ledger: Ledger
    log: Path

    def deliver(self, target: str, kind=DeliveryKind.NODE, queue=Queue.DELIVER) -> str:
        key = self.ledger.deliveries.queue(CASE, 1, kind, target, datetime.now(UTC))
        what = (kind.value, CASE, 1, target)
        self.client.submit("deliver", key, *what, queue=queue, priority=Priority.URGENT)
        return key

    def status(self, key: str) -> str | None:
        job = acts.find(self.client, key)
        return job and job.status

    def attempts(self, target: str) -> int:
        log = self.folder / "log"
        return log.read_text().splitlines().count(f"attempt at {target}") if log.exists() else 0

    def query(self, sql: str) -> list[tuple]:
        with self.client._client._sys_db.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("runs")
    client = Client(f"sqlite:///{folder / 'engine.db'}")
    ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
    ledger.cases.open("1.2.3", datetime.now(UTC))
    log = folder / "stderr"
    with log.open("wb") as stderr:
        command = [
            sys.executable,
            Path(__file__).with_name("a_worker.py"),
            f"sqlite:///{folder / 'engine.db'}",
        ]
        worker = subprocess.Popen([*command, folder], stdout=subprocess.PIPE, stderr=stderr)
        assert worker.stdout.readline() == b"ready\n", log.read_text()
        yield Site(folder, client, ledger, log)
        worker.kill()
        worker.wait()
        worker.stdout.close()
    client.close()
    ledger.engine.dispose()


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)


def soon() -> datetime:
    return datetime.now(UTC)


def test_a_full_lane_does_not_hold_up_an_alert(site):
    three = (DeliveryKind.ALERT, DeliveryKind.PUBLISH, DeliveryKind.EMR)
    waiting = [site.deliver("waiting", kind, Queue.FORWARD) for kind in three]
    wait_until(lambda: [site.status(key) for key in waiting].count("PENDING") == 2)
    urgent = site.deliver("sms", DeliveryKind.ALERT, lane_of("deliver", f"alert:{CASE}:r1:sms"))
    wait_until(lambda: site.status(urgent) == "SUCCESS")
    assert [site.status(key) for key in waiting].count("ENQUEUED") == 1, "two places, three runs that wait"

    watch = Watch(site.client, site.ledger, Runs())
    assert not watch.look_now(soon()).stuck
    (late,) = watch.look_now(soon() + 20 * MINUTE).stuck
    assert late.waits, (
        "a run that waits an hour for a signal is not stuck, one that no place was found for is"
    )
    late = watch.look_now(soon() + 60 * MINUTE + 16 * MINUTE).stuck
    assert sorted(trouble.waits for trouble in late) == [False, False, True], (
        "its wait is over, and no new step"
    )
    patient = Runs(silent_minutes={"forward": 120})
    late = Watch(site.client, site.ledger, patient).look_now(soon() + 76 * MINUTE).stuck
    assert [trouble.waits for trouble in late] == [True]
    for key in waiting:
        assert acts.cancel(site.client, site.ledger, key, soon(), "a test") == "it is given up"
    wait_until(lambda: {site.status(key) for key in waiting} == {"CANCELLED"})
    assert site.ledger.deliveries.get(waiting[0]).state is DeliveryState.CANCELLED
    assert acts.cancel(site.client, site.ledger, waiting[0], soon(), "a test") == "it is over already"


def test_an_urgent_run_that_nobody_takes_is_stuck_within_seconds(site):
    key = f"alert:{CASE}:r1"
    site.client.submit(
        "alert", key, CASE, 1, queue=Queue.ALERT, priority=Priority.URGENT
    )  # a lane of no worker
    watch = Watch(site.client, site.ledger, Runs())
    assert not watch.look_now(soon()).stuck
    (late,) = watch.look_now(soon() + timedelta(seconds=6)).stuck
    assert (late.key, late.urgent, late.waits) == (key, True, True)
    site.client.cancel(key)


def test_lanes_are_limited_by_worker_and_never_by_site(site):
    lanes = dict(site.query("SELECT name, concurrency FROM queues"))
    assert set(lanes) >= {"deliver", "urgent", "forward"}
    assert set(lanes.values()) == {None}, "a limit for all workers does not hold on SQLite"
    waiting = (Queue.ALERT, Queue.FORWARD, Queue.URGENT, Queue.DELIVER)
    assert all(CONCURRENCY[lane] >= 100 for lane in waiting), "a run that waits occupies a place"


def test_a_mistake_is_told_once_shown_on_the_case_and_replayed_once(site, capfd):
    key = site.deliver("mistake")
    wait_until(lambda: site.status(key) == "ERROR")
    watchman = Watchman(site.client, site.ledger, Runs())
    found = [watchman.turn(soon()) for _ in range(2)]
    (dead,) = (trouble for trouble in found[0].dead if trouble.key == key)
    assert "ValueError" in dead.reason
    assert "a_worker.py" in dead.reason
    assert (dead.what, dead.case_id, dead.attempts) == ("Results to PACS node mistake", CASE, 1)
    assert [trouble.key for trouble in found[1].dead].count(key) == 1, "one for the run and its delivery"
    told = capfd.readouterr()
    assert (told.out + told.err).count("run wants a person") == 1
    (row,) = (row for row in site.ledger.deliveries.of_case(CASE) if row.id == key)
    assert (row.state, row.detail) == (DeliveryState.FAILED, dead.reason)

    for content in (site.log.read_bytes(), *(path.read_bytes() for path in site.folder.glob("engine.db*"))):
        assert CANARY not in content
    before, begun = site.attempts("mistake"), (site.folder / "log").read_text().count("begun mistake")
    (site.folder / "mended").touch()
    answers = [acts.replay(site.client, site.ledger, key, soon(), "a test") for _ in range(2)]
    assert answers[0] == "it runs again from step 2"
    wait_until(lambda: site.status(key) == "SUCCESS")
    assert site.attempts("mistake") == before + 1
    assert (site.folder / "log").read_text().count("begun mistake") == begun, "what was done is not repeated"
    assert site.ledger.deliveries.get(key).state is DeliveryState.QUEUED, (
        "the run itself says what became of it"
    )
    site.ledger.deliveries.delivered(key, soon())
    with pytest.raises(InputError, match="ended well"):
        acts.replay(site.client, site.ledger, key, soon(), "a test")
    with pytest.raises(InputError, match="no step 9"):
        acts.replay(site.client, site.ledger, key, soon(), "a test", from_step=9)


def test_what_a_newer_result_replaced_and_what_nobody_can_deliver_are_no_dead_letters(site):
    queue, now = site.ledger.deliveries.queue, soon()
    old, new, team = (
        queue(CASE + "x", revision, DeliveryKind.EMR, target, now)
        for revision, target in ((1, "his"), (2, "his"), (2, "team"))
    )
    for key in (old, new, team):
        site.ledger.deliveries.failed(key, now, "refused")
    found = [delivery.id for delivery in site.ledger.deliveries.dead_letters()]
    assert [key for key in (old, new, team) if key in found] == [new]
    site.ledger.deliveries.cancelled(new, now, "given up")


def test_what_was_refused_for_good_is_replayed_from_the_attempt(site):
    key = site.deliver("his")
    wait_until(lambda: site.status(key) == "SUCCESS")
    site.ledger.deliveries.failed(key, soon(), "AR: unknown order")
    before = site.attempts("his")
    assert key in [trouble.key for trouble in Watch(site.client, site.ledger, Runs()).look().dead]
    acts.replay(site.client, site.ledger, key, soon(), "a test")
    wait_until(lambda: site.attempts("his") == before + 1)
    assert site.ledger.deliveries.get(key).state is DeliveryState.QUEUED
    wait_until(lambda: site.status(key) == "SUCCESS")
    site.ledger.deliveries.failed(key, soon(), "AR: unknown order")
    site.client._client.delete_workflow(key)
    assert acts.replay(site.client, site.ledger, key, soon(), "a test").endswith("from the beginning")
    wait_until(lambda: site.attempts("his") == before + 2)


def test_a_full_disk_is_no_dead_end(site):
    (site.folder / "mended").unlink(missing_ok=True)
    key = site.deliver("full")
    wait_until(lambda: site.status(key) == "ERROR")
    watchman = Watchman(site.client, site.ledger, Runs())
    (dead,) = (trouble for trouble in watchman.turn(soon()).dead if trouble.key == key)
    assert dead.passes_by_itself
    assert site.ledger.deliveries.get(key).state is DeliveryState.QUEUED
    (site.folder / "mended").touch()
    assert site.status(key) == "ERROR", "not before it has rested"
    watchman.turn(soon() + MINUTE)
    wait_until(lambda: site.status(key) == "SUCCESS")
    assert site.attempts("full") == 1
    assert CANARY not in b"".join(path.read_bytes() for path in site.folder.glob("engine.db*"))


def test_what_ended_well_is_forgotten_and_what_is_dead_is_not(site):
    (site.folder / "mended").unlink(missing_ok=True)
    well, badly = site.deliver("well"), site.deliver("mistake", DeliveryKind.PUBLISH)
    wait_until(lambda: (site.status(well), site.status(badly)) == ("SUCCESS", "ERROR"))
    watchman = Watchman(site.client, site.ledger, Runs(keep_days=1))
    assert watchman.forget(soon() + 23 * 60 * MINUTE) == 0
    assert watchman.forget(soon() + 25 * 60 * MINUTE) >= 1
    left = {job.key for job in site.client.jobs(None)}
    assert well not in left
    assert badly in left
    assert left == {job.key for job in site.client.jobs(None, DEAD)}
    for table in ("workflow_input", "workflow_output", "operation_outputs"):
        keys = {key for (key,) in site.query(f"SELECT workflow_uuid FROM {table}")}
        assert keys <= left, f"{table} keeps what nobody owns"


def test_the_command_line_lists_replays_and_gives_up(site, capsys):
    def runs(*words: str) -> tuple[int, str]:
        code = cli.main(["runs", words[0], "--data-dir", str(site.folder), *words[1:]])
        told = capsys.readouterr()
        return code, told.out + told.err

    (site.folder / "mended").unlink(missing_ok=True)
    key = site.deliver("mistake", DeliveryKind.ALERT, Queue.URGENT)
    wait_until(lambda: site.status(key) == "ERROR")
    assert key in runs("list")[1]
    assert f"{key}\tdeliver\t1 attempts\t" in runs("list", "--dead")[1]
    assert key not in runs("list", "--stuck")[1]
    (site.folder / "mended").touch()
    code, told = runs("replay", key, "--from-step", "1")
    assert (code, told.splitlines()[0]) == (0, f"{key}: it runs again from step 1")
    assert '"by": "' in told, "who did it, as far as is known"
    wait_until(lambda: site.status(key) == "SUCCESS")
    assert runs("replay", "nonsense")[0] == 2
    assert runs("cancel", "nonsense")[0] == 2
    (site.folder / "mended").unlink()
    runs("replay", key, "--from-step", "2")
    wait_until(lambda: site.status(key) == "ERROR")
    assert f"{key}: it is given up\n" in runs("cancel", key)[1]
    assert site.status(key) == "CANCELLED"
    assert key not in runs("list", "--dead")[1]
