"""A row a case for a stroke registry: the table of columns is the documentation.

Nobody is named: no name, number, birth date, UID, free text, or name of whoever answered. The case has a pseudonym that only
this site can make; a site whose access token is made anew gives new pseudonyms. Order and accession numbers lead to a person
in the hospital's own systems: they are written only where somebody asks for them, and stay in the house.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.access import Access
from gateway.feedback.judgement import Judgement
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import DeliveryKind, moment_of
from gateway.orders.match import Certainty
from gateway.orders.order import Order
from gateway.statistics import reasons
from gateway.statistics.channels import fate_of, level_of
from gateway.statistics.edition import USE, Edition
from gateway.statistics.figures import CONSOLE
from gateway.statistics.intervals import DOOR, INTERVALS, ORDERED, PEOPLE, SCANNED, Interval
from gateway.statistics.records import CaseRecord
from gateway.statistics.table import Value, written
from triage.results import Severity, TriageResult

PURPOSE = b"stroke-gateway registry 1"
"""Separates pseudonyms from everything else that the site's secret seals."""
PSEUDONYM_DIGITS = 32
"""128 bits: two cases never share one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a row is made from."""

    record: CaseRecord
    pseudonym: str
    edition: Edition
    order: Order | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name with the unit in it, what it means, and its value."""

    name: str
    meaning: str
    value: Callable[[Entry], Value]


def _time(name: str) -> Callable[[Entry], Value]:
    def first(entry: Entry) -> Value:
        moment = entry.record.first(name)
        if moment is None and entry.record.case.revision == 1 and (at := entry.record.case.times.get(name)):
            moment = moment_of(at)
        return entry.edition.local(moment) if moment else None

    return first


def _of_analysis(read: Callable[[TriageResult], Value]) -> Callable[[Entry], Value]:
    """A value of a result whose numbers may be shown."""
    return lambda entry: read(entry.record.trusted) if entry.record.trusted else None


def _reliable(entry: Entry) -> Value:
    return entry.record.analysed.trusted if entry.record.analysed else None


def _took(interval: Interval) -> Callable[[Entry], Value]:
    return lambda entry: entry.record.seconds(interval)


def _estimator(entry: Entry) -> Value:
    found = entry.record.analysed
    return found.estimator.value if found and found.estimator else None


def _severe(entry: Entry) -> Value:
    found = entry.record.analysed.quality if entry.record.analysed else ()
    return " ".join(sorted({flag.code for flag in found if flag.severity is Severity.SEVERE}))


def _reason(entry: Entry) -> Value:
    refused = entry.record.case.state.value == "not_analysed"
    return reasons.code_of(entry.record.case.reason) if refused else None


def _criteria(result: TriageResult) -> Value:
    return " ".join(sorted(name for name, criterion in result.criteria.items() if criterion.met))


def _agreement(result: TriageResult) -> Value:
    return " ".join(sorted({n.agreement.value for n in result.networks if n.agreement}))


def _delivered(kind: DeliveryKind) -> Callable[[Entry], Value]:
    return lambda entry: sum(
        each.kind is kind and each.target != CONSOLE and each.state.value == "delivered"
        for each in entry.record.deliveries
    )


def _version(entry: Entry) -> Value:
    return entry.record.result.versions.get("stroke-gateway") if entry.record.result else None


def _of_judgement(read: Callable[[Judgement], Value]) -> Callable[[Entry], Value]:
    """A value of what stands on the latest revision that was judged."""
    return lambda entry: read(entry.record.judged) if entry.record.judged else None


def _told(name: str) -> Callable[[Entry], Value]:
    def first(entry: Entry) -> Value:
        moment = entry.record.first(name)
        return entry.edition.local(moment) if moment else None

    return first


def _calls(*wanted: str) -> Callable[[Entry], Value]:
    return lambda entry: sum(fate_of(call) in wanted for call in entry.record.calls)


TIMES: Mapping[str, str] = {
    "first_image_at": "first image of the study received",
    "last_image_at": "last image received, as the study was when proven complete",
    "complete_at": "study proven complete",
    "alert_sent_at": "alert at its first receiver, the console",
    "alert_delivered_at": "alert accepted by the first channel beyond the console",
    "acknowledged_at": "alert acknowledged by a person",
    "published_at": "result in the archive",
    "emr_accepted_at": "result accepted by the first medical record",
}

COLUMNS = (
    Column("case", "pseudonym of the case, the same in every export of this site", lambda e: e.pseudonym),
    Column("site", "name of the site, as configured", lambda e: e.edition.site),
    Column("time_zone", "by whose clock the times are; each has its distance from UTC", lambda e: e.edition.zone_name),
    *(Column(name, f"time: {text}; of the first revision in which it happened", _time(name))
      for name, text in TIMES.items()),
    *(Column(f"{each.code}_s", f"seconds: {each.text.lower()}, in the first revision that has both",
             _took(each)) for each in INTERVALS),
    Column("state", "receiving, analysing, analysed, not_analysed, no_perfusion, or received from another hospital; when written",
           lambda e: e.record.case.state.value),
    Column("revisions", "number of revisions, from 1; more by images that came late", lambda e: e.record.case.revision),
    Column("not_analysed_reason", "code of the reason; empty where analysed", _reason),
    Column("reliable", "whether the numbers may be used: analysed, and no severe quality problem", _reliable),
    Column("severe_quality", "codes of severe quality problems, separated by spaces", _severe),
    Column("estimator", "deconvolution, or time_to_peak where there was no arterial input", _estimator),
    Column("side", "hemisphere of the lesion: left, right, bilateral, none; where reliable",
           _of_analysis(lambda r: r.side.value)),
    Column("core_ml", "infarct core in mL; where reliable", _of_analysis(lambda r: r.core_ml)),
    Column("hypoperfused_ml", "hypoperfused volume in mL; where reliable", _of_analysis(lambda r: r.hypoperfused_ml)),
    Column("mismatch_ml", "hypoperfused less core in mL; where reliable", _of_analysis(lambda r: r.mismatch_ml)),
    Column("mismatch_ratio", "hypoperfused over core; empty without a core", _of_analysis(lambda r: r.mismatch_ratio)),
    Column("hypoperfusion_intensity_ratio", "Tmax > 10 s over Tmax > 6 s",
           _of_analysis(lambda r: r.hypoperfusion_intensity_ratio)),
    Column("cbv_index", "relative blood volume in hypoperfused tissue", _of_analysis(lambda r: r.cbv_index)),
    Column("criteria_met", "trials whose imaging rule is met, separated by spaces", _of_analysis(_criteria)),
    Column("network_agreement", "how networks stand to the first method: agree, differ, contradict",
           _of_analysis(_agreement)),
    Column("alerts_delivered", "number of channels beyond the console that have an alert", _delivered(DeliveryKind.ALERT)),
    Column("emr_delivered", "number of messages that medical records have accepted", _delivered(DeliveryKind.EMR)),
    Column("software_version", "release that computed the result", _version),
    Column("use", "what the numbers are for", lambda _: USE),
    Column("alert_opened_at", "time: alert opened by a person; of the first revision in which it happened",
           _told("alert_opened_at")),
    Column(DOOR, "time: registration at the hospital, as its ADT message says; at most 12 h before the scan", _told(DOOR)),
    Column(ORDERED, "time: order, as its message says; of the order that certainly belongs to the study", _told(ORDERED)),
    Column(SCANNED, "time: begin of the scan, as the scanner said when it began, else first image received", _told(SCANNED)),
    *(Column(f"{each.code}_s", f"seconds: {each.text.lower()}, in the first revision that has both", _took(each))
      for each in PEOPLE),
    Column("last_level_called", "last level of the escalation that was called, from 1; 0 where nobody was",
           lambda e: level_of(e.record.calls)),
    Column("calls_delivered", "number of calls that reached a device, or were opened or answered",
           _calls("delivered", "opened", "answered")),
    Column("calls_failed", "number of calls that a channel never took", _calls("failed")),
    Column("alert_said", "what the alert that was judged said: target_mismatch, no_target_mismatch, lesion, no_lesion, "
           "no_volumes, untrusted, not_analysed", _of_judgement(lambda j: j.said.value)),
    Column("judgement", "latest judgement of a radiologist: agree, edit, reject; empty where nobody judged",
           _of_judgement(lambda j: j.verdict.value)),
    Column("judgement_reason", "code of its reason; empty for an agreement and for a core drawn at a workstation",
           _of_judgement(lambda j: j.reason.value if j.reason else None)),
    Column("alert_confirmed", "whether what the alert said stands after it; empty where it said nothing that could",
           _of_judgement(lambda j: j.confirms)),
    Column("edited_core_ml", "infarct core in mL as edited", _of_judgement(lambda j: j.core_ml)),
    Column("edited_core_overlap", "Dice coefficient of the edited core and ours",
           _of_judgement(lambda j: j.overlap)),
)  # fmt: skip
"""What every export has, in this order. New columns go to the end."""

ORDER_COLUMNS = (
    Column("case_id", "identifier of the case at this site, as in its links", lambda e: e.record.case.id),
    Column("study_uid", "Study Instance UID", lambda e: e.record.case.study_uid),
    Column("accession_number", "of the order that certainly belongs to the study",
           lambda e: e.order.accession_number if e.order else None),
    Column("placer_order", "number that whoever ordered gave", lambda e: e.order.placer if e.order else None),
    Column("filler_order", "number that the radiology gave", lambda e: e.order.filler if e.order else None),
)  # fmt: skip
"""What leads to a person: only where somebody asks for it, and not for outside."""


def pseudonym(access: Access, case_id: str) -> str:
    """A case's name in the registry: always the same, and of no use to find the case from outside."""
    return access.seal(PURPOSE, case_id)[:PSEUDONYM_DIGITS]


