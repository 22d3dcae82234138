"""A report as HL7 v2.5.1 observations, ORU^R01^ORU_R01: computed, with nothing read or sent.

References
----------
HL7 v2.5.1 chapter 7 (ORU_R01). IHE Radiology, Results Distribution.
"""

from collections.abc import Iterator

from gateway.emr import segments
from gateway.emr.mapping import MAPPING, PDF
from gateway.emr.observations import Observation, as_configured, observations
from gateway.emr.report import Report
from gateway.emr.settings import OruDestination
from gateway.hl7.building import attached_pdf, message

KIND = ("ORU", "R01", "ORU_R01")


def oru_r01(report: Report, destination: OruDestination) -> str:
    """Write the message; segments end with a carriage return. Encode it as UTF-8, which MSH-18 declares.

    A later report carries the same order and the same observations, each with its own status, and names in a note the
    message that it takes the place of: version 2.5.1 has no field for that.

    Raises
    ------
    InputError
        As `segments.header` and `segments.person`.
    """
    told = segments.status(report, destination)
    written = [
        segments.header(report, destination, KIND),
        *segments.person(report.recipient),
        segments.request(report, destination),
        segments.note(1, report.notice),
        *([segments.note(2, report.replacement)] if report.replacement else []),
        *(
            segments.observation(report, number, seen, told)
            for number, seen in enumerate(_observations(report, destination), start=1)
        ),
    ]
    return message(written)


def _observations(report: Report, destination: OruDestination) -> Iterator[Observation]:
    seen = [*observations(report.result, report.link, destination.language)]
    if destination.include_pdf:
        seen.append(Observation(MAPPING[PDF], attached_pdf(report.pdf) if report.pdf else ""))
    yield from filter(None, (as_configured(one, destination) for one in seen))
