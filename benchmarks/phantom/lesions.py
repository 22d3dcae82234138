"""Where a lesion lies: what an artery supplies, how far it reaches, and which part of it dies first."""

from dataclasses import dataclass

import numpy as np

from benchmarks.phantom.anatomy import Head
from benchmarks.phantom.choices import Lesion, LesionTooLargeError, Occlusion
from benchmarks.phantom.fields import smooth_field
from benchmarks.phantom.settings import Patient
from triage.types import Float32, Mask

PIECE_REACH = 0.6
"""Further pieces of a core lie within this share of the territory's radii around its centre."""

PIECE_SIZE = 0.6
"""Radii of the pieces of a core that has several, relative to those of a single one."""

MIDLINE_MM, MEDIAL_MM, MEDIAL_ABOVE_MM = 10.0, 20.0, 22.0
"""Nearer to the midline than the first, or than the second above a height: anterior cerebral territory."""

BORDER_MM = 25.0
"""Turns the outline's irregularity into millimetres for the border of the territories."""

BLOBS = ((20.0, 0.18), (9.0, 0.09))
"""Knot distance in mm and weight of the irregularities of the outline."""


Place = tuple[Float32, Float32, Float32]
"""MNI coordinates (right or lateral, anterior, superior) of every voxel, millimetres."""


Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Territory:
    """Ellipsoids (MNI, right hemisphere, mm) around what an artery supplies and the part that dies first."""

    centre_mm: Point
    radii_mm: Point
    core_centre_mm: Point
    core_radii_mm: Point


TERRITORIES = {
    Occlusion.TRUNK: Territory(
        (42.0, -10.0, 16.0), (26.0, 46.0, 36.0), (36.0, -2.0, 14.0), (18.0, 30.0, 24.0)
    ),
    Occlusion.SUPERIOR: Territory(
        (44.0, 14.0, 24.0), (22.0, 32.0, 28.0), (42.0, 12.0, 22.0), (14.0, 20.0, 18.0)
    ),
    Occlusion.INFERIOR: Territory(
        (48.0, -38.0, 14.0), (22.0, 30.0, 28.0), (46.0, -36.0, 14.0), (14.0, 20.0, 18.0)
    ),
    Occlusion.ANTERIOR: Territory(
        (8.0, 26.0, 24.0), (13.0, 36.0, 28.0), (8.0, 24.0, 26.0), (8.0, 22.0, 18.0)
    ),
    Occlusion.POSTERIOR: Territory(
        (18.0, -72.0, 6.0), (19.0, 26.0, 22.0), (16.0, -74.0, 6.0), (12.0, 16.0, 14.0)
    ),
}

MIDDLE = (Occlusion.TRUNK, Occlusion.SUPERIOR, Occlusion.INFERIOR)
NEAR_MIDLINE_MM = 1.5
"""What the anterior and posterior cerebral arteries supply begins here."""


@dataclass(frozen=True, slots=True)
class Regions:
    """Where the lesion acts, fluid included."""

    core: Mask
    hypoperfused: Mask
    rim: Mask


def lesion_regions(
    patient: Patient,
    head: Head,
    brain: Mask,
    place_mm: Place,
    rng: np.random.Generator,
) -> Regions:
    """Irregular nested blobs that hold the requested volumes of parenchyma."""
    lesion = patient.lesion
    territory = TERRITORIES[lesion.occlusion]
    bumps = np.float32(lesion.patchiness) * bumps_of(rng, head)
    allowed = _supplied(lesion.occlusion, place_mm, bumps)
    outline = ellipsoid(place_mm, territory.centre_mm, territory.radii_mm) + bumps
    voxel_ml = head.geometry.voxel_ml
    guard = patient.guard_slices
    scanned = np.zeros(brain.shape, bool)
    scanned[guard:-guard] = brain[guard:-guard]
    hypoperfused = innermost(outline, allowed, scanned, patient.hypoperfused_ml / voxel_ml)
    with_rim = innermost(
        outline, allowed, scanned, (patient.hypoperfused_ml + patient.benign_rim_ml) / voxel_ml
    )
    centre = np.float32(lesion.patchiness) * bumps_of(rng, head)
    core = innermost(
        _pieces(place_mm, lesion, rng) + centre, hypoperfused, scanned, patient.core_ml / voxel_ml
    )
    return Regions(core, hypoperfused, with_rim & ~hypoperfused)


def _supplied(occlusion: Occlusion, place_mm: Place, bumps: Float32) -> Mask:
    """Where a lesion of this artery may lie; the border of the middle one's territory is frayed."""
    lateral, _, superior = place_mm
    if occlusion not in MIDDLE:
        return np.asarray(lateral > NEAR_MIDLINE_MM)
    frayed = lateral + BORDER_MM * bumps
    outer = (frayed > MEDIAL_MM) | (superior + BORDER_MM * bumps < MEDIAL_ABOVE_MM)
    return np.asarray((lateral > MIDLINE_MM) & outer)


def _pieces(place_mm: Place, lesion: Lesion, rng: np.random.Generator) -> Float32:
    """Distance from the nearest centre of the core, 1 on its surface."""
    territory = TERRITORIES[lesion.occlusion]
    if lesion.pieces == 1:
        return ellipsoid(place_mm, territory.core_centre_mm, territory.core_radii_mm)
    reach = PIECE_REACH * np.array(territory.radii_mm)
    size = tuple(PIECE_SIZE * np.array(territory.core_radii_mm))
    centres = np.array(territory.centre_mm) + rng.uniform(-reach, reach, (lesion.pieces, 3))
    nearest: Float32 = np.min([ellipsoid(place_mm, tuple(c), size) for c in centres], axis=0)
    return nearest


def ellipsoid(
    place_mm: Place,
    centre_mm: tuple[float, float, float],
    radii_mm: tuple[float, float, float],
) -> Float32:
    """Distance from the centre, 1 on the surface."""
    squares = [((p - c) / r) ** 2 for p, c, r in zip(place_mm, centre_mm, radii_mm, strict=True)]
    distance: Float32 = np.sqrt(sum(squares))
    return distance


def bumps_of(rng: np.random.Generator, head: Head) -> Float32:
    fields = [np.float32(weight) * smooth_field(rng, head.geometry, knot) for knot, weight in BLOBS]
    bumps: Float32 = np.sum(fields, axis=0)
    return bumps


def innermost(distance: Float32, allowed: Mask, counted: Mask, count: float) -> Mask:
    """The part of `allowed` nearest to the centre that holds `count` voxels of `counted`."""
    candidates = distance[allowed & counted]
    wanted = round(count)
    if wanted > candidates.size:
        raise LesionTooLargeError(
            f"the slab holds {candidates.size} voxels for a lesion of {wanted}: ask for less"
        )
    if wanted == 0:
        return np.zeros(allowed.shape, bool)
    innermost: Mask = allowed & (distance <= np.partition(candidates, wanted - 1)[wanted - 1])
    return innermost
