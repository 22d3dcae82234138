import subprocess
import sys
import time
from pathlib import Path

import pytest

from gateway.processes import last_words, run_to_end, start


def test_a_dead_childs_last_words_name_the_place_and_no_person(tmp_path):
    script = tmp_path / "child.py"
    script.write_text("def read():\n    raise ValueError('patient is NGUYEN^THI CANARY')\nread()\n")
    with pytest.raises(subprocess.CalledProcessError) as died:
        run_to_end([sys.executable, str(script)], "", 30, tmp_path)
    assert b"CANARY" in died.value.stderr, "the control: the child did say it"
    assert last_words(died.value.stderr) == "child.py:3 <module>, child.py:2 read, ValueError"
    assert "CANARY" not in str(died.value)


def test_a_child_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(subprocess.TimeoutExpired):
        run_to_end([sys.executable, "-c", "import time; time.sleep(60)"], "", 1, tmp_path)


def test_a_child_dies_with_its_parent(tmp_path):
    pid_file = tmp_path / "pid"
    child = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = f"import sys, time\nfrom gateway.processes import start\nstart([sys.executable, '-c', {child!r}])\ntime.sleep(60)"
    process = start([sys.executable, "-c", parent])
    try:
        deadline = time.monotonic() + 30
        while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        pid = int(pid_file.read_text())
        assert alive(pid)
    finally:
        process.kill()
        process.wait()
    time.sleep(0.5)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
