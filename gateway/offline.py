"""``stroke-gateway triage``: a folder of DICOM files to numbers, maps and result objects, without any server."""

import json
import sys
from argparse import Namespace
from pathlib import Path

import SimpleITK as sitk
from numpy import savetxt, stack
from pydicom import dcmread

from dicom_scp.headers import read_header
from dicom_scp.reader import find_perfusion
from gateway.analysis import analyse_files, refused
from gateway.release import SOFTWARE_VERSION
from triage.errors import InputError
from triage.types import Analysis, Findings, Status, TriageResult
from viewer_bridge.objects import file_bytes, result_objects

NOT_ANALYSED_EXIT = 3
USAGE_EXIT = 2


def run(arguments: Namespace) -> int:
    """Analyse, write what was asked for, print; returns the exit code."""
    if not arguments.path.is_dir():
        sys.stderr.write(
            f"stroke-gateway: {arguments.path} is not a folder; name the folder with the study's files\n"
        )
        return USAGE_EXIT
    analysis, source = _analyse(arguments.path, arguments.threads)
    if arguments.out:
        write(analysis, source, arguments.out)
    result = analysis.result
    sys.stdout.write(
        json.dumps(result.to_json(), ensure_ascii=False) + "\n" if arguments.json else report(result)
    )
    return 0 if result.status is Status.ANALYSED else NOT_ANALYSED_EXIT


def _analyse(folder: Path, threads: int) -> tuple[Analysis, Path | None]:
    try:
        paths = find_perfusion(folder)
        header = read_header(paths[0])
    except InputError as exc:
        return refused(str(exc), "", ""), None
    return analyse_files(paths, header.study_uid, header.series_uid, threads), paths[0]


def report(result: TriageResult) -> str:
    """The numbers for a person at a terminal."""
    if result.status is Status.NOT_ANALYSED:
        return f"not analysed: {result.reason}\nResearch use. Not for primary diagnosis.\n"
    lines = [
        f"side                {result.side}",
        f"core                {result.core_ml:.1f} ml",
        f"hypoperfused        {result.hypoperfused_ml:.1f} ml",
        f"mismatch            {result.mismatch_ml:.1f} ml",
        *(f"{name:20s}{criterion.text}" for name, criterion in result.criteria.items()),
        *(f"{flag.severity:20s}{flag.text}" for flag in result.quality),
        f"time                {result.timing_s['total']:.1f} s",
        "Research use. Not for primary diagnosis.",
    ]
    return "\n".join(lines) + "\n"


def write(analysis: Analysis, source: Path | None, folder: Path) -> None:
    """Write ``*.nii.gz``, ``aif.csv`` and ``dicom/`` into `folder`."""
    objects = folder / "dicom"
    objects.mkdir(parents=True, exist_ok=True)
    if analysis.findings is not None:
        _write_volumes(analysis.findings, folder)
        _write_curves(analysis.findings, folder / "aif.csv")
    if source is not None:
        header = dcmread(source, stop_before_pixels=True)
        for number, item in enumerate(
            result_objects(analysis, header, revision=1, software_version=SOFTWARE_VERSION)
        ):
            (objects / f"{number:03d}.dcm").write_bytes(file_bytes(item))


def _write_volumes(findings: Findings, folder: Path) -> None:
    """NIfTI wants RAS+: SimpleITK turns the axes when it writes."""
    maps = findings.maps
    volumes = {
        "cbf": maps.cbf_ml_per_100g_min,
        "cbv": maps.cbv_ml_per_100g,
        "mtt": maps.mtt_s,
        "tmax": maps.tmax_s,
        "core": findings.core,
        "hypoperfused": findings.hypoperfused,
        "brain": maps.brain,
    }
    for name, volume in volumes.items():
        sitk.WriteImage(findings.geometry.to_sitk(volume), str(folder / f"{name}.nii.gz"))


def _write_curves(findings: Findings, path: Path) -> None:
    curves = findings.arterial
    table = stack([curves.time_s, curves.arterial_hu, curves.venous_hu], axis=1)
    savetxt(path, table, delimiter=",", header="time_s,arterial_hu,venous_hu", comments="", fmt="%.4f")
