"""DICOM files to a result, without any server: what the worker's child and the offline command share."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from dicom_scp.reader import open_ctp
from gateway.release import versions
from models.perfusion import load_deconvolver
from triage.analysis import Method, analyse
from triage.arterial import NamedVoxelsError
from triage.errors import InputError
from triage.types import Analysis, QualityFlag, Severity, Status, TriageResult


def refused(reason: str, study_uid: str, series_uid: str) -> Analysis:
    """The result of a series that cannot be analysed: refusing is a result."""
    flag = QualityFlag("not_analysed", Severity.SEVERE, reason)
    result = TriageResult(
        Status.NOT_ANALYSED, reason, study_uid, series_uid, quality=(flag,), versions=versions()
    )
    return Analysis(result, findings=None)


def analyse_files(
    paths: Sequence[Path],
    study_uid: str,
    series_uid: str,
    threads: int,
    arterial_voxels: NDArray[np.int64] | None = None,
) -> Analysis:
    """Analyse one CT perfusion series; a series that cannot be read or analysed is a result with its reason.

    Of its times, "read" is opening: every header is read. Pixels are decoded frame by frame within "reduce".

    Raises
    ------
    NamedVoxelsError
        A caller's mistake: `arterial_voxels`, int64 ``(K, 3)`` on the working grid, are no voxels of the brain.
    """
    started = perf_counter()
    try:
        series = open_ctp(paths)
        read_s = perf_counter() - started
        model = load_deconvolver(threads)
        analysis = analyse(
            series,
            clock=perf_counter,
            method=Method(deconvolve=model),
            arterial_voxels=arterial_voxels,
        )
    except NamedVoxelsError:
        raise
    except InputError as exc:
        return refused(str(exc), study_uid, series_uid)
    timing = {"read": read_s, **analysis.result.timing_s, "total": perf_counter() - started}
    result = replace(
        analysis.result,
        study_uid=study_uid,
        series_uid=series_uid,
        timing_s={name: round(seconds, 3) for name, seconds in timing.items()},
        models=(model.spec.finding(),),
        versions=versions(),
    )
    return replace(analysis, result=result)
