"""Phantoms that several tests look at; small matrices keep the whole folder below a minute."""

from dataclasses import replace

import pytest

from benchmarks.phantom import Patient, make_patient

QUIET = Patient(seed=3, matrix=128, noise_hu=0.0, motion_mm=0.0, motion_deg=0.0)


@pytest.fixture(scope="session")
def quiet():
    return make_patient(QUIET)


@pytest.fixture(scope="session")
def restless():
    return make_patient(replace(QUIET, motion_mm=2.0, motion_deg=1.5))


@pytest.fixture(scope="session")
def small():
    return make_patient(Patient(seed=4, matrix=64, slices=6, frames=14, core_ml=8, hypoperfused_ml=30))
