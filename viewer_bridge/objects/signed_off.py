"""What a physician has signed off: the report again with the signature in it, and the numbers as a verified document.

Nothing is changed in the archive: each stands in a series of its own beside the object that it follows, and names it.

References
----------
PS3.3 C.17.2 (SR Document General: verification, predecessors), C.24.2 (Encapsulated Document). PS3.16 TID 1500.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime

from pydicom import Dataset
from pydicom.uid import UID

from triage.errors import InputError
from viewer_bridge.objects import codes
from viewer_bridge.objects.encapsulated_pdf import with_document
from viewer_bridge.objects.measurements import remark
from viewer_bridge.objects.origin import in_zone_of
from viewer_bridge.objects.series import SERIES
from viewer_bridge.objects.uids import Role, result_uid

FOLLOWS = {Role.SIGNED_REPORT: Role.REPORT, Role.VERIFIED: Role.MEASUREMENTS}
"""Which series each takes up."""

LONGEST_NAME = 62
"""Letters of a component of a name, with the mark that ends it (PS3.5 6.2)."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Who answers for the result.

    Attributes
    ----------
    identity
        How it is known who that is, in words.
    organization
        Whose physician; what the site calls itself.
    """

    physician: str = field(repr=False)
    role: str = field(repr=False)
    remark: str = field(repr=False)
    identity: str
    organization: str
    signed_at: datetime


def signed_off_objects(
    published: Sequence[Dataset], pdf: bytes, by: Verifier, *, source_series_uid: str, revision: int
) -> list[Dataset]:
    """Return the signed report and the verified measurements; the same arguments give the same bytes.

    Parameters
    ----------
    published
        Objects of the revision, the report and the measurements among them.
    pdf
        The report as signed.
    source_series_uid
        The analysed series, which all our identifiers are computed from.

    Raises
    ------
    InputError
        The report or the measurements are not among them.
    """
    signed, verified = (
        _following(
            _of_role(published, source_series_uid, former, revision), role, source_series_uid, revision, by
        )
        for role, former in FOLLOWS.items()
    )
    with_document(signed, pdf).VerificationFlag = "VERIFIED"
    _verify(verified, by)
    made = [signed, verified]
    for ds in made:
        codes.declare(ds)
    return made


def _of_role(published: Sequence[Dataset], source_series_uid: str, role: Role, revision: int) -> Dataset:
    wanted = result_uid(source_series_uid, role, revision, 1)
    for ds in published:
        if ds.SOPInstanceUID == wanted:
            return ds
    raise InputError(f"revision {revision} has no {role.value}: there is nothing to sign off")


def _following(former: Dataset, role: Role, source_series_uid: str, revision: int, by: Verifier) -> Dataset:
    """A copy of an object in the series with this role, naming the one it follows."""
    ds, kind = deepcopy(former), SERIES[role]
    ds.SeriesInstanceUID = result_uid(source_series_uid, role, revision)
    ds.SOPInstanceUID = result_uid(source_series_uid, role, revision, 1)
    ds.file_meta.MediaStorageSOPInstanceUID = UID(ds.SOPInstanceUID)
    ds.SeriesNumber, ds.SeriesDescription = kind.number(revision), kind.described(revision)
    at = in_zone_of(former, by.signed_at)
    ds.InstanceCreationDate = ds.ContentDate = ds.SeriesDate = at.strftime("%Y%m%d")
    ds.InstanceCreationTime = ds.ContentTime = ds.SeriesTime = at.strftime("%H%M%S.%f")
    ds.PredecessorDocumentsSequence = [_reference(former)]
    return ds


def _reference(ds: Dataset) -> Dataset:
    """An object as documents name each other (PS3.3 table C.17-3)."""
    instance, series, study = Dataset(), Dataset(), Dataset()
    instance.ReferencedSOPClassUID, instance.ReferencedSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    series.SeriesInstanceUID, series.ReferencedSOPSequence = ds.SeriesInstanceUID, [instance]
    study.StudyInstanceUID, study.ReferencedSeriesSequence = ds.StudyInstanceUID, [series]
    return study


def _verify(ds: Dataset, by: Verifier) -> None:
    """Say who answers for a document, and that nothing is expected to follow."""
    observer = Dataset()
    observer.VerifyingOrganization = by.organization
    observer.VerificationDateTime = in_zone_of(ds, by.signed_at).strftime("%Y%m%d%H%M%S.%f")
    observer.VerifyingObserverName = person_name(by.physician)
    observer.VerifyingObserverIdentificationCodeSequence = []
    ds.VerifyingObserverSequence = [observer]
    ds.VerificationFlag, ds.PreliminaryFlag, ds.CompletionFlag = "VERIFIED", "FINAL", "COMPLETE"
    said = [f"Signed off by {by.physician}, {by.role}. {by.identity}"]
    said += [f"Remark at sign-off: {by.remark}"] if by.remark else []
    _brain(ds).ContentSequence.extend(remark(codes.COMMENT, text) for text in said)


def _brain(ds: Dataset) -> Dataset:
    """The group of measurements of the whole brain, where all that is said in words stands."""
    for container in ds.ContentSequence:
        for group in container.get("ContentSequence", ()):
            if any(item.get("TextValue") == "brain" for item in group.get("ContentSequence", ())):
                return group
    raise InputError("the measurements have no group of the brain: they are not ours")


def person_name(typed: str) -> str:
    """A name as a physician types it, as one component: nobody can tell which word is the family's.

    Examples
    --------
    >>> person_name("BS. Nguyễn Văn B"), person_name("A^B=C")
    ('BS. Nguyễn Văn B^', 'A B C^')
    """
    plain = " ".join("".join(" " if letter in "^=\\" else letter for letter in typed).split())
    return f"{plain[:LONGEST_NAME]}^"
