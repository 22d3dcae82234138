"""One stable of listeners for all tests of this folder."""

import pytest

from benchmarks.faults.house import House, a_stable


@pytest.fixture(scope="session")
def stable():
    with a_stable() as opened:
        yield opened


@pytest.fixture
def house(stable, tmp_path):
    opened = House(stable, tmp_path, tmp_path / "data")
    opened.start()
    yield opened
    opened.kill()
