"""Cases of ``benchmarks.cohort`` as tensors: what the network is shown, and which share of each pixel is what."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.image_contract import ImageContract
from models.imaging import prepared
from triage.second_engine import Evidence, Volume
from triage.symmetry import MidPlane
from triage.types import ML_PER_MM3, Geometry


@dataclass(frozen=True, slots=True)
class Case:
    """One patient on the canvas.

    Attributes
    ----------
    shown, truth, brain
        float16 ``(Z, C, H, W)``; shares of core and hypoperfused tissue ``(Z, 2, H, W)``; share of brain ``(Z, H, W)``.
    head, lesion
        int16 ``(N, 3)``: pixels (z, row, column) of the brain, and of hypoperfused tissue.
    """

    name: str
    shown: NDArray[np.float16]
    truth: NDArray[np.float16]
    brain: NDArray[np.float16]
    pixel_ml: float
    head: NDArray[np.int16]
    lesion: NDArray[np.int16]


def evidence_of(file: Path) -> tuple[Evidence, dict[str, NDArray[np.bool_]]]:
    """Evidence and masks of one file."""
    with np.load(file) as stored:
        arrays = dict(stored)
    volumes = {
        Volume(name.removeprefix("volume:")): array.astype(np.float32)
        for name, array in arrays.items()
        if name.startswith("volume:")
    }
    masks = {name: array for name, array in arrays.items() if array.dtype == bool}
    geometry = Geometry(masks["core"].shape, arrays["affine"])
    plane = MidPlane(arrays["normal"], float(arrays["offset_mm"]))
    return Evidence(geometry, plane, volumes), masks


def case_of(file: Path, contract: ImageContract, single: ImageContract, canvas: tuple[int, int]) -> Case:
    """Read one file; `contract` is without neighbours, `single` shows the tissue channel alone on the same grid."""
    evidence, masks = evidence_of(file)
    shown = prepared(evidence, contract)
    truth = [_share(evidence, masks[name], single) for name in ("core", "hypoperfused", "brain")]
    areas = _on(canvas, np.stack(truth, axis=1))
    return Case(
        file.stem,
        _on(canvas, shown.tensor),
        areas[:, :2],
        areas[:, 2],
        float(np.prod(shown.grid.network_spacing_mm)) * ML_PER_MM3,
        np.argwhere(areas[:, 2] > 0).astype(np.int16),
        np.argwhere(areas[:, 1] > 0).astype(np.int16),
    )


def _share(evidence: Evidence, mask: NDArray[np.bool_], single: ImageContract) -> NDArray[np.float32]:
    volumes = {Volume.BRAIN: evidence.volumes[Volume.BRAIN], Volume.TISSUE: mask.astype(np.float32)}
    return prepared(Evidence(evidence.geometry, evidence.plane, volumes), single).tensor[:, 0]


def _on(canvas: tuple[int, int], tensor: NDArray[np.float32]) -> NDArray[np.float16]:
    whole = np.zeros((*tensor.shape[:2], *canvas), np.float16)
    rows, columns = (min(a, b) for a, b in zip(tensor.shape[2:], canvas, strict=True))
    whole[:, :, :rows, :columns] = tensor[:, :, :rows, :columns]
    return whole
