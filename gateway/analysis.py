"""DICOM files to a result, without any server: what the worker's child and the offline command share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from dicom_scp.reader import open_ctp
from gateway.refusal import refused
from gateway.rehearsal import Rehearsal
from gateway.release import versions
from models.infarct_core import load_core_model
from models.perfusion import ChosenDeconvolver, choose_deconvolver
from models.providers import CPU_ONLY
from models.shelves import by_task
from models.spec import ModelSpec
from triage.analysis import Method, analyse
from triage.arterial import NamedVoxelsError
from triage.errors import InputError
from triage.preparation import AFRESH
from triage.results import INFARCT_CORE, NO_MODEL, NO_TASKS
from triage.second_engine import CoreModel
from triage.types import Analysis, QualityFlag, Severity


@dataclass(frozen=True, slots=True)
class Models:
    """What an analysis runs on, verified and warm; `tasks` as in `TriageResult`."""

    deconvolver: ChosenDeconvolver
    core: CoreModel | None
    tasks: Mapping[str, str]


def load_models(threads: int, site: Path | None = None, providers: Sequence[str] = CPU_ONLY) -> Models:
    """Open the installed models, and those that lie in the folder of the site, on the wanted `providers`.

    Raises
    ------
    ConfigError
        A model is not the one of its manifest, or does not keep its contract.
    """
    installed = {str(task): model.spec for task, model in by_task(site).items()}
    tasks = {task: _installed(installed.get(task), task) for task in NO_TASKS}
    core = load_core_model(threads, site, providers)
    return Models(choose_deconvolver(threads, providers), core, tasks)


def _installed(spec: ModelSpec | None, task: str) -> str:
    """Who does a task; the protocol of a perfusion scan asks for the core alone, and says so of all else."""
    if spec is None:
        return NO_MODEL
    return spec.name if task == INFARCT_CORE else f"{spec.name} is installed, but not asked"


def analyse_files(
    paths: Sequence[Path],
    study_uid: str,
    series_uid: str,
    threads: int,
    arterial_voxels: NDArray[np.int64] | None = None,
    rehearsal: Rehearsal | None = None,
    models: Models | None = None,
) -> Analysis:
    """Analyse one CT perfusion series; a series that cannot be read or analysed is a result with its reason.

    A `rehearsal` knows what was done while the images came; the result is the same. Of its times, "read" is opening:
    every header is read. Pixels are decoded frame by frame within "reduce". `models` are loaded when not given.

    Raises
    ------
    NamedVoxelsError
        A caller's mistake: `arterial_voxels`, int64 ``(K, 3)`` on the working grid, are no voxels of the brain.
    """
    started = perf_counter()
    models = models or load_models(threads)
    try:
        series, work = rehearsal.open(paths) if rehearsal else (open_ctp(paths), AFRESH)
        read_s = perf_counter() - started
        analysis = analyse(
            series,
            clock=perf_counter,
            method=Method(deconvolve=models.deconvolver, core_model=models.core),
            arterial_voxels=arterial_voxels,
            work=work,
        )
    except NamedVoxelsError:
        raise
    except InputError as exc:
        told = replace(refused(str(exc), study_uid, series_uid), tasks=models.tasks)
        return Analysis(told, findings=None)
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
        models=(
            replace(models.deconvolver.finding, text=""),
            *analysis.result.models,
        ),  # no times but `timing_s`
        tasks=models.tasks,
        versions=versions(),
    )
    return replace(analysis, result=result)


def remarked(analysis: Analysis, texts: Sequence[str]) -> Analysis:
    """An analysis with what is known against its scan beside the images; a refusal says it, too."""
    flags = tuple(QualityFlag("incomplete", Severity.WARNING, text) for text in texts)
    return replace(analysis, result=replace(analysis.result, quality=(*analysis.result.quality, *flags)))
