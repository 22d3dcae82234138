"""Made-up evidence that a model must survive: several grids, gaps, extreme values, and a head without any tissue."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from triage.second_engine import Evidence, Volume
from triage.symmetry import MidPlane
from triage.types import Float32, Geometry, Mask

SEED = 20260102

USUAL: Mapping[Volume, tuple[float, float]] = MappingProxyType(
    {
        Volume.CBF: (45.0, 15.0),
        Volume.CBV: (3.5, 1.0),
        Volume.MTT: (5.0, 2.0),
        Volume.TMAX: (3.0, 3.0),
        Volume.TTP: (15.0, 4.0),
        Volume.RELATIVE_CBF: (0.9, 0.4),
        Volume.RELATIVE_CBV: (1.0, 0.3),
        Volume.MEAN_HU: (38.0, 10.0),
        Volume.UNENHANCED_HU: (34.0, 10.0),
        Volume.NON_CONTRAST_HU: (34.0, 5.0),
    }
)
"""Middle and spread of a volume's values inside the head, as a perfusion analysis has them."""

AIR_HU = -1000.0
DENSE = frozenset({Volume.MEAN_HU, Volume.UNENHANCED_HU, Volume.NON_CONTRAST_HU})
"""Volumes with values everywhere; all others have them in the brain alone."""

NOISE_HU = 6.0
WILD = 1e6
"""Factor of the trial with extreme values: as far from anything seen as float32 sensibly goes."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One made-up head: its grid, whether it has tissue, and a factor on its values."""

    name: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    has_tissue: bool = True
    factor: float = 1.0

    def evidence(self) -> Evidence:
        """Noise in an ellipsoid, with a slightly oblique plane of symmetry."""
        rng = np.random.default_rng(SEED)
        z, y, x = (size * mm / 2 for size, mm in zip(self.shape, self.spacing_mm, strict=True))
        geometry = Geometry.axial(self.shape, self.spacing_mm, origin_mm=(-x, -y, -z))
        brain = self._ellipsoid() & self.has_tissue
        tissue = brain & (rng.random(self.shape, np.float32) < 0.9)
        normal = np.array([0.997, 0.07, 0.03])
        volumes = {
            volume: self._volume(volume, centre, spread, brain, rng)
            for volume, (centre, spread) in USUAL.items()
        }
        volumes |= {
            Volume.NOISE_HU: np.full(self.shape, NOISE_HU, np.float32),
            Volume.BRAIN: brain.astype(np.float32),
            Volume.TISSUE: tissue.astype(np.float32),
        }
        return Evidence(geometry, MidPlane(normal / np.linalg.norm(normal), 1.0), MappingProxyType(volumes))

    def _ellipsoid(self) -> Mask:
        axes = (np.linspace(-1, 1, size, dtype=np.float32) ** 2 for size in self.shape)
        z, y, x = axes
        return np.asarray(0.5 * z[:, None, None] + 1.6 * y[:, None] + 2.2 * x < 1)

    def _volume(
        self, volume: Volume, centre: float, spread: float, brain: Mask, rng: np.random.Generator
    ) -> Float32:
        values = rng.standard_normal(self.shape, np.float32) * np.float32(spread) + np.float32(centre)
        outside = AIR_HU if volume in DENSE else np.nan
        return np.where(brain, values * np.float32(self.factor), np.float32(outside))


TRIALS = (
    Trial("the usual grid", (16, 256, 256), (5.0, 0.86, 0.86)),
    Trial("a small coarse grid", (4, 64, 64), (10.0, 3.4, 3.4)),
    Trial("80 thin slices", (80, 128, 128), (1.0, 1.7, 1.7)),
    Trial("one slice, odd sizes", (1, 201, 173), (8.0, 1.1, 1.1)),
    Trial("extreme values", (4, 128, 128), (5.0, 1.7, 1.7), factor=WILD),
    Trial("no tissue at all", (8, 128, 128), (5.0, 1.7, 1.7), has_tissue=False),
)
"""The first is the one that times are judged on."""
