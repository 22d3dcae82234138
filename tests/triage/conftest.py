"""A head of ellipsoids, drawn small enough for unit tests, with everything a perfusion scan shows."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from triage.types import CtpSeries, Geometry

FINE_S = 0.05
KAPPA_OVER_RHO = 0.733 / 1.05
HU = {
    "air": -1000.0,
    "skin": 20.0,
    "bone": 900.0,
    "grey": 36.0,
    "white": 29.0,
    "fluid": 6.0,
    "artery": 42.0,
    "vein": 48.0,
}
FLOW = {  # CBF ml/100 g/min, MTT s, delay s
    "grey": (60.0, 4.0, 0.5),
    "white": (24.0, 4.8, 0.8),
    "late": (0.45, 8.5, 6.5),  # CBF relative to the healthy tissue at the same place
    "core": (0.15, 10.0, 8.0),
}


@dataclass(frozen=True)
class Head:
    """How to draw a head; lengths in mm, the lesion by its side and radii (late, core)."""

    matrix: int = 128
    slices: int = 10
    slice_mm: float = 6.0
    frames: int = 40
    dt_s: float = 1.5
    noise_hu: float = 2.0
    side: str = "left"
    late_mm: float = 34.0
    core_mm: float = 22.0
    bolus_hu: float = 300.0
    arrival_s: float = 8.0
    turn_deg: float = 0.0
    shuttle_s: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Drawn:
    """The series and the truth on its grid."""

    series: CtpSeries
    core: np.ndarray
    late: np.ndarray

    def ml(self, mask):
        return float(mask.sum()) * self.series.geometry.voxel_ml


def first_pass(time_s, arrival_s, peak, width_s=1.5):
    after = np.clip(time_s - arrival_s, 0, None)
    bolus = (after / (3 * width_s)) ** 3 * np.exp(3 - after / width_s)
    again = np.clip(time_s - arrival_s - 12, 0, None)
    return peak * (bolus + 0.12 * (1 - np.exp(-again / 4)) * np.exp(-again / 60))


def tissue_curve(fine_s, artery_hu, cbf, mtt_s, delay_s):
    residue = np.exp(-np.arange(0, 60, FINE_S) / mtt_s)
    passed = np.convolve(artery_hu, residue)[: fine_s.size] * FINE_S
    return np.interp(fine_s - delay_s, fine_s, passed) * cbf / 6000 / KAPPA_OVER_RHO


def _labels(head, x, y, z):
    def ball(cx, cy, cz, rx, ry, rz):
        return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 <= 1

    sign = {"left": 1, "right": -1, "none": 0}[head.side]
    wave = np.sin(x / 4.5) * np.sin(y / 4.5 + 1) * np.sin(z / 9 + 0.5)
    label = np.full(np.broadcast(x, y, z).shape, "air", dtype="<U8")
    for name, region in (
        ("skin", ball(0, 0, -20, 80, 98, 110)),
        ("bone", ball(0, 0, -20, 74, 92, 104)),
        ("fluid", ball(0, 0, -20, 68, 86, 98)),
        ("grey", ball(0, 0, -20, 65.5, 83.5, 95.5)),
        ("white", ball(0, 0, -20, 54, 72, 84) & (wave < 0.18)),
        ("fluid", ball(10, 0, 0, 6, 25, 14) | ball(-10, 0, 0, 6, 25, 14)),
        ("artery", ball(34, 20, 0, 14, 2.2, 6) | ball(-34, 20, 0, 14, 2.2, 6) | ball(0, -40, 0, 2.2, 10, 9)),
        ("vein", (np.hypot(x, y - 78) < 5) & ball(0, 0, -20, 68, 86, 98)),
    ):
        label[region] = name
    brain = (label == "grey") | (label == "white")
    late = (
        brain & ball(sign * 42, 5, 2, head.late_mm * 0.7, head.late_mm, head.late_mm * 0.7) & (sign * x > 4)
    )
    core = late & ball(sign * 42, 5, 2, head.core_mm * 0.7, head.core_mm, head.core_mm * 0.7)
    return label, late & (sign != 0), core & (sign != 0)


def draw(head=None, **settings):
    """Draw a head; keyword settings replace those of `head`."""
    head = replace(head or Head(), **settings)
    pixel = 230.0 / head.matrix
    geometry = Geometry.axial(
        (head.slices, head.matrix, head.matrix),
        (head.slice_mm, pixel, pixel),
        (
            -pixel * (head.matrix - 1) / 2,
            -pixel * (head.matrix - 1) / 2,
            -head.slice_mm * (head.slices - 1) / 2,
        ),
    )
    z, y, x = (np.arange(n) - (n - 1) / 2 for n in geometry.shape)
    grid = np.meshgrid(z * head.slice_mm, y * pixel, x * pixel, indexing="ij")
    turned = np.stack(grid[::-1], axis=-1) @ Rotation.from_euler("z", head.turn_deg, degrees=True).as_matrix()
    label, late, core = _labels(head, *np.moveaxis(turned, -1, 0))
    start = np.arange(head.frames) * head.dt_s
    time_s = start[:, None] + np.linspace(0, head.shuttle_s, head.slices)[None, :]
    fine = np.arange(0, time_s.max() + 1, FINE_S)
    artery = first_pass(fine, head.arrival_s, head.bolus_hu)
    curves = {"artery": 0.8 * artery, "vein": first_pass(fine, head.arrival_s + 5, head.bolus_hu, 1.7)}
    for name in ("grey", "white"):
        cbf, mtt_s, delay_s = FLOW[name]
        curves[name] = tissue_curve(fine, artery, cbf, mtt_s, delay_s)
        for state in ("late", "core"):
            share, mtt_s, delay_s = FLOW[state]
            curves[f"{name}-{state}"] = tissue_curve(fine, artery, cbf * share, mtt_s, delay_s)
    hu = np.empty((head.frames, *geometry.shape), np.float32)
    for name, level in HU.items():
        for state, where in (("", ~late), ("-late", late & ~core), ("-core", core)):
            region = (label == name) & where
            for k in range(head.slices):
                curve = np.interp(time_s[:, k], fine, curves.get(name + state, np.zeros_like(fine)))
                hu[:, k, region[k]] = (level + curve)[:, None]
    blur = (0, 0, 0.5, 0.5)
    hu = ndimage.gaussian_filter(hu, blur)
    hu += head.noise_hu * np.random.default_rng(head.seed).standard_normal(hu.shape, dtype=np.float32)
    return Drawn(CtpSeries(hu, time_s - time_s.min(), geometry, "1.2.3", "1.2.3.4"), core, late)


@pytest.fixture(scope="session")
def drawn():
    """One head with a lesion on the left, drawn once."""
    return draw()


@pytest.fixture(scope="session")
def drawing():
    """The function that draws heads."""
    return draw
