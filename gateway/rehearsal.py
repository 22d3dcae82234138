"""A series that is still being received: its images are read, reduced and aligned as they come."""

from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dicom_scp.reader import StoredSeries, StoredSlice, arrange, arrange_beginning, read_slices
from triage.errors import AnalysisError, InputError, TemporaryError
from triage.preparation import FrameWork, Preparation
from triage.reduction import THREADS, steps

BITE = 32
"""Images worked on before new orders are heard; some 40 ms."""

FRAMES_AT_ONCE = 5
"""Whole frames that are aligned together."""


class Rehearsal:
    """What is known of a series before it is whole; trouble is left for the analysis to tell."""

    def __init__(self) -> None:
        self._preparation = Preparation()
        self._waiting: deque[Path] = deque()
        self._images: dict[Path, list[StoredSlice]] = {}
        self._unread: list[StoredSlice] = []
        self._aligned = (0, 0)

    @property
    def has_work(self) -> bool:
        """Whether something came that was not looked at."""
        return bool(self._waiting)

    def take(self, paths: Iterable[Path]) -> None:
        """Note which files have come."""
        self._waiting.extend(paths)

    def work(self) -> None:
        """Work on the next few images."""
        try:
            for _ in range(min(BITE, len(self._waiting))):
                self._look_at(self._waiting.popleft())
            beginning, comes_by_frame = arrange_beginning(_all_of(self._images.values()))
            self._read_alone(beginning, threads=1)
            frames, slices = beginning.time_s.shape
            aligned, of_slices = self._aligned
            if comes_by_frame and (slices != of_slices or frames >= aligned + FRAMES_AT_ONCE):
                self._aligned = (frames, slices)
                self._preparation.prepare(beginning)
        except (InputError, AnalysisError, TemporaryError):
            return

    def open(self, paths: Sequence[Path]) -> tuple[StoredSeries, FrameWork]:
        """The whole series, and the work that is done already; raises like `dicom_scp.reader.open_ctp`."""
        for path in paths:
            self._look_at(path)
        series = arrange(_all_of(self._images[path] for path in paths))
        self._read_alone(series, THREADS)
        return series, self._preparation.of(series)

    def _look_at(self, path: Path) -> None:
        if path not in self._images:
            self._images[path] = read_slices(path)
            self._unread += self._images[path]

    def _read_alone(self, series: StoredSeries, threads: int) -> None:
        """Read single images, where a working slice is one of the scanner's: they need not wait for their frame."""
        slab, factor = steps(series.geometry)
        if slab > 1:
            return

        def read(image: StoredSlice) -> None:
            self._preparation.take_slice(image.name, image.hu(), factor)

        alone, self._unread = self._unread, []
        with ThreadPoolExecutor(threads) as pool:
            for done in [pool.submit(read, image) for image in alone if len(self._images[image.path]) == 1]:
                done.result()


def _all_of(parts: Iterable[list[StoredSlice]]) -> list[StoredSlice]:
    return [image for part in parts for image in part]
