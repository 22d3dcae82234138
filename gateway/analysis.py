"""DICOM files to a result, without any server: what the worker's child and the offline command share."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from dicom_scp.reader import open_ctp
from gateway.refusal import refused
from gateway.rehearsal import Rehearsal
from gateway.release import versions
from models.perfusion import load_deconvolver
from triage.analysis import Method, analyse
from triage.arterial import NamedVoxelsError
from triage.errors import InputError
from triage.preparation import AFRESH
from triage.types import Analysis, QualityFlag, Severity


def analyse_files(
    paths: Sequence[Path],
    study_uid: str,
    series_uid: str,
    threads: int,
    arterial_voxels: NDArray[np.int64] | None = None,
    rehearsal: Rehearsal | None = None,
) -> Analysis:
    """Analyse one CT perfusion series; a series that cannot be read or analysed is a result with its reason.

    A `rehearsal` knows what was done while the images came; the result is the same. Of its times, "read" is opening: every header is read. Pixels are decoded frame by frame within "reduce".

    Raises
    ------
    NamedVoxelsError
        A caller's mistake: `arterial_voxels`, int64 ``(K, 3)`` on the working grid, are no voxels of the brain.
    """
    started = perf_counter()
    try:
        series, work = rehearsal.open(paths) if rehearsal else (open_ctp(paths), AFRESH)
        read_s = perf_counter() - started
        model = load_deconvolver(threads)
        analysis = analyse(
            series,
            clock=perf_counter,
            method=Method(deconvolve=model),
            arterial_voxels=arterial_voxels,
            work=work,
        )
    except NamedVoxelsError:
        raise
    except InputError as exc:
        return Analysis(refused(str(exc), study_uid, series_uid), findings=None)
    quality = analysis.result.quality
    if series.missing:
        text = f"{series.missing} did not come, by the scanner's own count"
        quality = (*quality, QualityFlag("incomplete", Severity.WARNING, text))
    timing = {"read": read_s, **analysis.result.timing_s, "total": perf_counter() - started}
    result = replace(
        analysis.result,
        study_uid=study_uid,
        series_uid=series_uid,
        quality=quality,
        timing_s={name: round(seconds, 3) for name, seconds in timing.items()},
        models=(model.spec.finding(),),
        versions=versions(),
    )
    return replace(analysis, result=result)
