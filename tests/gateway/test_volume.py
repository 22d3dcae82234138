"""A data directory whose disk is not there is never written to."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from gateway import cli, services
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


@pytest.mark.parametrize("command", ["run", "listener", "worker", "api", "retry"])
def test_every_command_refuses_before_anything_is_started(a_mount, command, monkeypatch, capsys):
    place, mount, unmount = a_mount
    mount()
    claim(place, require_mount=False)
    unmount()
    started = []
    monkeypatch.setattr("gateway.logs.configure", lambda *_: None)
    for caller in (cli, services):
        monkeypatch.setattr(caller, "runner", lambda module: lambda *_, **__: started.append(module))
    assert cli.main([command, "--data-dir", str(place)]) == 2
    assert "is not mounted" in capsys.readouterr().err
    assert started == []
    assert list(place.iterdir()) == []


def test_a_folder_that_points_to_an_unmounted_volume_is_refused_too(a_mount, tmp_path):
    place, mount, unmount = a_mount
    mount()
    pointer = tmp_path / "data"
    pointer.symlink_to(place)
    claim(pointer, require_mount=True)
    unmount()
    with pytest.raises(ConfigError, match="is not mounted"):
        claim(pointer, require_mount=False)


def test_processes_that_start_at_once_agree_on_one_mark(a_mount):
    """Each volume is fresh for eight processes; what any of them saw is what stays."""
    place, mount, _ = a_mount
    mount()
    for number in range(20):
        here = place / f"data{number}"
        with ThreadPoolExecutor(8) as pool:
            barrier = Barrier(8)

            def claims(here=here, barrier=barrier):
                barrier.wait()
                claim(here, require_mount=True)
                return (here / MARKER).read_text()

            seen = {future.result() for future in [pool.submit(claims) for _ in range(8)]}
        assert len(seen) == 1
        assert [path.name for path in here.iterdir()] == [MARKER]
        (witness,) = place.parent.glob(f".disk-data{number}.*")
        assert json.loads(witness.read_text())["id"] == json.loads(seen.pop())["id"]


def test_a_volume_that_cannot_be_marked_is_named(tmp_path):
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(ConfigError, match=r"site\.data_dir"):
        claim(tmp_path / "data", require_mount=False)
