"""The note that sends a reader to the pages first.

References
----------
PS3.3 A.35.4 (Key Object Selection Document), PS3.16 TID 2010 and CID 7010.
"""

from collections.abc import Sequence

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext
from pydicom import Dataset

from viewer_bridge.objects import codes
from viewer_bridge.objects.origin import MANUFACTURER, Origin
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role, derived_uid

KIND = SERIES[Role.KEY_OBJECTS]

DESCRIPTION = "Read these pages first: numbers, quality, limits. Research use, not for primary diagnosis."


def key_objects(pages: Sequence[Dataset], origin: Origin) -> Dataset:
    """Return the note on the pages that must be read first, in their order."""
    device = DeviceObserverIdentifyingAttributes(
        uid=derived_uid("device", origin.software_version), name=MANUFACTURER
    )
    content = KeyObjectSelection(
        document_title=codes.OF_INTEREST,
        referenced_objects=pages,
        observer_device_context=ObserverContext(codes.DEVICE, device),
        description=DESCRIPTION,
    )
    ds = KeyObjectSelectionDocument(
        evidence=pages,
        content=content,
        **origin.placed(KIND),
    )
    ds.ManufacturerModelName = MANUFACTURER
    origin.stamp(ds, KIND)
    return ds
