"""Who takes the place of a process that died, and when."""

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from gateway.processes import start
from gateway.supervisor import RESTART_DELAYS_S, SETTLED_AFTER_S, Child
from triage.errors import ConfigError

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


@pytest.fixture
def make_child():
    made = []

    def make(*command):
        made.append(Child("worker", partial(start, command)))
        return made[-1]

    yield make
    for child in made:
        child.stop()


def killed(child, now):
    child.process.kill()
    child.process.wait()
    child.tend(now)


def test_a_process_that_died_comes_again_after_growing_pauses(make_child):
    child, now = make_child(*SLEEP), 100.0
    child.tend(now)
    for delay in RESTART_DELAYS_S[:3]:
        killed(child, now)
        assert (child.process, child.due_at) == (None, now + delay)
        now = child.due_at
        child.tend(now)
        assert child.process.poll() is None
    killed(child, now + SETTLED_AFTER_S + 1)
    assert child.restarts == 1, "one that has lived long starts counting anew"


def test_one_that_refuses_its_configuration_ends_the_rest(make_child):
    child = make_child(sys.executable, "-c", "raise SystemExit(2)")
    child.tend(0.0)
    child.process.wait()
    with pytest.raises(ConfigError, match="worker refused its configuration"):
        child.tend(1.0)


def test_one_that_has_worked_with_its_configuration_comes_again(make_child):
    child = make_child(sys.executable, "-c", "raise SystemExit(2)")
    child.tend(0.0)
    child.process.wait()
    child.tend(SETTLED_AFTER_S + 1)
    assert child.due_at > SETTLED_AFTER_S + 1


FORKING = """
import os, sys, time
from gateway.processes import Forked

os.environ.update({name: os.environ[name] + " " for name in os.environ})
loaded = {"share": "d"}

def work():
    print(os.getpid(), loaded["share"], os.environ["MALLOC_ARENA_MAX"], flush=True)
    time.sleep(float(sys.argv[1]))
    return 3

child = Forked("stroke-gateway of a test", work)
if sys.argv[2] == "wait":
    child.wait()
    print(child.poll(), flush=True)
elif sys.argv[2] == "terminate":
    sys.stdin.readline()
    child.terminate()
    print(child.wait(), flush=True)
else:
    time.sleep(60)
"""
"""In a process of its own: one that has threads, as a test has, must not fork."""


@pytest.fixture
def forking():
    made = []

    def make(seconds, then):
        command = [sys.executable, "-c", FORKING, str(seconds), then]
        made.append(subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True))
        pid, *words = made[-1].stdout.readline().split()
        assert words == ["d", "2"], "what was loaded is shared, and the programs of a child keep few heaps"
        return made[-1], int(pid)

    yield make
    for process in made:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_a_forked_child_says_how_it_ended(forking):
    parent, _ = forking(0, "wait")
    assert parent.stdout.readline() == "3\n"


def test_a_forked_child_has_a_name_and_ends_when_told(forking):
    parent, pid = forking(60, "terminate")
    title = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    assert title == "stroke-gateway of a test"
    parent.stdin.write("\n")
    parent.stdin.flush()
    assert parent.stdout.readline() == f"{-signal.SIGTERM}\n"


def test_a_forked_child_dies_with_its_parent(forking):
    parent, pid = forking(60, "sleep")
    parent.kill()
    parent.wait()
    until = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists()
