"""Time one part of the analysis in a process of its own, so that its peak memory is its own.

``python -m benchmarks.perfusion_timing TASK FOLDER`` prints one JSON object; `benchmarks.perfusion_speed` makes FOLDER.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from benchmarks.phantom import Patient, make_patient
from benchmarks.phantom.anatomy import AIR_HU
from benchmarks.phantom.motion import moved
from benchmarks.phantom.noise import NoisePool
from triage import motion
from triage.analysis import Method, analyse
from triage.deconvolution import FlowResidue, InverseBank, deconvolve
from triage.matching import matcher
from triage.reduction import reduced
from triage.types import CtpSeries, Float32, Float64, Geometry

RUNS = 3
"""Times of which the median is printed."""

VOXELS = 50_000
"""Curves that our deconvolution and the peers' are timed on, evenly drawn from all."""

PEER_FRAMES = (16, 20, 24, 28, 32, 36, 40, 44)
"""Frames that SimpleITK aligns; all in which the head has moved would take half a minute."""

IN_PLANE_FRAMES, SEED, NOISE_HU, HEAD_POINTS = 20, 9, 10.0, 1000
CLAMP_HU = (-200.0, 300.0)
SHRINK, SAMPLED, ITERATIONS, SMALLEST_STEP = [4, 2], 0.1, 60, 1e-3
"""The peer's settings: mean squares, regular step from 1 down, scales from physical shift."""

KIB_PER_MIB = 1024


@dataclass(frozen=True)
class ThinSlices:
    """A `FrameSource` that repeats a stored scan's slices in thinner ones and never holds more than a frame."""

    file: Path
    drawn: tuple[int, ...]
    frames: tuple[int, ...]
    time_s: Float64
    geometry: Geometry
    study_uid: str = ""
    series_uid: str = ""

    def frame(self, number: int) -> Float32:
        """Read a frame and repeat its slices."""
        thick = np.load(self.file, mmap_mode="r")[self.frames[number]]
        return np.asarray(thick[list(self.drawn)])


def thin(folder: Path, slices: int, slice_mm: float, frames: int) -> ThinSlices:
    """The stored scan with `slices` of `slice_mm`, at `frames` of its instants."""
    scan = np.load(folder / "scan.npz")
    drawn = np.arange(slices) * len(scan["time_s"][0]) // slices
    chosen = np.linspace(0, len(scan["time_s"]) - 1, frames).round().astype(int)
    affine = scan["affine"].copy()
    affine[:3, 0] *= slice_mm / np.linalg.norm(affine[:3, 0])
    shape = (slices, *map(int, scan["shape"][1:]))
    time_s = scan["time_s"][chosen][:, drawn]
    return ThinSlices(
        folder / "hu.npy", tuple(drawn.tolist()), tuple(chosen.tolist()), time_s, Geometry(shape, affine)
    )


def whole(folder: Path) -> CtpSeries:
    """The stored scan in memory."""
    scan = np.load(folder / "scan.npz")
    geometry = Geometry(tuple(map(int, scan["shape"])), scan["affine"])
    return CtpSeries(np.load(folder / "hu.npy"), scan["time_s"], geometry)


def analysis(folder: Path) -> dict[str, float]:
    """Median seconds of each stage; afterwards store the curves that were deconvolved."""
    series = whole(folder)
    results = [analyse(series, clock=time.perf_counter).result for _ in range(RUNS)]
    times = {
        name: float(np.median([result.timing_s[name] for result in results])) for name in results[0].timing_s
    }
    peak = peak_mib()
    seen = []

    def watched(tissue_hu: Float32, bank: InverseBank) -> FlowResidue:
        seen.append((tissue_hu, bank))
        return deconvolve(tissue_hu, bank)

    arterial = analyse(series, clock=time.perf_counter, method=Method(deconvolve=watched)).findings.arterial
    curves, bank = seen[0]
    some = curves[np.linspace(0, len(curves) - 1, VOXELS).astype(int)]
    ours = median_s(lambda: deconvolve(some, bank))
    np.savez(folder / "curves.npz", curves=some, artery=arterial.arterial_hu, time_s=arterial.time_s)
    return {**times, "peak_mib": peak, "voxels": len(curves), "deconvolution_of_some": ours}


def growth(slices: int, slice_mm: float, frames: int) -> Callable[[Path], dict[str, float]]:
    """How long a scan of this size takes."""

    def run(folder: Path) -> dict[str, float]:
        source = thin(folder, slices, slice_mm, frames)
        start = time.perf_counter()
        result = analyse(source, clock=time.perf_counter).result
        assert result.reason is None, result.reason
        return {
            "total": time.perf_counter() - start,
            "reduce": result.timing_s["reduce"],
            "peak_mib": peak_mib(),
        }

    return run


