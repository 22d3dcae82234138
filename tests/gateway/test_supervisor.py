"""Who takes the place of a process that died, and when."""

import sys
import time

import pytest

from gateway.standby import main
from gateway.supervisor import RESTART_DELAYS_S, SETTLED_AFTER_S, STANDBY_AFTER_S, Child
from triage.errors import ConfigError

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")
WAIT = (sys.executable, "-c", "import sys, time; sys.stdin.readline() and time.sleep(60)")


@pytest.fixture
def make_child():
    made = []

    def make(*command, standby=()):
        made.append(Child("worker", command, standby=standby))
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


def test_one_that_waits_takes_over_at_once(make_child):
    child = make_child(*SLEEP, standby=WAIT)
    child.tend(0.0)
    child.tend(STANDBY_AFTER_S)
    assert child.waiting is None, "two never load at the same time"
    child.tend(STANDBY_AFTER_S + 1)
    waiting = child.waiting
    assert waiting.poll() is None
    killed(child, STANDBY_AFTER_S + 2)
    assert child.process is waiting
    assert child.waiting is None
    time.sleep(0.3)
    assert waiting.poll() is None, "it has heard that it is its turn"
    child.tend(2 * STANDBY_AFTER_S + 3)
    assert child.waiting.pid != waiting.pid


def test_one_that_died_while_it_waited_is_not_relied_on(make_child):
    child = make_child(*SLEEP, standby=WAIT)
    child.tend(0.0)
    child.tend(STANDBY_AFTER_S + 1)
    child.waiting.kill()
    child.waiting.wait()
    killed(child, STANDBY_AFTER_S + 2)
    for now in (STANDBY_AFTER_S + 3, STANDBY_AFTER_S + 20):
        child.tend(now)
    assert child.process.poll() is None


def test_nobody_takes_over_from_one_that_refused_its_configuration(make_child):
    child = make_child(sys.executable, "-c", "raise SystemExit(2)", standby=WAIT)
    child.tend(0.0)
    child.process.wait()
    with pytest.raises(ConfigError, match="worker refused its configuration"):
        child.tend(1.0)


def test_one_that_waits_ends_with_whoever_would_have_called_it(monkeypatch):
    monkeypatch.setattr("gateway.cli.main", lambda _: pytest.fail("nobody called"))
    with open("/dev/null", encoding="ascii") as nothing:  # noqa: PTH123 - as a standard input
        monkeypatch.setattr("sys.stdin", nothing)
        assert main(["api"]) == 0
