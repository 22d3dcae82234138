"""A data directory whose disk is not there is never written to."""

import subprocess
import sys

import pytest

from gateway.storage.volume import MARKER, claim
from triage.errors import ConfigError


@pytest.fixture
def a_mount(tmp_path):
    """Mount and unmount a disk of its own at a folder."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount() -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], check=False, capture_output=True
        )
        if done.returncode:
            pytest.skip("mounting is not allowed here")

    def unmount() -> None:
        subprocess.run(["umount", str(place)], check=False, capture_output=True)

    yield place, mount, unmount
    unmount()


@pytest.mark.parametrize("inside", ["", "site/data"])
def test_an_unmounted_or_other_volume_is_refused_and_nothing_is_written(a_mount, inside):
    place, mount, unmount = a_mount
    here = place / inside
    mount()
    claim(here, require_mount=True)
    claim(here, require_mount=True)
    assert (here / MARKER).exists()
    unmount()
    with pytest.raises(ConfigError, match="is not mounted"):
        claim(here, require_mount=False)
    assert list(place.iterdir()) == []
    mount()  # tmpfs forgets: an empty volume is not the one of the last time
    with pytest.raises(ConfigError, match="is not mounted"):
        claim(here, require_mount=True)
    here.mkdir(parents=True, exist_ok=True)
    (here / MARKER).write_text('{"id": "of another site"}')
    with pytest.raises(ConfigError, match="another one"):
        claim(here, require_mount=True)


def test_a_volume_of_its_own_can_be_demanded(tmp_path):
    table = tmp_path / "mountinfo"
    table.write_text("21 1 0:20 / / rw - ext4 /dev/vda rw\n")
    with pytest.raises(ConfigError, match=r"storage\.require_mount"):
        claim(tmp_path / "data", require_mount=True, mount_table=table)
    assert not (tmp_path / "data").exists()
    claim(tmp_path / "data", require_mount=False, mount_table=table)
    claim(tmp_path / "data", require_mount=False, mount_table=table)


def test_a_broken_marker_is_said_to_be_one(tmp_path):
    (tmp_path / MARKER).write_text("{")
    with pytest.raises(ConfigError, match="cannot be read"):
        claim(tmp_path, require_mount=False)


def test_the_command_refuses_before_anything_is_started(a_mount, tmp_path):
    place, mount, unmount = a_mount
    mount()
    claim(place, require_mount=False)
    unmount()
    python = sys.executable
    done = subprocess.run(
        [python, "-m", "gateway.cli", "run", "--data-dir", place],
        check=False,
        capture_output=True,
        timeout=60,
    )  # 1.1 s of processor time, nearly all of it imports
    assert done.returncode == 2
    assert b"is not mounted" in done.stderr
    assert list(place.iterdir()) == []
