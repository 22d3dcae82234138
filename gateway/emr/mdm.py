"""A report as a document, HL7 v2.5.1 MDM^T02^MDM_T02: computed, with nothing read or sent.

A corrected document has a number of its own and names the one before as its parent.

References
----------
HL7 v2.5.1 chapter 9 (MDM, TXA). Tables 0004 (PV1-2), 0270 (TXA-2), 0271 (TXA-17), 0273 (TXA-19).
"""

from gateway.emr import segments
from gateway.emr.mapping import MAPPING, PDF
from gateway.emr.observations import Observation, as_configured
from gateway.emr.report import Report
from gateway.emr.settings import MdmDestination
from gateway.hl7.building import attached_pdf, escaped, message, segment, timestamp
from triage.errors import InputError

STRUCTURE = "MDM_T02"
"""Also of T10."""

DOCUMENT_TYPE = "DI"
"""TXA-2: diagnostic imaging."""

UNKNOWN_CLASS = "U"
"""PV1-2: nobody told us whether the patient is an inpatient."""

COMPLETIONS = {False: "DO", True: "AU"}
"""TXA-17 by whether a physician has signed: documented, authenticated. Never legally authenticated."""

AVAILABLE, DELETED = "AV", "CA"
"""TXA-19 of a document, and of one that is withdrawn."""


def mdm_t02(report: Report, destination: MdmDestination) -> str:
    """Write the message; segments end with a carriage return. Encode it as UTF-8, which MSH-18 declares.

    Raises
    ------
    InputError
        There is no report to send, or as `segments.header` and `segments.person`.
    """
    document = Observation(MAPPING[PDF], attached_pdf(report.pdf) if report.pdf else "")
    seen = as_configured(document, destination)
    if seen is None or not (seen.is_obtained or report.is_withdrawn):
        raise InputError("there is no report to send as a document; look at the publication of the case")
    event = destination.replacing_event if report.former_control_id else "T02"
    told = segments.status(report, destination)
    written = [
        segments.header(report, destination, ("MDM", event, STRUCTURE)),
        segment("EVN", {1: event, 2: timestamp(report.sent_at)}),
        *segments.person(report.recipient)[:1],  # the structure has no place for a note here
        segment("PV1", {1: "1", 2: UNKNOWN_CLASS}),
        segments.order(report),
        segments.request(report, destination),
        segments.note(1, report.notice),
        *([segments.note(2, report.replacement)] if report.replacement else []),
        *([segments.note(3, segments.MISSPELT)] if report.recipient.text_uncertain else []),
        _transcription(report),
        segments.observation(report, 1, seen, told),
    ]
    return message(written)


def _transcription(report: Report) -> str:
    fields = {
        1: "1",
        2: DOCUMENT_TYPE,
        3: "AP",
        4: timestamp(report.observed_at),
        6: timestamp(report.computed_at),
        12: escaped(report.control_id),
        13: escaped(report.former_control_id),
        14: segments.placer(report),
        15: segments.filler(report),
        17: COMPLETIONS[report.signed],
        19: DELETED if report.is_withdrawn else AVAILABLE,
    }
    return segment("TXA", fields)