def orders_of(ledger: Ledger, records: Sequence[CaseRecord]) -> dict[str, Order]:
    """Orders that certainly belong to the studies, by study."""
    matches = ledger.orders.matches.of_studies([record.case.study_uid for record in records])
    keys = {
        study: match.order_key for study, match in matches.items() if match.certainty is Certainty.CERTAIN
    }
    found = {study: ledger.orders.get(key) for study, key in keys.items() if key}
    return {study: order for study, order in found.items() if order}


def registry_table(
    records: Sequence[CaseRecord],
    access: Access,
    edition: Edition,
    orders: Mapping[str, Order] | None = None,
    *,
    bom: bool = False,
) -> str:
    """A row a case as CSV; with `orders`, by study, the columns that lead to a person."""
    columns = COLUMNS if orders is None else (*COLUMNS, *ORDER_COLUMNS)
    entries = (
        Entry(each, pseudonym(access, each.case.id), edition, (orders or {}).get(each.case.study_uid))
        for each in records
    )
    lines = ([column.value(entry) for column in columns] for entry in entries)
    return written([column.name for column in columns], lines, bom=bom)


def described() -> str:
    """The columns as a table of Markdown."""
    always = [f"| `{column.name}` | {column.meaning} | always |" for column in COLUMNS]
    asked = [f"| `{column.name}` | {column.meaning} | `--with-orders` |" for column in ORDER_COLUMNS]
    return "\n".join(["| column | meaning | written |", "|---|---|---|", *always, *asked]) + "\n"
