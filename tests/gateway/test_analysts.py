"""Analyses that begin before their last image: the same result, whatever becomes of the processes."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import Part, write_study
from gateway import findings
from gateway.analysis import analyse_files
from gateway.analysts import AnalystDiedError, AnalystLateError, Analysts
from gateway.jobs.orders import ALERT_PICTURE, PICTURES, AnalyseOrder
from gateway.rehearsal import Rehearsal
from triage.preparation import Preparation

SMALL = {
    "matrix": 128,
    "slices": 12,
    "frames": 30,
    "frame_step_s": 2.0,
    "motion_mm": 2.0,
    "motion_deg": 2.0,
    "noise_hu": 4.0,
}
DEAD_S = 10.0


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """Files of a perfusion series in the order of time."""
    written = write_study(
        make_patient(Patient(seed=3, **SMALL)),
        tmp_path_factory.mktemp("study"),
        "philips",
        parts=(Part.PERFUSION,),
    )
    return list(written.files[Part.PERFUSION])


@pytest.fixture(scope="module")
def unprepared(paths):
    return analyse_files(paths, "1.2", "1.3", threads=1)


@pytest.fixture
def analysts():
    made = Analysts(threads=1)
    yield made
    made.close()


def order_for(paths, folder):
    return AnalyseOrder(tuple(map(str, paths)), "1.2", "1.3", threads=1, folder=str(folder))


def is_same(analysis, other):
    """Everything but the times, bit for bit."""
    plain = [replace(a.result, timing_s={}).to_json() for a in (analysis, other)]
    maps = [a.findings.maps for a in (analysis, other)]
    return json.dumps(plain[0]) == json.dumps(plain[1]) and all(
        np.array_equal(getattr(maps[0], name), getattr(maps[1], name), equal_nan=True)
        for name in ("cbf_ml_per_100g_min", "tmax_s", "mtt_s")
    )


def by_time(paths):
    return sorted(paths, key=lambda path: (series_time(path), path))


def series_time(path):
    from dicom_scp.headers import read_header  # noqa: PLC0415 - used by one order only

    return read_header(path).acquired_at_s


ORDERS = {
    "in time": by_time,
    "slice by slice": list,
    "shuffled": lambda paths: random.Random(5).sample(paths, len(paths)),
}


@pytest.mark.parametrize(("order", "share"), [("in time", 0.97), ("slice by slice", 0.97), ("shuffled", 0.4)])
def test_what_was_prepared_gives_the_result_of_the_unprepared_bit_for_bit(paths, unprepared, order, share):
    arrived = ORDERS[order](paths)
    rehearsal = Rehearsal()
    for start in range(0, int(len(arrived) * share), 7):
        rehearsal.take(arrived[start : start + 7])
        while rehearsal.has_work:
            rehearsal.work()
    assert is_same(analyse_files(arrived, "1.2", "1.3", threads=1, rehearsal=rehearsal), unprepared)


def test_preparation_does_work_ahead_and_the_comparison_would_notice_a_wrong_one(paths, unprepared):
    rehearsal = Rehearsal()
    rehearsal.take(by_time(paths))
    while rehearsal.has_work:
        rehearsal.work()
    preparation = rehearsal._preparation
    assert len(preparation.means) == len(paths)
    assert len(preparation._located) >= SMALL["frames"] - 5
    for mean in preparation.means.values():
        mean[mean > 30] += 0.5
    assert not is_same(analyse_files(paths, "1.2", "1.3", threads=1, rehearsal=rehearsal), unprepared)


def test_a_preparation_forgets_nothing_but_stops_growing(monkeypatch, paths, unprepared):
    monkeypatch.setattr("triage.preparation.LARGEST_MEMORY_BYTES", 10 * 128 * 128 * 4)
    rehearsal = Rehearsal()
    rehearsal.take(by_time(paths))
    while rehearsal.has_work:
        rehearsal.work()
    assert sum(mean.nbytes for mean in rehearsal._preparation.means.values()) <= 12 * 128 * 128 * 4
    assert is_same(analyse_files(paths, "1.2", "1.3", threads=1, rehearsal=rehearsal), unprepared)


def test_an_empty_preparation_is_not_full():
    assert not Preparation().is_full


def test_an_analyst_works_ahead_and_leaves_the_result_on_disk(analysts, paths, unprepared, tmp_path):
    texts = list(map(str, by_time(paths)))
    for start in range(0, len(texts), 20):
        analysts.prepare("case", texts[: start + 20])
    assert analysts.is_pressed
    assert analysts.analyse("case", order_for(paths, tmp_path / "r1"), 60) == ""
    assert not analysts.is_pressed
    assert is_same(findings.load(tmp_path / "r1"), unprepared)


def test_the_models_are_loaded_before_the_first_patient(analysts):
    analysts.require_models()


def child_of(analysts, key):
    """Process id of a case's analyst."""
    handle = analysts._lines[key].handle
    text = Path(f"/proc/self/fdinfo/{handle}").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("Pid:")))


