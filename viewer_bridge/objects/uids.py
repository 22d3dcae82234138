"""Identifiers of result objects: names, not random numbers, so that links exist before the objects do."""

import uuid
from enum import StrEnum

NAMESPACE = uuid.UUID("6a1f0c0e-3c0b-5d8e-9a53-3f1d5f6f2b77")
"""Root of our name-based UIDs; changing it would make every result a new one."""


class Role(StrEnum):
    """The series we add to a study; the words are part of every UID and must not change."""

    PAGES = "pages"
    SEGMENTATION = "segmentation"
    REFERENCE = "reference"
    COLOUR_TMAX = "colour tmax"
    COLOUR_CBF = "colour cbf"
    COLOUR_CBV = "colour cbv"
    COLOUR_MTT = "colour mtt"
    COLOUR_TTP = "colour ttp"
    REPORT = "report"
    SIGNED_REPORT = "signed report"
    MEASUREMENTS = "measurements"
    VERIFIED = "verified measurements"
    KEY_OBJECTS = "key objects"
    REGIONS = "regions"
    MAP_TMAX = "map tmax"
    MAP_CBF = "map cbf"
    MAP_CBV = "map cbv"
    MAP_MTT = "map mtt"
    MAP_TTP = "map ttp"
    ALIGNED = "aligned"
    PROJECTION = "projection"
    SUPERSEDED = "superseded"


def derived_uid(*parts: str) -> str:
    """Return the same UID for the same parts, always: 2.25 and a name-based UUID (PS3.5 B.2).

    Examples
    --------
    >>> derived_uid("1", "11") == derived_uid("11", "1")
    False
    """
    return f"2.25.{uuid.uuid5(NAMESPACE, '|'.join(parts)).int}"


def result_uid(source_series_uid: str, role: str, revision: int, index: int = 0) -> str:
    """Return the UID of a result series (`index` 0) or of its object number `index`.

    Examples
    --------
    >>> result_uid("1.2.3", Role.PAGES, 1) == result_uid("1.2.3", Role.PAGES, 2)
    False
    """
    return derived_uid(source_series_uid, role, str(revision), str(index))
