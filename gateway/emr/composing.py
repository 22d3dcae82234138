"""What a letter says, put together when it is sent: so a letter that waited for hours says what is known now."""

from datetime import datetime, timedelta

from gateway.desk import Desk
from gateway.emr import attachments
from gateway.emr.filing import Filing, filing_of, number_in, recipient_in
from gateway.emr.mapping import CORRECTED, FINAL, PRELIMINARY, WITHDRAWN, Standing
from gateway.emr.recipient import Recipient, recipient_of
from gateway.emr.report import Report, control_id_for
from gateway.emr.settings import EmrDestination
from gateway.ledger.deliveries import delivery_id_of
from gateway.ledger.letter import Cause, Letter
from gateway.ledger.records import Case, DeliveryKind, DeliveryState, moment_of
from gateway.revision import UNCHANGED
from gateway.steps.alerting import ARCHIVE
from triage.errors import InputError, TemporaryError
from triage.results import TriageResult

DRAWING_PATIENCE = timedelta(minutes=10)
"""A report that is not drawn by then does not hold back the numbers any longer."""

LOST = (DeliveryState.FAILED, DeliveryState.CANCELLED)


class NotReadyError(TemporaryError):
    """Something that goes along is still being made."""


def report_for(desk: Desk, case: Case, letter: Letter, destination: EmrDestination) -> Report:
    """Put a letter together.

    Raises
    ------
    NotReadyError
        Its file is being drawn.
    TemporaryError, InputError
        As `gateway.emr.recipient.recipient_of`.
    """
    recipient, filing = _whose(desk, case, letter)
    is_first = letter.edition == 1 and letter.revision == 1
    is_withdrawal = letter.cause is Cause.WITHDRAWN
    known = [] if is_first else desk.ledger.letters.of_case(case.id, letter.destination)
    signed = any(one.cause is Cause.SIGNED for one in known if one.revision == letter.revision)
    return Report(
        result=TriageResult.from_json(case.result or {}),
        recipient=recipient,
        filing=filing,
        case_id=case.id,
        revision=letter.revision,
        edition=letter.edition,
        control_id=control_id_for(letter.id),
        former_control_id="" if is_first else _former(desk, letter, known, filing),
        standing=_standing(letter),
        change="" if is_first else _change(desk, letter),
        signed=signed and not is_withdrawal,
        sent_at=desk.now(),
        observed_at=moment_of(case.times["last_image_at"] or ""),
        computed_at=moment_of(case.times["analysed_at"] or ""),
        link="" if is_withdrawal else desk.link(case.id),
        pdf=_file(desk, case, letter, desk.now()) if destination.include_pdf and not is_withdrawal else None,
        site=desk.config.site.name,
    )


def _whose(desk: Desk, case: Case, letter: Letter) -> tuple[Recipient, Filing]:
    """Recipient and filing: of a withdrawal those of what it takes back, else those of now."""
    addressees = desk.ledger.letters.addressees
    if letter.cause is Cause.WITHDRAWN:
        former = addressees.withdrawn_by(letter.id)
        if former is None:
            raise InputError("nobody is known from whom this report could be withdrawn")
        return recipient_in(former.recipient), Filing(former.filing, number_in(former.recipient))
    recipient = recipient_of(desk, case)
    if letter.edition == 1 and letter.revision == 1 and not letter.is_written:
        return recipient, Filing()
    return recipient, filing_of(addressees.of_case(case.id, letter.destination), recipient)


def _standing(letter: Letter) -> Standing:
    if letter.cause is Cause.WITHDRAWN:
        return WITHDRAWN
    if letter.cause is Cause.SIGNED:
        return FINAL
    return PRELIMINARY if letter.edition == 1 and letter.revision == 1 else CORRECTED


def _former(desk: Desk, letter: Letter, known: list[Letter], filing: Filing) -> str:
    """Control id of the last letter before about this patient that the receiver may have: delivered, or tried without an answer."""
    told = desk.ledger.letters.addressees.of_case(letter.case_id, letter.destination)
    other = {one.delivery_id for one in told if one.filing != filing.number}
    for one in sorted(known, key=lambda one: one.edition, reverse=True):
        if one.cause is Cause.WITHDRAWN or one.id in other or one.edition >= letter.edition:
            continue
        if one.state is DeliveryState.DELIVERED or one.attempts > 0:
            return control_id_for(one.id)
    if filing.number > 1:
        return ""
    # Letters of older releases are in the deliveries alone.
    key = delivery_id_of(letter.case_id, letter.revision - 1, DeliveryKind.EMR, letter.destination)
    older = desk.ledger.deliveries.get(key) if letter.edition == 1 and letter.revision > 1 else None
    return control_id_for(key) if older and older.attempts > 0 else ""


def _change(desk: Desk, letter: Letter) -> str:
    if letter.cause is not Cause.RESULT:
        return letter.reason
    news = desk.ledger.announcements.get(letter.case_id, letter.revision)
    return f"Changed for the team: {'; '.join(news.reasons if news else ()) or UNCHANGED}."


def _file(desk: Desk, case: Case, letter: Letter, now: datetime) -> bytes | None:
    content = attachments.report_of(desk, case)
    if content is None and _may_come(desk, letter, now):
        raise NotReadyError("the report is being drawn")
    return content


def _may_come(desk: Desk, letter: Letter, now: datetime) -> bool:
    """Whether a report that is not there yet is worth waiting for."""
    key = delivery_id_of(letter.case_id, letter.revision, DeliveryKind.PUBLISH, ARCHIVE)
    publication = desk.ledger.deliveries.get(key)
    is_lost = publication is not None and publication.state in LOST
    return not is_lost and now - moment_of(letter.queued_at) < DRAWING_PATIENCE