@pytest.mark.parametrize("victim", ["child", "source"])
def test_a_killed_analyst_costs_time_and_nothing_else(analysts, paths, unprepared, tmp_path, victim):
    analysts.prepare("case", list(map(str, paths[:40])))
    pid = child_of(analysts, "case") if victim == "child" else analysts._source[0].pid
    os.kill(pid, signal.SIGKILL)
    if victim == "source":
        analysts._source[0].wait(DEAD_S)
    wait_until(lambda: not alive(pid))
    analysts.prepare("case", list(map(str, paths)))  # says nothing and hires another, now or later
    try:
        analysts.analyse("case", order_for(paths, tmp_path / "r1"), 60)
    except AnalystDiedError:
        assert (
            analysts.analyse("case", order_for(paths, tmp_path / "r1"), 60) == ""
        )  # the step's second attempt
    assert is_same(findings.load(tmp_path / "r1"), unprepared)


def test_an_analysis_that_takes_too_long_is_ended(analysts, paths, tmp_path):
    analysts.prepare("case", [str(paths[0])])
    pid = child_of(analysts, "case")
    os.kill(pid, signal.SIGSTOP)
    with pytest.raises(AnalystLateError):
        analysts.analyse("case", order_for(paths, tmp_path / "r1"), 0.3)
    wait_until(lambda: not alive(pid))


def test_a_fault_in_the_analysis_is_told_without_values(analysts, tmp_path):
    failure = analysts.analyse("case", order_for([tmp_path / "NGUYEN^VAN.dcm"], tmp_path / "r1"), 60)
    assert "NGUYEN" not in failure
    assert failure.endswith("TemporaryError")


def test_no_more_cases_are_prepared_than_there_is_room_for(analysts, paths):
    for number in range(4):
        analysts.prepare(f"case-{number}", [str(paths[0])])
    assert len(analysts._lines) == 2


def test_an_analyst_whose_case_is_over_is_let_go(analysts, paths):
    for key in ("open", "closed", "analysed here"):
        analysts.prepare(key, [str(paths[0])])
    analysts._lines["open"].pressed_until = 0.0
    pid = child_of(analysts, "closed")
    analysts.keep({"open"})
    wait_until(lambda: not alive(pid))
    assert list(analysts._lines) == ["open"]
    analysts._lines["open"].pressed_until = float("inf")  # as if its analysis were under way
    analysts.keep(set())
    assert list(analysts._lines) == ["open"]


def test_the_death_of_an_analyst_is_written_down_without_values(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    text = "import gateway.rehearsal as r\n\ndef work(_self):\n    raise KeyError('NGUYEN^VAN')\n\nr.Rehearsal.work = work\n"
    (tmp_path / "sitecustomize.py").write_text(text)
    told = []

    def has_died():
        told.append(capfd.readouterr().err)
        return "an analyst died" in "".join(told)

    analysts = Analysts(threads=1)
    analysts.prepare("case", ["/nowhere.dcm"])
    wait_until(has_died)
    analysts.close()
    assert "KeyError" in "".join(told)
    assert "NGUYEN" not in "".join(told)


OWNER = """
    import sys, time
    from gateway.analysts import Analysts
    analysts = Analysts(1)
    analysts.prepare("case", sys.argv[1:])
    print(analysts._source[0].pid, flush=True)
    time.sleep(60)
"""


def test_nothing_outlives_a_worker_that_is_killed(paths):
    program = [sys.executable, "-c", textwrap.dedent(OWNER), *map(str, paths)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as owner:
        source = int(owner.stdout.readline())
        wait_until(lambda: children(source))
        family = [source, *children(source)]
        owner.kill()
    wait_until(lambda: not any(map(alive, family)))


def test_work_that_can_wait_lets_an_analysis_pass(analysts, paths, monkeypatch):
    monkeypatch.setattr("gateway.analysts.PRESSED_S", 0.5)
    began = time.monotonic()
    analysts.let_pass()
    assert time.monotonic() - began < 0.2
    analysts.prepare("case", [str(paths[0])])
    began = time.monotonic()
    analysts.let_pass()
    assert time.monotonic() - began > 0.3
    monkeypatch.setattr("gateway.analysts.LONGEST_WAIT_S", 0.2)
    analysts._lines["case"].pressed_until = float("inf")
    began = time.monotonic()
    analysts.let_pass()
    assert time.monotonic() - began < 2


def children(pid):
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(holds):
    deadline = time.monotonic() + DEAD_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_alerts_picture_is_drawn_after_the_answer_and_small(paths, analysts, tmp_path):
    """Nobody waits for it: the answer is here first, and the picture comes by itself."""
    folder = tmp_path / "case" / "r1"
    assert analysts.analyse("a", order_for(paths, folder), timeout_s=60) == ""
    picture, end = folder / PICTURES / ALERT_PICTURE, time.monotonic() + DEAD_S
    while not picture.exists() and time.monotonic() < end:
        time.sleep(0.01)
    with Image.open(picture) as drawn:
        assert drawn.size[0] == 480
    assert picture.stat().st_size <= 60_000
    assert [path.name for path in (folder / PICTURES).iterdir()] == [ALERT_PICTURE]
