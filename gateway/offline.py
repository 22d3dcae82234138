"""``stroke-gateway triage``: a folder of DICOM files to numbers, maps and result objects, without any server."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread

from dicom_scp.finding import find_perfusion
from dicom_scp.headers import read_header
from gateway.aligned import write_aligned
from gateway.analysis import analyse_files
from gateway.exports import export
from gateway.jobs.orders import ALIGNED
from gateway.refusal import refused
from gateway.release import SOFTWARE_VERSION
from gateway.terminal import report
from triage.errors import InputError
from triage.types import Analysis, Status
from viewer_bridge.objects.origin import Origin, creation_time
from viewer_bridge.objects.results import Extras, file_bytes, result_objects
from viewer_bridge.report.wording.language import Language

NOT_ANALYSED_EXIT = 3
USAGE_EXIT = 2


def run(arguments: Namespace) -> int:
    """Analyse, write what was asked for, print; returns the exit code."""
    if not arguments.path.is_dir():
        return _misused(f"{arguments.path} is not a folder; name the folder with the study's files")
    try:
        analysis, source = _analyse(arguments.path, arguments.threads, _named(arguments.aif))
    except InputError as exc:
        return _misused(str(exc))
    if arguments.out:
        write(analysis, source, arguments.out, Language(arguments.language))
        if arguments.aligned and analysis.findings is not None and source is not None:
            write_aligned_series(arguments.path, source, arguments.out / ALIGNED)
    result = analysis.result
    sys.stdout.write(
        json.dumps(result.to_json(), ensure_ascii=False) + "\n" if arguments.json else report(result)
    )
    return 0 if result.status is Status.ANALYSED else NOT_ANALYSED_EXIT


def _misused(reason: str) -> int:
    sys.stderr.write(f"stroke-gateway: {reason}\n")
    return USAGE_EXIT


def _named(voxels: Sequence[tuple[int, int, int]] | None) -> NDArray[np.int64] | None:
    """What the caller names: arterial voxels int64 ``(K, 3)`` on the working grid, or nothing."""
    return np.array(voxels, np.int64) if voxels else None


def _analyse(folder: Path, threads: int, named: NDArray[np.int64] | None) -> tuple[Analysis, Path | None]:
    try:
        paths = find_perfusion(folder)
        header = read_header(paths[0])
    except InputError as exc:
        return Analysis(refused(str(exc), "", ""), findings=None), None
    return analyse_files(paths, header.study_uid, header.series_uid, threads, arterial_voxels=named), paths[0]


def write(
    analysis: Analysis, source: Path | None, folder: Path, language: Language = Language.VIETNAMESE
) -> None:
    """Write volumes, tables and ``dicom/`` into `folder`; the report is in `language`."""
    objects = folder / "dicom"
    objects.mkdir(parents=True, exist_ok=True)
    if analysis.findings is not None:
        export(analysis.findings, folder)
    if source is not None:
        header = dcmread(source, stop_before_pixels=True)
        extras = Extras(language=language)
        for number, item in enumerate(
            result_objects(analysis, header, revision=1, software_version=SOFTWARE_VERSION, extras=extras)
        ):
            (objects / f"{number:03d}.dcm").write_bytes(file_bytes(item))


def write_aligned_series(study: Path, source: Path, folder: Path) -> None:
    """Write the motion-corrected series of a study that was analysed, and its maximum over time, into `folder`."""
    header = dcmread(source, stop_before_pixels=True)
    folder.mkdir(parents=True, exist_ok=True)
    origin = Origin(header, 1, SOFTWARE_VERSION, creation_time(header))
    write_aligned(find_perfusion(study), origin, folder)
