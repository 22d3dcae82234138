"""What the scanner says it took, and what is missing by that count."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_scp.slices import Stack, gaps

FEWEST_FRAMES = 10
"""Time points of a slice that make a series dynamic: CT angiography in phases has 2 to 4, perfusion 20 and more."""

LONGEST_LIST = 20
"""Entries of a list of what is missing."""


@dataclass(frozen=True, slots=True)
class ScannerCount:
    """What the scanner says there is: time points per slice and images in all; None where it says nothing credible."""

    frames: int | None
    images: int | None

    @classmethod
    def of(cls, slices: Stack) -> "ScannerCount":
        """Take a count only if all images agree on it and it is not already exceeded.

        Images in Acquisition counts one acquisition: of several acquisitions it says nothing about the series.
        """
        frames = _agreed([header.temporal_positions for header in slices.headers])
        images = _agreed([header.images_in_acquisition for header in slices.headers])
        one = len({header.acquisition_number for header in slices.headers}) == 1
        return cls(
            frames if frames and frames >= max(FEWEST_FRAMES, slices.counts.max()) else None,
            images if images and one and images >= len(slices.headers) else None,
        )


def _agreed(values: Sequence[int | None]) -> int | None:
    return values[0] if len(set(values)) == 1 else None


def missing_from(slices: Stack, count: ScannerCount) -> tuple[str, ...]:
    """What is known to be missing, in words, at most a little more than `LONGEST_LIST` entries."""
    counts, images = slices.counts, len(slices.headers)
    target = count.frames or int(counts.max())
    if counts.min() == counts.max() < target:
        return (f"{target - counts[0]} of {target} frames of every slice",)
    short = [(k, n) for k, n in enumerate(counts) if n < target][: LONGEST_LIST + 1]
    ragged = tuple(f"{target - n} of {target} frames at {slices.position_mm[k]:.1f} mm" for k, n in short)
    if not ragged and count.images and images < count.images:
        return (f"{count.images - images} of {count.images} images", *gaps(slices.position_mm))
    return (*ragged, *gaps(slices.position_mm))


def missing_by_count(slices: Stack) -> str:
    """What is missing by the scanner's own counts, in words; empty where they are met, or say nothing credible."""
    count = ScannerCount.of(slices)
    frames_short = slices.counts.max() < (count.frames or 0)
    images_short = len(slices.headers) < (count.images or 0)
    return missing_from(slices, count)[0] if frames_short or images_short else ""
