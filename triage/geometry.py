"""Where a volume lies in the patient, and how frozen values check themselves."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from triage.arrays import Float64, freeze
from triage.errors import require

SHORTEST_AXIS_MM = 1e-3
"""Affine axes shorter than this are not axes."""

ML_PER_MM3 = 1e-3
"""One millilitre is a thousand cubic millimetres."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a volume lies in the patient.

    Attributes
    ----------
    shape
        ``(Z, Y, X)`` number of slices, rows, columns.
    affine
        float64 ``(4, 4)``; maps the homogeneous index ``(z, y, x, 1)`` to LPS millimetres.
    frame_of_reference_uid
        DICOM (0020,0052), or empty when the source has none.

    Examples
    --------
    >>> g = Geometry.axial(shape=(2, 4, 4), spacing_mm=(5.0, 1.0, 1.0), origin_mm=(0.0, 0.0, 0.0))
    >>> round(g.voxel_ml, 6)
    0.005
    """

    shape: tuple[int, int, int]
    affine: Float64
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        require(
            len(self.shape) == 3 and min(self.shape) > 0,
            f"geometry needs three positive sizes, got {self.shape}",
        )
        require(self.affine.shape == (4, 4), f"affine must be 4 x 4, got {self.affine.shape}")
        require(bool(np.isfinite(self.affine).all()), "affine contains NaN or infinity")
        require(abs(np.linalg.det(self.affine[:3, :3])) > SHORTEST_AXIS_MM**3, "affine axes are degenerate")
        freeze(self)

    @classmethod
    def axial(
        cls,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
        origin_mm: tuple[float, float, float],
        frame_of_reference_uid: str = "",
    ) -> Self:
        """Untilted head-first supine geometry; `spacing_mm` is (z, y, x), `origin_mm` is LPS (x, y, z)."""
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm
        affine[:3, 3] = origin_mm
        affine[3, 3] = 1.0
        return cls(shape, affine, frame_of_reference_uid)

    @classmethod
    def from_sitk(cls, image: sitk.Image, frame_of_reference_uid: str = "") -> Self:
        """Geometry of a 3-D SimpleITK image."""
        direction = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
        affine = np.eye(4)
        affine[:3, :3] = direction[:, ::-1]
        affine[:3, 3] = image.GetOrigin()
        x, y, z = image.GetSize()
        return cls((z, y, x), affine, frame_of_reference_uid)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along ``(z, y, x)``."""
        z, y, x = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(z), float(y), float(x)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) * ML_PER_MM3

    def to_sitk(self, array: NDArray[Any]) -> sitk.Image:
        """Wrap a ``(Z, Y, X)`` array as a SimpleITK image in this geometry; bool becomes uint8."""
        require(array.shape == self.shape, f"array {array.shape} does not fit geometry {self.shape}")
        image = sitk.GetImageFromArray(array.astype(np.uint8) if array.dtype == bool else array)
        axes = self.affine[:3, :3] / np.array(self.spacing_mm)
        image.SetDirection(axes[:, ::-1].ravel().tolist())
        image.SetSpacing(self.spacing_mm[::-1])
        image.SetOrigin(self.affine[:3, 3].tolist())
        return image

    def reduced(self, factor: int) -> Self:
        """Geometry after averaging `factor` x `factor` pixels in plane; centres move by half a pixel."""
        z, y, x = self.shape
        affine = self.affine.copy()
        affine[:3, 3] += (affine[:3, 1] + affine[:3, 2]) * (factor - 1) / 2
        affine[:3, 1:3] *= factor
        return type(self)((z, y // factor, x // factor), affine, self.frame_of_reference_uid)
