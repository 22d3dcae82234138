"""One analysed head for everybody who draws on it."""

import pytest

from gateway import findings
from tests.viewer_bridge.drawn import make_analysis, make_source

SMALL = (8, 64, 64)


@pytest.fixture(scope="session")
def analysis():
    return make_analysis(SMALL)


@pytest.fixture(scope="session")
def source():
    return make_source()


@pytest.fixture(scope="session")
def folder(tmp_path_factory, analysis):
    """The revision as the worker leaves it."""
    path = tmp_path_factory.mktemp("r1")
    findings.save(analysis, path)
    return path
