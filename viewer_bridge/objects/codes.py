"""Every coded concept of our objects, in one table; local ones only where no standard has a word.

References
----------
PS3.16: CID 4102 to 4109 (perfusion), 7005, 7010, 7021, 7150, 7159, 7181, 7203, annex D (DCM). SNOMED CT has no concept
for the penumbra: it is coded as ischemia. PS3.3 C.12.1.1.3: a scheme that is not of the standard is declared in the object.
"""

from collections.abc import Iterator

from pydicom import Dataset
from pydicom.sr.coding import Code

from triage.results import Agreement, Severity, Side

LOCAL = "99STROKEGW"
"""Coding scheme of what no standard has a code for."""

LOCAL_NAME = "stroke-gateway local codes"
LOCAL_RESPONSIBLE = "stroke-gateway"

LONGEST_MEANING = 64
"""Characters of a code meaning (PS3.5 6.2, LO)."""


def local(value: str, meaning: str) -> Code:
    """Return a concept of our own scheme.

    Examples
    --------
    >>> local("mismatch-ratio", "Mismatch ratio").scheme_designator
    '99STROKEGW'
    """
    return Code(value, LOCAL, meaning[:LONGEST_MEANING])


ACQUISITION_EQUIPMENT = Code("109101", "DCM", "Acquisition Equipment")
SUPERSEDED = local("superseded", "Former revision, superseded by this series")
"""Purposes: of contributing equipment (CID 7005), and of a related series (CID 7210 has no word for it)."""

REJECTED = Code("113001", "DCM", "Rejected for Quality Reasons")
OF_INTEREST = Code("113000", "DCM", "Of Interest")
"""Titles of key object selections (CID 7010)."""

BRAIN = Code("12738006", "SCT", "Brain")
ABNORMAL_STRUCTURE = Code("49755003", "SCT", "Morphologically Abnormal Structure")
ANATOMICAL_STRUCTURE = Code("91723000", "SCT", "Anatomical Structure")
INFARCT = Code("55641003", "SCT", "Infarct")
ISCHEMIA = Code("52674009", "SCT", "Ischemia")
ARTERY = Code("51114001", "SCT", "Artery")
VEIN = Code("29092000", "SCT", "Vein")
AUTOMATIC_INPUT = Code("126363", "DCM", "Automatically Detected AIF ROI")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")

PERFUSION_ANALYSIS = Code("129104", "DCM", "Perfusion image analysis")
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")

BLOOD_FLOW = Code("126390", "DCM", "Absolute Regional Blood Flow")
BLOOD_VOLUME = Code("126391", "DCM", "Absolute Regional Blood Volume")
TRANSIT_TIME = Code("113052", "DCM", "Mean Transit Time")
TMAX = Code("113084", "DCM", "Tmax")
TIME_TO_PEAK = Code("113069", "DCM", "Time To Peak")
"""Quantities of the maps (CID 4108)."""

ML_PER_100G_MIN = Code("ml/[100]g/min", "UCUM", "ml/[100]g/min")
ML_PER_100G = Code("ml/[100]g", "UCUM", "ml/[100]g")
SECOND = Code("s", "UCUM", "second")
MILLILITRE = Code("mL", "UCUM", "milliliter")
RATIO = Code("{ratio}", "UCUM", "ratio")
PERCENT = Code("%", "UCUM", "percent")
"""Units; those per 100 g are DICOM's own spelling (CID 7181) and not valid UCUM outside of it."""

DEVICE = Code("121007", "DCM", "Device")
REPORT = Code("126000", "DCM", "Imaging Measurement Report")
IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic imaging report")
PERFUSION_CT = Code("39142-5", "LN", "CT perfusion head with contrast IV")
ENGLISH = Code("en", "RFC5646", "English")
VOLUME = Code("118565006", "SCT", "Volume")
THRESHOLD = Code("122411", "DCM", "Threshold Value")
UPPER_UNCERTAINTY = Code("371886008", "SCT", "+, range of upper measurement uncertainty")
LOWER_UNCERTAINTY = Code("371885007", "SCT", "-, range of lower measurement uncertainty")
"""Distances of the ends of an interval from the value (TID 310)."""
COVERAGE = local("interval-coverage", "Coverage of the interval")
"""How often such an interval holds the truth; the standard's templates leave it open."""
DIVIDE_BY_ZERO = Code("114003", "DCM", "Divide by zero")
NOT_ATTEMPTED = Code("114007", "DCM", "Measurement not attempted")
MEASUREMENT_FAILURE = Code("114006", "DCM", "Measurement failure")
INDETERMINATE = Code("114011", "DCM", "Value indeterminate")
"""Why a number has no value (CID 42)."""

