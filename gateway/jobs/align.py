"""``python -m gateway.jobs.align``: the motion-corrected series of a case, at the lowest priority there is."""

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from pydicom import dcmread

from gateway import casefolder
from gateway.aligned import write_aligned
from gateway.jobs.orders import ALIGNED, AlignOrder
from gateway.release import SOFTWARE_VERSION
from viewer_bridge.objects.origin import Origin, in_zone_of

LOWEST = 19
"""nice(2): whatever else wants the processors has them."""


def run(order: AlignOrder) -> None:
    """Write the objects; the folder appears when all of them are in it."""
    source = dcmread(order.source, stop_before_pixels=True)
    created_at = in_zone_of(source, datetime.fromisoformat(order.created_at))
    origin = Origin(source, order.revision, SOFTWARE_VERSION, created_at)
    with casefolder.appearing(Path(order.folder) / ALIGNED) as scratch:
        write_aligned([Path(path) for path in order.paths], origin, scratch)


if __name__ == "__main__":
    os.nice(LOWEST)
    run(AlignOrder(**json.load(sys.stdin)))
