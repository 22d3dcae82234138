"""How fast 1,200 stored slices become one array, against pydicom in the same run.

``python -m benchmarks.reading [--short]``. Both write into the same array, whose memory was touched before: fresh memory
costs the machine, not the reader, and is printed beside. Times are medians; the files are in the page cache.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray

from benchmarks.ingest import write_slices
from dicom_scp.reader import open_ctp, read_ctp
from triage.types import Float32

FRAMES, SLICES, SIZE = 30, 40, 512
FRAMES_SHORT = 6
ROUNDS = 5
BOUND_S = 0.5
"""For 1,200 slices; a shorter run is held to its share."""

Row = tuple[str, str, str, bool]


def write_series(folder: Path, frames: int) -> list[Path]:
    """Write a perfusion series of slices of 512 x 512, in an order of its own."""
    paths = write_slices(folder, frames * SLICES)
    for k, path in enumerate(paths):
        data = pydicom.dcmread(path)
        t, z = divmod(k, SLICES)
        data.AcquisitionTime = data.ContentTime = f"1200{t:02d}.{z:03d}"
        data.ImagePositionPatient = [-120.0, -120.0, 5.0 * z]
        data.PixelSpacing, data.FrameOfReferenceUID = [0.5, 0.5], "1.2.826.0.1.3"
        data.save_as(path, enforce_file_format=True)
    return [paths[k] for k in np.random.default_rng(1).permutation(len(paths))]


def ours(paths: Sequence[Path], hu: Float32) -> None:
    """Headers, order, checks and pixels."""
    open_ctp(paths).read_all(hu)


def with_pydicom(paths: Sequence[Path], hu: Float32) -> None:
    """As its documentation says: read, sort by time and place, rescale the pixel array."""
    images = [pydicom.dcmread(path) for path in paths]
    images.sort(key=lambda image: (float(image.AcquisitionTime) // 1, image.ImagePositionPatient[2]))
    for image, out in zip(images, hu.reshape(-1, *hu.shape[2:]), strict=True):
        stored: NDArray[np.integer] = image.pixel_array
        out[:] = stored * np.float32(image.RescaleSlope) + np.float32(image.RescaleIntercept)


def _seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def rows(*, short: bool = False, rounds: int = ROUNDS) -> list[Row]:
    """Measure everything against its bound."""
    frames = FRAMES_SHORT if short else FRAMES
    bound_s = BOUND_S * frames / FRAMES
    with tempfile.TemporaryDirectory() as name:
        paths = write_series(Path(name), frames)
        hu = np.zeros((frames, SLICES, SIZE, SIZE), dtype=np.float32)
        theirs = [_seconds(lambda: with_pydicom(paths, hu)) for _ in range(max(1, rounds // 2))]
        expected = hu.copy()
        found = [_seconds(lambda: ours(paths, hu)) for _ in range(rounds)]
        same = np.array_equal(hu, expected)
        del expected
        opening_s, _ = _seconds(lambda: open_ctp(paths))
        fresh_s, _ = _seconds(lambda: read_ctp(paths))
    wall_s, processor_s = (statistics.median(kind) for kind in zip(*found, strict=True))
    their_s, their_processor_s = (statistics.median(kind) for kind in zip(*theirs, strict=True))
    what = f"{frames * SLICES} slices of 512 x 512 into one array"
    beside = f"best {min(found)[0]:.2f} s; opening alone {opening_s:.2f} s; into fresh memory {fresh_s:.2f} s"
    return [
        (what, f"<= {bound_s:.2f} s", f"{wall_s:.2f} s ({beside})", wall_s <= bound_s),
        (f"{what}, processor time", "", f"{processor_s:.2f} s, pydicom {their_processor_s:.2f} s", True),
        ("the same with pydicom", "", f"{their_s:.2f} s, {their_s / wall_s:.1f} x ours", True),
        ("the same values", "identical", "identical" if same else "different", same),
    ]


def main() -> int:
    """Print the table; 0 if every bound is met."""
    found = rows(short="--short" in sys.argv)
    for what, bound, figure, met in found:
        print(f"{'ok  ' if met else 'MISS'}  {what:60}  {bound:12}  {figure}")
    return int(not all(met for *_, met in found))


if __name__ == "__main__":
    sys.exit(main())
