"""Hostile content through a whole gateway; a folder of others' files only where there is one."""

import pytest

from benchmarks.faults import corpus, hostile
from benchmarks.faults.report import failures, untimed

SAMPLE = 60


@pytest.fixture(scope="module")
def items():
    return [*corpus.of_our_own(), *list(corpus.of_libraries())[::4], *list(corpus.of_others())[::6]]


def test_every_hostile_object_comes_to_one_end(tmp_path, items):
    assert failures(untimed(hostile.run(tmp_path / "gateway", items, hostile.SEEDS[0]))) == []


@pytest.mark.skipif(bool(corpus.why_no_folder()), reason=corpus.why_no_folder())
def test_the_hostile_folder_holds_files():
    assert len(list(corpus.of_others())) > SAMPLE
