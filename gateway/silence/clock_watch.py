"""Looks at our own clock: the kernel, other machines, and whether somebody has set it."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from gateway.config import LOOPBACK, Config
from gateway.emr.settings import FhirDestination, WebhookDestination
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import moment_of, utc_text
from gateway.ledger.sources_health import ClockReference
from gateway.ledger.troubles import TroubleKind
from gateway.silence.our_clock import Kernel, Reference, StepWatch, ask, kernel
from gateway.silence.scanner_clock import span_words

KERNEL = "this machine"
STEP = "set"
STEADY_FOR = timedelta(hours=24)
"""Without a further step, a clock that was set counts as steady again."""

KERNEL_WORDS = {
    True: "kept by a time service",
    False: "no time service keeps it: set up chrony or systemd-timesyncd",
    None: "the system does not tell whether a time service keeps it",
}


def references_of(config: Config) -> dict[str, str]:
    """Other machines that we talk to by HTTP, by name; those on this machine have our clock."""
    known = {"archive": config.orthanc.url} if config.orthanc.url else {}
    known |= {f"partner {each.name}"[:40]: each.url for each in config.sharing.partners}
    known |= {
        f"record {each.name}"[:40]: each.url
        for each in config.emr.destinations
        if isinstance(each, FhirDestination | WebhookDestination)
    }
    return {name: url for name, url in known.items() if urlsplit(url).hostname not in LOOPBACK}


class ClockWatch:
    """One for the life of the round: a step shows between two looks."""

    def __init__(self, config: Config, ledger: Ledger) -> None:
        self._ledger = ledger
        self._drift_s = config.silence.drift_s
        self._references = references_of(config)
        self._steps = StepWatch()

    def look_at_steps(self, now: datetime) -> None:
        """Whether somebody has set our clock."""
        troubles = self._ledger.troubles
        if step_s := self._steps.step_s():
            way = "forward" if step_s > 0 else "back"
            text = f"our clock was set {way} by {span_words(abs(step_s))}: times on both sides do not fit together"
            troubles.open(TroubleKind.OUR_CLOCK, STEP, text, now)
            return
        for trouble in troubles.open_now(TroubleKind.OUR_CLOCK):
            if trouble.subject == STEP and now - moment_of(trouble.opened_at) > STEADY_FOR:
                troubles.close(TroubleKind.OUR_CLOCK, STEP, "it has not been set again for a day", now)

    def look_around(self, now: datetime) -> None:
        """Ask the kernel and all references."""
        health = self._ledger.health
        health.saw_clock(kernel_look(kernel(), now))
        for name, url in self._references.items():
            self._note(name, ask(url), now)
        health.forget_clocks([KERNEL, *self._references])

    def _note(self, name: str, found: Reference | None, now: datetime) -> None:
        self._ledger.health.saw_clock(reference_look(name, found, self._drift_s, now))
        troubles = self._ledger.troubles
        if found is None:
            return
        if found.beyond(self._drift_s):
            where = "behind" if found.offset_s > 0 else "ahead of"
            text = f"our clock is {span_words(abs(found.offset_s))} {where} that of the {name}: look at the time services of both"
            troubles.open(TroubleKind.OUR_CLOCK, name, text, now)
        else:
            troubles.close(TroubleKind.OUR_CLOCK, name, f"our clock agrees with the {name} again", now)


def kernel_look(found: Kernel, now: datetime) -> ClockReference:
    """What the kernel says, for the page."""
    return ClockReference(KERNEL, KERNEL_WORDS[found.is_kept], utc_text(now), None, found.error_s)


def reference_look(name: str, found: Reference | None, drift_s: float, now: datetime) -> ClockReference:
    """What another machine shows, for the page."""
    if found is None:
        return ClockReference(name, "shows no time", utc_text(now))
    certain = "differs" if found.beyond(drift_s) else "agrees"
    return ClockReference(name, certain, utc_text(now), found.offset_s, found.uncertainty_s)
