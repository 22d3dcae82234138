"""Objects of former revisions, and the note that says that they are superseded.

Nothing is deleted or changed: the former objects are what the team acted on. A Key Object Selection beside them rejects
them in the way archives know, so that those which honour it keep them out of daily use.

References
----------
IHE RAD TF-1, Imaging Object Change Management: rejection notes. PS3.16 CID 7010 holds their titles. *Rejected for Quality
Reasons* fits a result that was computed from too few images: such objects may still be asked for and looked at. After
*Rejected for Patient Safety Reasons* an archive no longer provides them at all, *Incorrect Modality Worklist Entry* says
that they belong to somebody else, and *Data Retention Policy Expired* that they may be erased.
"""

from collections.abc import Sequence

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from viewer_bridge.objects.codes import REJECTED
from viewer_bridge.objects.origin import MANUFACTURER, Origin
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role

KIND = SERIES[Role.SUPERSEDED]


def rejects(ds: Dataset) -> bool:
    """Whether an object is such a note; other key object notes have other titles."""
    if ds.SOPClassUID != KeyObjectSelectionDocumentStorage:
        return False
    return bool(ds.ConceptNameCodeSequence[0].get("CodeValue") == REJECTED.value)


def rejection_note(former: Sequence[Dataset], origin: Origin) -> list[Dataset]:
    """Return the note that rejects every object of former revisions; empty when there are none.

    Parameters
    ----------
    former
        Headers of all objects of all former revisions, their own rejections among them, which are not rejected: they
        stay true.
    origin
        Source and run of the revision that takes their place.
    """
    rejected = [header for header in former if not rejects(header)]
    if not rejected:
        return []
    content = KeyObjectSelection(
        document_title=REJECTED,
        referenced_objects=rejected,
        description=f"Late images came: revision {origin.revision} of the result supersedes these objects.",
    )
    ds = KeyObjectSelectionDocument(
        evidence=rejected,
        content=content,
        **origin.placed(KIND),
    )
    ds.ManufacturerModelName = MANUFACTURER
    origin.stamp(ds, KIND)
    return [ds]
