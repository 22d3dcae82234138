"""Whose study it is, as a report prints it; the report goes into that person's record and nowhere else."""

from dataclasses import dataclass, field

from pydicom import Dataset


@dataclass(frozen=True, slots=True)
class Subject:
    """Patient and study of a report; empty where the scanner did not say. Dates are DICOM's ``YYYYMMDD``."""

    name: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    sex: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    study_date: str = field(default="", repr=False)


def subject_of(header: Dataset) -> Subject:
    """Read the subject from a header whose text is Unicode already, such as that of an object of ours.

    Parameters
    ----------
    header
        With the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1).
    """
    return Subject(
        name=spoken(str(header.get("PatientName") or "")),
        patient_id=str(header.get("PatientID") or ""),
        birth_date=str(header.get("PatientBirthDate") or ""),
        sex=str(header.get("PatientSex") or ""),
        accession=str(header.get("AccessionNumber") or ""),
        study_date=str(header.get("StudyDate") or ""),
    )


def spoken(name: str) -> str:
    """Write a DICOM person name as people do: its first group of letters, the components in their order (PS3.5 6.2.1).

    Examples
    --------
    >>> spoken("NGUYỄN^VĂN ĐỨC^^^")
    'NGUYỄN VĂN ĐỨC'
    """
    groups = [group for group in name.split("=") if group.strip("^ ")]
    return " ".join(part for part in groups[0].split("^") if part.strip()) if groups else ""
