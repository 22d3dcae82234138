"""A CT perfusion series: whole in memory, or frame by frame from wherever it is kept."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from triage.arrays import Float32, Float64, freeze
from triage.errors import require
from triage.geometry import Geometry


class FrameSource(Protocol):
    """What an analysis reads: times and place at once, images one frame at a time.

    A scan of 320 slices is larger than memory; what is analysed of it is not.
    """

    @property
    def time_s(self) -> Float64:
        """Float64 ``(T, Z)``, seconds since the earliest image, strictly increasing along T in every slice."""

    @property
    def geometry(self) -> Geometry:
        """Geometry of one frame; frames share it."""

    @property
    def study_uid(self) -> str:
        """DICOM Study Instance UID."""

    @property
    def series_uid(self) -> str:
        """DICOM Series Instance UID."""

    def frame(self, number: int) -> Float32:
        """One frame, float32 ``(Z, Y, X)`` in HU; several threads may ask at once."""


@dataclass(frozen=True, slots=True)
class CtpSeries:
    """One CT perfusion series.

    Attributes
    ----------
    hu
        float32 ``(T, Z, Y, X)``, Hounsfield units.
    time_s
        float64 ``(T, Z)``, seconds since the earliest image, strictly increasing along T in every slice.
    geometry
        Geometry of one frame; frames share it.
    study_uid, series_uid
        DICOM instance UIDs, kept for the result; never a person.
    """

    hu: Float32
    time_s: Float64
    geometry: Geometry
    study_uid: str = ""
    series_uid: str = ""

    def __post_init__(self) -> None:
        require(self.hu.ndim == 4, f"hu must be (T, Z, Y, X), got {self.hu.ndim} axes")
        require(self.hu.dtype == np.float32, f"hu must be float32, got {self.hu.dtype}")
        require(
            self.hu.shape[1:] == self.geometry.shape,
            f"hu {self.hu.shape[1:]} does not fit {self.geometry.shape}",
        )
        require(
            self.time_s.shape == self.hu.shape[:2],
            f"time_s must be {self.hu.shape[:2]}, got {self.time_s.shape}",
        )
        require(bool(np.isfinite(self.time_s).all()), "time_s contains NaN or infinity")
        require(bool((np.diff(self.time_s, axis=0) > 0).all()), "time_s must increase from frame to frame")
        freeze(self)

    def frame(self, number: int) -> Float32:
        """One frame, float32 ``(Z, Y, X)``."""
        frame: Float32 = self.hu[number]
        return frame
