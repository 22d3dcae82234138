"""The arrays of an analysis as files that other programs read: NIfTI volumes and tables."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from triage.types import ArterialInput, Findings, Motion

AXES = ("x", "y", "z")

MAPS = {
    "cbf": "cbf_ml_per_100g_min",
    "cbv": "cbv_ml_per_100g",
    "mtt": "mtt_s",
    "tmax": "tmax_s",
    "ttp": "ttp_s",
}
"""File name to attribute of the maps."""


def export(findings: Findings, folder: Path) -> None:
    """Write volumes, arterial input and motion into `folder`; what the scan did not give is not written."""
    _write_volumes(findings, folder)
    _write_motion(findings.motion, folder / "quality.csv")
    if findings.arterial is not None:
        _write_curves(findings.arterial, folder / "aif.csv")
        _write_voxels(findings.arterial, folder / "aif_voxels.csv")


def _write_volumes(findings: Findings, folder: Path) -> None:
    """NIfTI wants RAS+: SimpleITK turns the axes when it writes."""
    maps = {name: getattr(findings.maps, attribute) for name, attribute in MAPS.items()}
    volumes = {name: values for name, values in maps.items() if np.isfinite(values).any()}
    volumes |= {"brain": findings.maps.brain, "tissue": findings.tissue_class}
    if findings.arterial is not None:
        volumes |= {"core": findings.core, "hypoperfused": findings.hypoperfused}
    if findings.network_core is not None:
        volumes |= {"core_network": findings.network_core}
    for name, volume in volumes.items():
        sitk.WriteImage(findings.geometry.to_sitk(volume), str(folder / f"{name}.nii.gz"))


def _write_curves(inputs: ArterialInput, path: Path) -> None:
    """Curves above their baseline in HU; candidates as measured, before scaling, best first."""
    names = [f"candidate_{number}_hu" for number in range(1, len(inputs.candidate_hu) + 1)]
    curves = [inputs.time_s, inputs.arterial_hu, inputs.venous_hu, *inputs.candidate_hu]
    rows = ([f"{value:.4f}" for value in row] for row in np.stack(curves, axis=1))
    _write_table(path, ["time_s", "arterial_hu", "venous_hu", *names], rows)


def _write_voxels(inputs: ArterialInput, path: Path) -> None:
    """Where the curves were read, as indices on the working grid; a score for candidates alone."""
    rows = [
        *(["arterial", *voxel, ""] for voxel in inputs.arterial_voxels),
        *(["venous", *voxel, ""] for voxel in inputs.venous_voxels),
        *(
            [f"candidate_{number}", *voxel, f"{score:.4f}"]
            for number, (voxel, score) in enumerate(
                zip(inputs.candidate_voxels, inputs.candidate_scores, strict=True), start=1
            )
        ),
    ]
    _write_table(path, ["curve", "z", "y", "x", "score"], rows)


def _write_motion(motion: Motion, path: Path) -> None:
    """One row a frame, counted from 0: displacement along and rotation about LPS x, y, z; 1 where it was dropped."""
    names = [*(f"shift_{axis}_mm" for axis in AXES), *(f"turn_{axis}_deg" for axis in AXES)]
    moved = np.hstack([motion.translation_mm, motion.rotation_deg])
    dropped = np.isin(np.arange(len(moved)), motion.dropped)
    rows = (
        [frame, *(f"{value:.4f}" for value in row), int(gone)]
        for frame, (row, gone) in enumerate(zip(moved, dropped, strict=True))
    )
    _write_table(path, ["frame", *names, "dropped"], rows)


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
