"""Volumes and sides on simulated patients of real anatomy; none of these seeds was used for calibration."""

import time

import pytest

from triage.analysis import analyse
from triage.types import Side, Status

pytest.importorskip("nilearn", reason="the phantom's anatomy comes with the demo extra")
phantom = pytest.importorskip("benchmarks.phantom", reason="benchmarks are not part of the distribution")

CORE_TOLERANCE_ML, HYPOPERFUSED_TOLERANCE_ML = 10.0, 20.0
HEALTHY_CORE_ML, HEALTHY_HYPOPERFUSED_ML = 1.0, 3.0
MATRIX = 256

LESIONS = (
    {"seed": 1, "side": Side.LEFT},
    {"seed": 2, "side": Side.RIGHT, "core_ml": 20.0, "hypoperfused_ml": 80.0},
    {
        "seed": 6,
        "side": Side.LEFT,
        "core_ml": 90.0,
        "hypoperfused_ml": 200.0,
        "motion_mm": 3.0,
        "motion_deg": 3.0,
    },
)


def examined(**settings):
    """Phantom and result; the drawing is made on the matrix the analysis works on, which is faster."""
    patient = phantom.make_patient(phantom.Patient(matrix=MATRIX, **settings))
    result = analyse(patient.series, clock=time.perf_counter).result
    assert result.status is Status.ANALYSED
    assert result.trusted
    return patient.truth, result


@pytest.mark.parametrize("settings", LESIONS, ids=lambda settings: f"patient {settings['seed']}")
def test_volumes_and_side_of_a_simulated_stroke(settings):
    truth, result = examined(**settings)
    assert result.core_ml == pytest.approx(truth.core_ml, abs=CORE_TOLERANCE_ML)
    assert result.hypoperfused_ml == pytest.approx(truth.hypoperfused_ml, abs=HYPOPERFUSED_TOLERANCE_ML)
    assert result.side is truth.side


def test_a_simulated_patient_without_a_lesion_has_none():
    _, result = examined(seed=4, side=Side.NONE)
    assert result.core_ml <= HEALTHY_CORE_ML
    assert result.hypoperfused_ml <= HEALTHY_HYPOPERFUSED_ML
    assert result.side is Side.NONE
