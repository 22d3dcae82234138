"""Kills, power cuts, bad disks and bad peers, in short; ``python -m benchmarks.faults --long`` tries more."""

import shutil

import pytest

from benchmarks.faults import abuse, disk_faults, disks, kills, power_cuts
from benchmarks.faults.report import failures, untimed
from benchmarks.faults.stable import MUTANTS

NO_FUSE = disks.why_no_fuse()
needs_fuse = pytest.mark.skipif(bool(NO_FUSE), reason=NO_FUSE)


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_kills_at_system_calls_lose_nothing(stable, tmp_path):
    tally = kills.kill_everywhere(stable, tmp_path, list(kills.points(is_long=False)))
    assert failures(untimed(tally.rows())) == []
    assert len(tally.points) >= 10, "most of the kills must hit"


@needs_fuse
def test_power_cuts_lose_nothing(stable, tmp_path):
    seeds = range(power_cuts.SEED, power_cuts.SEED + power_cuts.SHORT_CUTS)
    assert failures(untimed(power_cuts.cut_often(stable, tmp_path, seeds).rows())) == []


@needs_fuse
def test_the_first_start_in_a_new_data_directory_survives_a_power_cut(stable, tmp_path):
    assert failures(untimed(power_cuts.first_start_rows(stable, tmp_path))) == []


@needs_fuse
@pytest.mark.parametrize("mutant", MUTANTS)
def test_power_cuts_catch_what_is_not_synced(stable, tmp_path, mutant):
    seeds = [power_cuts.FORGETFUL_SEED] * power_cuts.MUTANT_CUTS
    assert power_cuts.cut_often(stable, tmp_path, seeds, mutant).is_caught


@pytest.mark.parametrize("floor_mib", [0, disk_faults.FLOOR_MIB])
def test_a_full_disk_refuses_and_recovers(stable, tmp_path, floor_mib):
    rows = disk_faults.full_disk_rows(stable, tmp_path, disk_faults.SMALL_MIB, floor_mib)
    if not rows:
        pytest.skip("neither a tmpfs nor a FUSE file system may be mounted here")
    assert failures(untimed(rows)) == []


@needs_fuse
def test_failed_syncs_are_never_acknowledged(stable, tmp_path):
    found = disk_faults.fail_syncs(stable, tmp_path, disk_faults.SHORT_SYNCS)
    assert failures(untimed(found.rows())) == []


def test_bad_peers_keep_nobody_out(stable, tmp_path):
    assert failures(untimed(abuse.rows(stable, tmp_path, is_long=False))) == []
