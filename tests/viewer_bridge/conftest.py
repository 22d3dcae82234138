"""Synthetic findings and a scanner's header, and a real Orthanc."""

import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from time import perf_counter

import pydicom
import pytest

from benchmarks.phantom import Patient, make_patient
from tests.viewer_bridge.drawn import (
    SERIES_UID,
    STUDY_UID,
    distrusted,
    make_analysis,
    make_source,
    refused,
    without_core,
    without_input,
)
from tests.viewer_bridge.published import published
from triage.analysis import analyse
from triage.types import Analysis
from viewer_bridge.archive.orthanc import Orthanc
from viewer_bridge.archive.private_orthanc import DICOMWEB_PLUGIN, PROGRAM, USER, PrivateOrthanc

SMALL = (8, 64, 64)

KINDS = {
    "no_core": without_core,
    "healthy": lambda _: make_analysis(SMALL, lesion=False),
    "untrusted": distrusted,
    "time_to_peak_only": without_input,
    "not_analysed": lambda _: refused(),
}
"""Kinds of cases, made from the small one."""


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


@pytest.fixture(scope="session")
def small_analysis() -> Analysis:
    """Eight slices: enough to be looked at by every tool."""
    return make_analysis(SMALL)


@pytest.fixture(scope="session")
def small_objects(small_analysis, source):
    return published(small_analysis, source)


@pytest.fixture(scope="session")
def small_objects_of(small_analysis, small_objects, source):
    """Objects of a kind of case by its name, made once."""

    @cache
    def made(kind):
        if kind == "revised":
            return published(small_analysis, source, revision=2, former=[small_objects])
        return published(KINDS[kind](small_analysis), source)

    return made


@pytest.fixture(scope="session")
def a_computed_case() -> Analysis:
    """A simulated patient, small and analysed as usual."""
    phantom = make_patient(Patient(seed=3, matrix=128, slices=6, frames=30, hypoperfused_ml=60, core_ml=15))
    found = analyse(phantom.series, clock=perf_counter)
    return Analysis(replace(found.result, study_uid=STUDY_UID, series_uid=SERIES_UID), found.findings)


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
