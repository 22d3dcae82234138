"""A patient small enough to walk in seconds, and the peers that stand around the gateway."""

import pytest

from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import write_study
from benchmarks.small_emr import SmallEmr
from benchmarks.small_phone import SmallPhone
from tests.walk.peers import opened, tables

SMALL = {"matrix": 128, "slices": 12, "frames": 30, "frame_step_s": 2.0}
"""128 x 128 x 12 over a minute: the smallest on which the analysis still finds the arteries."""


@pytest.fixture(scope="session")
def a_phantom():
    return make_patient(Patient(**SMALL))


@pytest.fixture
def a_study(a_phantom, tmp_path):
    """The study as a scanner writes it, with UIDs of its own."""
    return write_study(a_phantom, tmp_path / "scanner", "siemens")


@pytest.fixture(scope="module")
def a_site(tmp_path_factory):
    """A gateway takes seven seconds to start and stop: the studies of a module walk through one."""
    with opened(tmp_path_factory.mktemp("site") / "gateway") as site:
        yield site


@pytest.fixture
def a_phone():
    with SmallPhone() as phone:
        yield phone


@pytest.fixture
def an_emr():
    with SmallEmr() as emr:
        yield emr


@pytest.fixture
def peers(a_phone, an_emr):
    return tables(a_phone, an_emr)
