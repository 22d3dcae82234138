"""The page of the sources: who sends images, by what alerts go, whose clock is wrong, and how the phantom fares."""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from http import HTTPStatus
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.api.acting import who
from gateway.api.reception import Reception
from gateway.api.sources import Title, due_at, overview
from gateway.console import runs
from gateway.console.rendering import environment, render
from gateway.ledger.sources_health import ClockReference, Probe
from gateway.ledger.sources_phantoms import Walk
from gateway.silence import truth
from gateway.silence.clock_watch import KERNEL, KERNEL_WORDS
from gateway.silence.outcomes import Outcome
from gateway.silence.scanner_clock import ClockState, span_words
from gateway.silence.scanner_watch import ScannerWatch
from gateway.silence.scanners import ScannerLook
from gateway.silence.wording import title_of
from viewer_bridge.report.wording.language import Language

KINDS: Mapping[str, str] = {
    "push": "Web Push",
    "email": "E-mail",
    "zalo": "Zalo",
    "mqtt": "MQTT",
    "webhook": "Webhook",
    "apprise": "Service",
}

OUTCOMES: Mapping[str, tuple[str, str]] = {
    Outcome.CAME_THROUGH: ("good", "Came through"),
    Outcome.DIFFERS: ("severe", "Other numbers"),
    Outcome.STUCK: ("severe", "Did not come through"),
    Outcome.GAVE_WAY: ("", "Gave way to a patient"),
    Outcome.INTERRUPTED: ("", "Interrupted by a restart"),
}
"""Light and words."""

CLOCK_TEXTS: Mapping[ClockState, str] = {
    ClockState.UNKNOWN: "clock not judged yet",
    ClockState.RIGHT: "clock agrees with ours",
    ClockState.AHEAD: "clock about {} ahead",
    ClockState.BEHIND: "clock about {} behind",
    ClockState.WRONG_DATE: "date wrong by {}",
}


def scanner_light(look: ScannerLook) -> tuple[str, str]:
    """Light and word of a scanner."""
    if not look.is_expected:
        return "", "Not expected"
    if look.is_silent:
        return "severe", "Silent"
    if look.clock.is_wrong:
        return "warning", "Clock"
    return ("good", "Sends") if look.is_learned else ("", "Learning")


def clock_text(look: ScannerLook) -> str:
    """How a scanner's clock stands, in few words."""
    return CLOCK_TEXTS[look.clock.state].format(span_words(abs(look.clock.offset_s or 0.0)))


def channel_light(probe: Probe) -> tuple[str, str]:
    """Light and word of a channel.

    >>> channel_light(Probe("k", "email", "email#1", 1, "", "", failures=1))
    ('warning', 'Failed once')
    """
    if probe.failures:
        return ("warning", "Failed once") if probe.failures == 1 else ("severe", "Dead")
    return ("good", "Works") if probe.worked_at else ("", "Not tried yet")


def clock_light(look: ClockReference) -> tuple[str, str]:
    """Light and word of what is known of our clock from one side."""
    if look.reference == KERNEL:
        return ("good", "Kept") if look.said == KERNEL_WORDS[True] else ("warning", "Not kept")
    return {"agrees": ("good", "Agrees"), "differs": ("severe", "Differs")}.get(look.said, ("", "Silent"))


def offset_words(look: ClockReference) -> str:
    """How far apart two clocks are.

    >>> offset_words(ClockReference("archive", "agrees", "", -0.2, 0.6))
    'agrees within 0.8 s'
    """
    if look.offset_s is None:
        return look.said
    if look.said == "agrees":
        return f"agrees within {abs(look.offset_s) + (look.uncertainty_s or 0):.1f} s"
    return (
        f"its time is {span_words(abs(look.offset_s))} {'ahead of' if look.offset_s > 0 else 'behind'} ours"
    )


def walk_light(walk: Walk) -> tuple[str, str]:
    """Light and words of a phantom's end."""
    return OUTCOMES[walk.outcome or Outcome.INTERRUPTED]


def sentence(text: str) -> str:
    """With a capital letter and an end.

    >>> sentence("is it in use?"), sentence("it works again")
    ('Is it in use?', 'It works again.')
    """
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('?', '.')) else '.'}"


def local_words(at: str, now: datetime, zone: tzinfo) -> str:
    """A moment by the site's clock; the day where it is not today.

    >>> from datetime import UTC
    >>> now = datetime.fromisoformat("2026-11-23T01:00:00+00:00")
    >>> local_words("2026-11-23T03:05:00Z", now, UTC), local_words("2026-11-24T03:05:00Z", now, UTC)
    ('03:05', 'Tue 24 Nov, 03:05')
    """
    here = datetime.fromisoformat(at).astimezone(zone)
    return f"{here:%H:%M}" if here.date() == now.astimezone(zone).date() else f"{here:%a %d %b, %H:%M}"


def routes(reception: Reception) -> APIRouter:
    """The page and its switch."""
    router = APIRouter()
    scanners = ScannerWatch(reception.config, reception.ledger)
    filters = (scanner_light, clock_text, channel_light, clock_light, offset_words, walk_light, sentence)
    zone = ZoneInfo(reception.config.site.time_zone)
    environment().filters.update({each.__name__: each for each in filters})

    @router.get("/sources")
    def show_sources() -> HTMLResponse:
        now = reception.now()
        found = overview(reception, scanners, now)
        page = render(
            "sources.html",
            found=found,
            titles={each.id: title_of(each, Language.ENGLISH) for each in (*found.open, *found.closed)},
            kinds=KINDS,
            truth=truth,
            phantom=reception.config.silence.phantom,
            local=lambda at: local_words(at, now, zone),
            due_at=due_at(reception, found.walks),
            banner=runs.banner(reception),
            now=now,
        )
        return HTMLResponse(page)

    @router.post("/sources/expect-no-more")
    def post_no_more(request: Request, name: Title) -> Response:
        reception.ledger.sources.expect_no_more(name, who(request), reception.now())
        return RedirectResponse("/sources", HTTPStatus.SEE_OTHER)

    @router.post("/sources/expect-again")
    def post_again(name: Title) -> Response:
        reception.ledger.sources.expect_again(name)
        return RedirectResponse("/sources", HTTPStatus.SEE_OTHER)

    return router
