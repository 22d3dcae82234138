"""Result objects by series, as the tests ask for them."""

from collections import Counter

import numpy as np

from viewer_bridge.objects.results import result_objects
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role

MAPS = tuple(Role(f"map {name}") for name in ("tmax", "cbf", "cbv", "mtt", "ttp"))
BY_PLACE = {kind.place: role for role, kind in SERIES.items()}


BLANK = {"summary": np.zeros((8, 8, 3), np.uint8)}
"""Pages for tests that look at other objects: drawing takes longer than all else."""


def published(analysis, source, **changes):
    options = {"revision": 1, "software_version": "0.1.0", **changes}
    return result_objects(analysis, source, **options)


def of_class(objects, sop_class):
    return [ds for ds in objects if ds.SOPClassUID == sop_class]


def role_of(ds):
    return BY_PLACE[int(ds.SeriesNumber) % 100]


def in_series(objects, role):
    return [ds for ds in objects if role_of(ds) is role]


def series_of(objects):
    """Objects in every series."""
    return dict(Counter(role_of(ds) for ds in objects))


def words_of(ds):
    """Every text of an object, on all levels."""
    return "\n".join(str(element.value) for element in ds.iterall() if element.VR in {"UT", "LO", "LT", "ST"})
