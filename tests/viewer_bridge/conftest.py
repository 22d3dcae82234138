"""Synthetic findings and a scanner's header, and a real Orthanc."""

import os
import socket
import subprocess
from collections.abc import Callable

import pydicom
import pytest

from tests.viewer_bridge.drawn import distrusted, make_analysis, make_source, refused, without_input
from triage.types import Analysis
from viewer_bridge.orthanc import Orthanc
from viewer_bridge.private_orthanc import DICOMWEB_PLUGIN, PROGRAM, USER, PrivateOrthanc


@pytest.fixture(scope="session")
def analysis() -> Analysis:
    return make_analysis()


@pytest.fixture(scope="session")
def source() -> pydicom.Dataset:
    return make_source()


@pytest.fixture(scope="session")
def build() -> Callable:
    """Factory of other cases: ``build(shape, lesion=..., geometry=...)``."""
    return make_analysis


@pytest.fixture(scope="session")
def build_source() -> Callable:
    """Factory of other headers: ``build_source(PatientName=...)``."""
    return make_source


@pytest.fixture(scope="session")
def not_analysed() -> Analysis:
    return refused()


@pytest.fixture(scope="session")
def untrusted(analysis) -> Analysis:
    return distrusted(analysis)


@pytest.fixture(scope="session")
def time_to_peak_only(analysis) -> Analysis:
    """No arterial input was found."""
    return without_input(analysis)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class RunningOrthanc:
    """A private Orthanc as a process of its own; stopped by its process id."""

    password = "only-for-this-test"

    def __init__(self, directory):
        self.settings = PrivateOrthanc(directory, free_port(), password=self.password)
        self.launch()

    def launch(self):
        launch = self.settings.prepare()
        self.process = subprocess.Popen(
            launch.command,
            env={**os.environ, **launch.env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.settings.wait_until_ready()

    def client(self):
        return Orthanc(self.settings.url, USER, self.password)

    def stop(self):
        self.process.kill()
        self.process.wait(timeout=20)


@pytest.fixture(scope="session")
def orthanc_server(tmp_path_factory):
    if not (PROGRAM.is_file() and DICOMWEB_PLUGIN.is_file()):
        pytest.skip("Orthanc or its DICOMweb plugin is not installed")
    server = RunningOrthanc(tmp_path_factory.mktemp("orthanc"))
    yield server
    server.stop()


@pytest.fixture
def orthanc(orthanc_server):
    client = orthanc_server.client()
    yield client
    client.close()
