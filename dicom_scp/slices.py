"""Where slices lie and when: the slice normal, positions along it, time points at each position."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_scp.headers import ImageHeader
from triage.arrays import Float64
from triage.errors import InputError

Index = NDArray[np.int64]

SAME_POSITION_MM = 0.1
"""Images nearer than this along the slice normal show the same slice; the thinnest CT slices are 0.25 mm apart."""

SAME_INSTANT_S = 0.001
"""Times nearer than this are one time point; frames of one slice are at least a tenth of a second apart."""

EVEN_SPACING_MM = 0.1
"""A slice may lie this far from where an even grid expects it; positions are written to 0.01 mm or better."""


GAP_RATIO = 1.5
"""A slice distance so many times the others is a gap."""


def slice_normal(orientation: Sequence[float]) -> Float64:
    """Unit normal of a slice in LPS, from its six direction cosines.

    >>> slice_normal((1, 0, 0, 0, 1, 0)).tolist()
    [0.0, 0.0, 1.0]
    """
    cosines = np.asarray(orientation, dtype=np.float64)
    normal = np.cross(cosines[:3], cosines[3:])
    unit: Float64 = normal / np.linalg.norm(normal)
    return unit


def group_positions(along_mm: Float64) -> tuple[Index, Float64]:
    """Number the positions of images along the normal, lowest first.

    Parameters
    ----------
    along_mm
        ``(N,)`` position of each image along the normal, in any order.

    Returns
    -------
    index, position_mm
        int64 ``(N,)`` number of each image's position, and float64 ``(Z,)`` the positions.

    Examples
    --------
    >>> index, positions = group_positions(np.array([5.0, 0.0, 5.01]))
    >>> index.tolist(), positions.tolist()
    ([1, 0, 1], [0.0, 5.0])
    """
    order = np.argsort(along_mm, kind="stable")
    ordered = along_mm[order]
    starts = np.concatenate(([True], np.diff(ordered) > SAME_POSITION_MM))
    index = np.empty(len(order), dtype=np.int64)
    index[order] = np.cumsum(starts) - 1
    return index, ordered[starts]


def evenly_spaced(position_mm: Float64) -> bool:
    """Whether sorted positions lie on an even grid; one or two always do.

    >>> evenly_spaced(np.array([0.0, 5.0, 10.0])), evenly_spaced(np.array([0.0, 5.0, 15.0]))
    (True, False)
    """
    grid = np.linspace(position_mm[0], position_mm[-1], len(position_mm))
    return bool(np.abs(position_mm - grid).max() <= EVEN_SPACING_MM)


def gaps(position_mm: Float64) -> tuple[str, ...]:
    """Where slices are missing between sorted positions, in words; none on an even grid."""
    steps = np.diff(position_mm)
    wide = (
        np.flatnonzero(steps > GAP_RATIO * np.median(steps)) if len(steps) else np.array([], dtype=np.int64)
    )
    if not len(wide) and not evenly_spaced(position_mm):
        return ("slice distances are uneven",)
    return tuple(f"slices between {position_mm[k]:.1f} and {position_mm[k + 1]:.1f} mm" for k in wide)


def acquisition_times_s(headers: Sequence[ImageHeader]) -> Float64 | None:
    """Acquisition times ``(N,)``, or None where one is absent or all are the same, as after de-identification."""
    times = [header.acquired_at_s for header in headers if header.acquired_at_s is not None]
    usable = len(times) == len(headers) and max(times) - min(times) > SAME_INSTANT_S
    return np.array(times) if usable else None


@dataclass(frozen=True, slots=True)
class Stack:
    """Parallel slices, each imaged once or repeatedly.

    Attributes
    ----------
    headers
        The N images.
    position
        int64 ``(N,)``, number of each image's position along the normal, lowest first.
    position_mm
        float64 ``(Z,)``, the positions.
    instant_s
        float64 ``(N,)``, when each image was acquired; only differences and order mean anything.
    rank
        int64 ``(N,)``, number of each image among those at its position, earliest first.
    """

    headers: Sequence[ImageHeader]
    position: Index
    position_mm: Float64
    instant_s: Float64
    rank: Index

    @property
    def counts(self) -> Index:
        """Images at each position, ``(Z,)``."""
        return np.bincount(self.position, minlength=len(self.position_mm))

    @property
    def starts(self) -> Index:
        """Where each position begins once images are sorted by position, ``(Z,)``."""
        return np.cumsum(self.counts) - self.counts

    def sorted_instants(self) -> Float64:
        """Instants ``(N,)`` sorted by position, then time."""
        ordered: Float64 = self.instant_s[np.lexsort((self.instant_s, self.position))]
        return ordered


def stack(headers: Sequence[ImageHeader], instant_s: Float64) -> Stack:
    """Stack slices that all have a position and share one orientation.

    Raises
    ------
    InputError
        If a slice has no position or orientation.
    """
    orientation = headers[0].orientation
    if orientation is None or any(header.position_mm is None for header in headers):
        raise InputError("an image has no position or orientation")
    corners = np.array([header.position_mm for header in headers], dtype=np.float64)
    position, position_mm = group_positions(corners @ slice_normal(orientation))
    order = np.lexsort((instant_s, position))
    counts = np.bincount(position)
    rank = np.empty(len(headers), dtype=np.int64)
    rank[order] = np.arange(len(headers)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Stack(headers, position, position_mm, instant_s, rank)
