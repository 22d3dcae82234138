"""What follows a result: who hears of it, and whether the team must hear of it again."""

import structlog

from gateway import casefolder
from gateway.alerts.compose import alert_of
from gateway.desk import Desk
from gateway.journal import unforeseen
from gateway.lanes import Priority, Queue
from gateway.ledger.announcements import Announcement
from gateway.ledger.letter import Cause
from gateway.ledger.records import DeliveryKind
from gateway.ledger.sharing_alarms import ReceivedAlarm
from gateway.revision import changes
from gateway.steps.ordering import order
from gateway.steps.ringing import ring_first
from triage.errors import GatewayError, InputError, TemporaryError
from triage.results import TriageResult
from viewer_bridge.report.wording.language import Language

log = structlog.get_logger()

CONSOLE = "console"
"""The live console: handed over by being in the ledger, which the console watches."""
ARCHIVE = "archive"


def announce(desk: Desk, case_id: str, revision: int) -> None:
    """Queue everything that follows a result: alert, publication, EMR. A repeat queues nothing twice.

    A revision that changes nothing for the team does not ring: the alert before it stands, and goes on to the next
    level until somebody answers.
    """
    if desk.ledger.phantoms.owns(desk.case(case_id).study_uid):
        return  # made up by the silence watch: nobody is told, and nothing leaves the house
    news = _decide(desk, case_id, revision)
    if news.rings:
        _ring(desk, news)
    order(desk, case_id, revision, DeliveryKind.PUBLISH, ARCHIVE)
    for destination in desk.config.emr.destinations:
        desk.ledger.letters.queue(case_id, revision, destination.name, Cause.RESULT, "", desk.now())


def announce_received(desk: Desk, alarm: ReceivedAlarm, number: int) -> None:
    """Call people for another hospital's result, as for one of ours; `number` is that of the alert. A repeat calls nobody twice.

    Raises
    ------
    InputError
        What was received is not in the ledger.
    """
    received = desk.ledger.sharing.received.get(alarm.share_id)
    if received is None:
        raise InputError("an alarm of a study that was not received: was the ledger changed by hand?")
    news = _decide(desk, alarm.case_id, number, TriageResult.from_json(received.result))
    if news.rings:
        _ring(desk, news)


def alert_key(case_id: str, revision: int) -> str:
    """Name of the run that alerts the team, to which an answer goes."""
    return f"alert:{case_id}:r{revision}"


def _decide(desk: Desk, case_id: str, revision: int, theirs: TriageResult | None = None) -> Announcement:
    """Compare a result, ours or `theirs`, with what the team was told last; what was decided once stands."""
    known = desk.ledger.announcements.of_case(case_id)
    if said := next((told for told in known if told.revision == revision), None):
        return said
    present = theirs or _result(desk, case_id, revision)
    former = max((told for told in known if told.rings), key=lambda told: told.revision, default=None)
    reasons = changes(TriageResult.from_json(former.result), present) if former else ()
    overtaken = former is not None and former.revision > revision
    news = Announcement(
        case_id=case_id,
        revision=revision,
        former=former.revision if former and not overtaken else None,
        rings=former is None or bool(reasons and not overtaken),
        reasons=() if overtaken else reasons,
        result=present.to_json(),
    )
    desk.ledger.announcements.record(news, desk.now())
    log.info("revision announced", case_id=case_id, revision=revision, rings=news.rings, reasons=news.reasons)
    return news


def _result(desk: Desk, case_id: str, revision: int) -> TriageResult:
    """A revision's result; the ledger has the newest, and late images may have re-opened the case since."""
    case = desk.case(case_id)
    if case.revision == revision and case.result:
        return TriageResult.from_json(case.result)
    return casefolder.load_result(desk.folder(case_id, revision))


def _ring(desk: Desk, news: Announcement) -> None:
    """Begin an alert in place of the one before: people are called first, and their calls go on in the alert's run."""
    _ring_first(desk, news)
    run = alert_key(news.case_id, news.revision)
    desk.client.submit("alert", run, news.case_id, news.revision, queue=Queue.ALERT, priority=Priority.URGENT)
    _show_on_console(desk, news)  # after the run that an acknowledgement on the console is sent to
    if news.former:
        _dismiss(desk, news.case_id, news.former)


def _ring_first(desk: Desk, news: Announcement) -> None:
    """Call the first level now; whatever goes wrong, the alert's run has to begin, and calls them then."""
    try:
        ring_first(desk, news.case_id, news.revision)
    except Exception as exc:  # noqa: BLE001 - see above
        reason = str(exc) if isinstance(exc, GatewayError) else str(unforeseen(exc))
        log.error("first level not called yet", case_id=news.case_id, revision=news.revision, reason=reason)  # noqa: TRY400


def _dismiss(desk: Desk, case_id: str, alert: int) -> None:
    """Let the run of a replaced alert end early; untold, it does nothing at each level and ends by itself."""
    try:
        desk.client.signal(alert_key(case_id, alert), "answered", "superseded")
    except TemporaryError as exc:
        log.warning("replaced alert not told", case_id=case_id, revision=alert, reason=str(exc))


def _show_on_console(desk: Desk, news: Announcement) -> None:
    deliveries = desk.ledger.deliveries
    key = deliveries.queue(news.case_id, news.revision, DeliveryKind.ALERT, CONSOLE, desk.now())
    desk.ledger.announcements.stamp(news.case_id, news.revision, "alert_sent_at", desk.now())
    headline = alert_of(desk, desk.case(news.case_id), news, Language.ENGLISH).headline
    deliveries.delivered(key, desk.now(), headline)
