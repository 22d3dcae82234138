"""Instance Availability Notification: which instances of a study can be had now, and from whom (PS3.4 annex R)."""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from dicom_scp.commitment import REFERENCED_CLASS, REFERENCED_INSTANCE, Reference
from dicom_scp.dimse import Element, Field, ui, us
from dicom_scp.identifiers import Attribute, Dataset, encode, uid
from dicom_scp.mpps import MPPS

NOTIFICATION = "1.2.840.10008.5.1.4.33"
"""SOP class (PS3.4 section R.4)."""

STUDY_UID, SERIES_UID = 0x0020000D, 0x0020000E
PERFORMED_STEPS, WORKITEM = 0x00081111, 0x00404019
SERIES, INSTANCES = 0x00081115, 0x00081199
AVAILABILITY, RETRIEVE_AE = 0x00080056, 0x00080054
ONLINE = b"ONLINE"
"""At hand at once (PS3.3 section C.4.23.1.1)."""


class Answer(IntEnum):
    """Statuses of an N-CREATE that mean anything but a refusal (PS3.7 section 10.1.5.1.6)."""

    SUCCESS = 0x0000
    ATTRIBUTE_LIST_ERROR = 0x0107
    """A warning: something was not understood."""
    PROCESSING_FAILURE = 0x0110
    DUPLICATE_INSTANCE = 0x0111
    """Our first answer was lost: it is there."""
    VALUE_OUT_OF_RANGE = 0x0116
    """A warning."""
    RESOURCE_LIMITATION = 0x0213


TAKEN = frozenset(
    {
        Answer.SUCCESS,
        Answer.ATTRIBUTE_LIST_ERROR,
        Answer.DUPLICATE_INSTANCE,
        Answer.VALUE_OUT_OF_RANGE,
    }
)
LATER = frozenset({Answer.PROCESSING_FAILURE, Answer.RESOURCE_LIMITATION})
"""Worth another try."""


def request_values(instance_uid: str) -> Mapping[int, bytes]:
    """Command set of the N-CREATE (PS3.7 table 10.1-5)."""
    return {
        Element.COMMAND_FIELD: us(Field.N_CREATE),
        Element.AFFECTED_SOP_CLASS_UID: ui(NOTIFICATION),
        Element.AFFECTED_SOP_INSTANCE_UID: ui(instance_uid),
    }


def notification(
    study_uid: str,
    series: Mapping[str, Sequence[Reference]],
    retrieve_ae: str,
    step_uid: str | None,
    transfer_syntax_uid: str,
) -> bytes:
    """Attribute list: what table R.3.2-1 names and nothing more, which the standard forbids.

    Parameters
    ----------
    series
        Instances by series.
    step_uid
        The one procedure step that they belong to, where there is one (PS3.3 section C.4.23).
    """
    step = (
        ()
        if step_uid is None
        else ({**_reference(Reference(MPPS, step_uid)), WORKITEM: Attribute("SQ", ())},)
    )
    named = tuple(
        {
            SERIES_UID: uid(series_uid),
            INSTANCES: Attribute("SQ", tuple(_online(each, retrieve_ae) for each in instances)),
        }
        for series_uid, instances in series.items()
    )
    dataset: Dataset = {
        PERFORMED_STEPS: Attribute("SQ", step),
        STUDY_UID: uid(study_uid),
        SERIES: Attribute("SQ", named),
    }
    return encode(dataset, transfer_syntax_uid)


def _reference(reference: Reference) -> Dataset:
    return {
        REFERENCED_CLASS: uid(reference.sop_class_uid),
        REFERENCED_INSTANCE: uid(reference.sop_instance_uid),
    }


def _online(reference: Reference, retrieve_ae: str) -> Dataset:
    titled = Attribute("AE", retrieve_ae.encode("ascii"))
    return {**_reference(reference), AVAILABILITY: Attribute("CS", ONLINE), RETRIEVE_AE: titled}