STATUS = Code("111064", "DCM", "Summary of Analyses")
SUCCEEDED = Code("111222", "DCM", "Succeeded")
PARTIALLY_SUCCEEDED = Code("111223", "DCM", "Partially Succeeded")
FAILED = Code("111224", "DCM", "Failed")
"""How an analysis ended (CID 6042)."""
COMMENT = Code("121106", "DCM", "Comment")
LATERALITY = Code("272741003", "SCT", "Laterality")
QUALITY_FINDING = Code("111052", "DCM", "Quality Finding")
SEVERITY = Code("246112005", "SCT", "Severity")
HYPOPERFUSION = local("hypoperfusion", "Hypoperfused tissue")
OTHER_METHOD = local("other-method", "The same scan by another method")
AGREEMENT = local("agreement", "Agreement with the first method")
NETWORK = local("network", "The same scan by a network")
TRAINED_ON = local("trained-on", "What a network learned from")
EXPECTED_VOLUME = local("expected-volume", "Sum of the probabilities of infarct core")
OVERLAP = local("overlap", "Overlap with the first core, Dice coefficient")
NO_MODEL = local("no-model", "No model installed")
CHANGES_IF = local("changes-if", "The answer changes if")
MISSING = local("not-known", "Clinical criterion not known here")
NORMAL_REFERENCE = local("normal-reference", "What flow was compared with")

SIDES = {
    Side.LEFT: Code("7771000", "SCT", "Left"),
    Side.RIGHT: Code("24028007", "SCT", "Right"),
    Side.BILATERAL: Code("51440002", "SCT", "Bilateral"),
    Side.NONE: local("no-lesion", "No lesion"),
}
"""Patient's side of a lesion (CID 244)."""

SEVERITIES = {
    Severity.INFO: local("info", "For information"),
    Severity.WARNING: local("warning", "Warning"),
    Severity.SEVERE: local("severe", "Severe: the numbers must not be trusted"),
}

AGREES = {True: local("agrees", "Agrees"), False: local("differs", "Differs")}

AGREEMENTS = {
    Agreement.AGREE: AGREES[True],
    Agreement.DIFFER: AGREES[False],
    Agreement.CONTRADICT: local("contradicts", "Contradicts"),
}

MET = local("met", "Imaging criteria met")
NOT_MET = local("not-met", "Imaging criteria not met")
UNCERTAIN_MET = local("met-uncertain", "Imaging criteria met, uncertain")
UNCERTAIN_NOT_MET = local("not-met-uncertain", "Imaging criteria not met, uncertain")
VERDICTS = {
    (True, True): MET,
    (False, True): NOT_MET,
    (True, False): UNCERTAIN_MET,
    (False, False): UNCERTAIN_NOT_MET,
}
"""By whether a trial's imaging rule is met and whether that is certain."""


def item(code: Code) -> Dataset:
    """Return a concept as an item of a code sequence (PS3.3 8.8); a value beyond SH's 16 characters is a long one.

    Examples
    --------
    >>> item(BRAIN).CodeValue, item(local("hypoperfused-volume", "Volume")).LongCodeValue
    ('12738006', 'hypoperfused-volume')
    """
    ds = Dataset()
    setattr(ds, "CodeValue" if len(code.value) <= 16 else "LongCodeValue", code.value)
    ds.CodingSchemeDesignator, ds.CodeMeaning = code.scheme_designator, code.meaning
    return ds


def declare(ds: Dataset) -> None:
    """Name our scheme in an object that uses it (PS3.3 C.12.1.1.3)."""
    if LOCAL not in set(_schemes(ds)):
        return
    scheme = Dataset()
    scheme.CodingSchemeDesignator = LOCAL
    scheme.CodingSchemeName = LOCAL_NAME
    scheme.CodingSchemeResponsibleOrganization = LOCAL_RESPONSIBLE
    ds.CodingSchemeIdentificationSequence = [scheme]


def _schemes(ds: Dataset) -> Iterator[str]:
    return (str(element.value) for element in ds.iterall() if element.keyword == "CodingSchemeDesignator")