def alignment(folder: Path) -> dict[str, float]:
    """Seconds a frame and mean error over the head in mm, ours and SimpleITK's, on the same reduced frames."""
    series, truth = reduced(thin(folder, 16, 5.0, 45)), np.load(folder / "scan.npz")
    frames = [series.hu[t] for t in PEER_FRAMES]
    start = time.perf_counter()
    reference = matcher(list(series.hu[: motion.REFERENCE_FRAMES]), series.geometry)
    ours = [as_transform(reference.locate(frame)[0], series.geometry) for frame in frames]
    ours_s = time.perf_counter() - start
    baseline = series.hu[: motion.REFERENCE_FRAMES].mean(axis=0)
    start = time.perf_counter()
    theirs = [euler3d(baseline, frame, series.geometry) for frame in frames]
    theirs_s = time.perf_counter() - start
    true = [true_pose(truth["translation_mm"][t], truth["rotation_deg"][t]) for t in PEER_FRAMES]
    head = head_mm(baseline, series.geometry)
    return {
        "ours_mm": error_mm(ours, true, head),
        "simpleitk_mm": error_mm(theirs, true, head),
        "ours_s": ours_s / len(frames),
        "simpleitk_s": theirs_s / len(frames),
        "in_plane_mm": in_plane_mm(),
    }


def in_plane_mm() -> float:
    """Mean error over the head where it moves in its slices by up to 3 mm and 3 degrees."""
    rng = np.random.default_rng(SEED)
    series = make_patient(
        Patient(seed=SEED, matrix=256, frames=IN_PLANE_FRAMES, noise_hu=0.0, motion_mm=0.0, motion_deg=0.0)
    ).series
    noise = NoisePool(rng, 256, NOISE_HU)
    shift, turn = rng.uniform(-3, 3, (2, IN_PLANE_FRAMES, 3)) * np.array([[[1, 1, 0]], [[0, 0, 1]]])
    shift[: motion.REFERENCE_FRAMES] = turn[: motion.REFERENCE_FRAMES] = 0
    hu = [
        moved(frame, series.geometry, *pose, AIR_HU, np.eye(3)).copy()
        for frame, *pose in zip(series.hu, shift, turn, strict=True)
    ]
    for image in (image for frame in hu for image in frame):
        noise.add_to(image)
    reference = matcher(hu[: motion.REFERENCE_FRAMES], series.geometry)
    later = range(motion.REFERENCE_FRAMES, IN_PLANE_FRAMES)
    found = [as_transform(reference.locate(hu[t])[0], series.geometry) for t in later]
    return error_mm(found, [true_pose(shift[t], turn[t]) for t in later], head_mm(hu[0], series.geometry))


def as_transform(pose: motion.Pose, geometry: Geometry) -> sitk.Transform:
    """The pose as SimpleITK writes it."""
    rigid = sitk.AffineTransform(pose.rotation.ravel().tolist(), pose.shift.tolist())
    rigid.SetCenter(motion.centre_mm(geometry).tolist())
    return rigid


def true_pose(translation_mm: Float64, rotation_deg: Float64) -> sitk.Transform:
    """Where the phantom put its head."""
    return sitk.Euler3DTransform((0.0, 0.0, 0.0), *np.radians(rotation_deg).tolist(), translation_mm.tolist())


def error_mm(found: list[sitk.Transform], true: list[sitk.Transform], points_mm: Float64) -> float:
    """Mean distance between where the points were found and where they are."""
    places = [
        [[pose.TransformPoint(point) for point in points_mm.tolist()] for pose in poses]
        for poses in (found, true)
    ]
    return float(np.linalg.norm(np.subtract(*places), axis=-1).mean())


def head_mm(volume_hu: Float32, geometry: Geometry) -> Float64:
    """Points of the head in LPS."""
    index = np.argwhere(volume_hu > CLAMP_HU[0])
    index = index[np.linspace(0, len(index) - 1, HEAD_POINTS).astype(int)]
    return index @ geometry.affine[:3, :3].T + geometry.affine[:3, 3]


def euler3d(reference_hu: Float32, frame_hu: Float32, geometry: Geometry) -> sitk.Transform:
    """SimpleITK's rigid registration."""
    fixed, moving = (geometry.to_sitk(np.clip(hu, *CLAMP_HU)) for hu in (reference_hu, frame_hu))
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(SAMPLED, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, SMALLEST_STEP, ITERATIONS)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(SHRINK)
    method.SetSmoothingSigmasPerLevel([factor / 2 for factor in SHRINK])
    start = sitk.Euler3DTransform()
    start.SetCenter(motion.centre_mm(geometry).tolist())
    method.SetInitialTransform(start)
    return method.Execute(fixed, moving)


def median_s(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def peak_mib() -> float:
    """Largest memory that this process ever had; what ``getrusage`` tells includes the parent before the start."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / KIB_PER_MIB


TASKS = {
    "analysis": analysis,
    "alignment": alignment,
    "thick": growth(16, 5.0, 45),
    "thin": growth(80, 1.25, 45),
    "large": growth(320, 0.5, 24),
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](Path(sys.argv[2]))))
