"""Closed vocabularies of a patient and a scan, and what a lesion is like."""

from dataclasses import dataclass
from enum import StrEnum


class Anatomy(StrEnum):
    """Whose brain it is: the average of 152 people, or one person's."""

    AVERAGE = "average"
    INDIVIDUAL = "individual"


class Residue(StrEnum):
    """How the contrast that entered a capillary bed at once leaves it; all have the same mean transit time."""

    EXPONENTIAL = "exponential"
    LINEAR = "linear"
    BOX = "box"
    SIGMOID = "sigmoid"
    TWO_PATHS = "two paths"


class Grain(StrEnum):
    """How images are reconstructed: filtered back-projection, or iteratively, whose noise is coarse and uneven."""

    FILTERED = "filtered"
    ITERATIVE = "iterative"


class Occlusion(StrEnum):
    """Where the vessel is closed: stem or branches of the middle, or the anterior or posterior cerebral artery."""

    TRUNK = "trunk"
    SUPERIOR = "superior"
    INFERIOR = "inferior"
    ANTERIOR = "anterior"
    POSTERIOR = "posterior"


class LesionTooLargeError(ValueError):
    """The slab does not hold so much of what the artery supplies."""


@dataclass(frozen=True, slots=True)
class Lesion:
    """What a lesion is like, apart from its volumes.

    Attributes
    ----------
    pieces
        Separate centres around which the core grows.
    patchiness
        Irregularity of the outlines, 1 is usual.
    core_flow, penumbra_flow
        Of healthy tissue of the same kind.
    later_s
        Delay beyond the usual, of the whole lesion: poor collaterals.
    """

    occlusion: Occlusion = Occlusion.TRUNK
    pieces: int = 1
    patchiness: float = 1.0
    core_flow: float = 0.12
    penumbra_flow: float = 0.45
    later_s: float = 0.0


class Ruin(StrEnum):
    """What a frame is like that cannot be repaired: far away, smeared between two poses, or without an image."""

    JERKS = "jerks"
    SMEARED = "smeared"
    BLANK = "blank"
