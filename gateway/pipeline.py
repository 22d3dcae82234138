"""The protocol of a case. Everything else is a noun or a verb that this page uses.

A scanner's images become *arrivals*; `gateway.intake` proves that a study is complete and starts ``case``. A workflow
may be killed at any line: it goes on at its last unfinished step, on this machine or another. Steps run at least once,
so each is harmless when repeated, and each failure ends in a named state with a reason.
"""

from collections.abc import Callable
from functools import partial
from itertools import islice
from threading import BoundedSemaphore
from typing import TypeVar

from gateway.commitment import reporting
from gateway.desk import Desk
from gateway.engine import sleep, step, wait_signal_until, workflow
from gateway.feedback import taking
from gateway.patience import BACKOFF_S, backoff_s
from gateway.steps import alerting, analysis, delivering, forwarding, ringing, summoning
from gateway.steps.forwarding import Forwarded

R = TypeVar("R")

UPLOADS = BoundedSemaphore(4)
"""Batches on their way to the archive at once; a run that waits for an archive that is away holds none."""

REPORTS = len(BACKOFF_S) + 72
"""Attempts to report a storage commitment, the later ones hourly: a scanner that is off over a weekend is waited for."""


def _forward_images(desk: Desk, case_id: str) -> str:
    with UPLOADS:
        return forwarding.forward_images(desk, case_id)


def register(desk: Desk) -> None:  # noqa: C901 - a page with seven workflows, none of which branches deeply
    """Declare the workflows of a case; `desk` holds what their steps work with."""

    def verb(act: Callable[..., R]) -> Callable[..., R]:
        return step(act.__name__.lstrip("_"), partial(act, desk))

    analyse, give_up = verb(analysis.analyse), verb(analysis.give_up)
    announce = verb(alerting.announce)
    begin_alert, look_after = verb(ringing.begin_alert), verb(ringing.look_after)
    attempt = verb(delivering.attempt)
    take_edit = verb(taking.take_edit)
    attempt_commitment = verb(reporting.attempt_commitment)
    give_up_commitment = verb(reporting.give_up_commitment)
    forward_images, end_run = verb(_forward_images), verb(forwarding.end_run)

    @workflow("case")
    def case(case_id: str, revision: int) -> None:
        """A complete study: numbers first, then everybody who needs them."""
        analyse(case_id, revision)
        announce(case_id, revision)

    @workflow("overdue")
    def overdue(case_id: str, revision: int) -> None:
        """An analysis that never reported: silence is forbidden."""
        give_up(case_id, revision)
        announce(case_id, revision)

    @workflow("alert")
    def alert(case_id: str, revision: int) -> None:
        """The stroke team, level by level, until somebody answers and the others know it."""
        watch = look_after(case_id, revision, begin_alert(case_id, revision))
        while watch["look_s"] is not None:
            wait_signal_until("answered", watch["look_s"])
            watch = look_after(case_id, revision, watch)

    @workflow("deliver")
    def deliver(kind: str, case_id: str, revision: int, target: str) -> None:
        """One thing to one receiver: a channel of the team, the archive, a PACS node."""
        for delay_s in backoff_s():
            if attempt(kind, case_id, revision, target):
                return
            sleep(delay_s)

    @workflow("forward")
    def forward(case_id: str, run: int) -> None:
        """Received images to the archive, which may be away while the scanner goes on sending."""
        delays_s = backoff_s()
        while (outcome := forward_images(case_id)) != Forwarded.ALL:
            if outcome == Forwarded.AWAY:
                sleep(next(delays_s))
            else:
                delays_s = backoff_s()
        end_run(case_id, run)

    @workflow("commitment")
    def commitment(key: str, _run: int) -> None:
        """Somebody wants to delete images: what we vouch for, told until it is heard."""
        for delay_s in islice(backoff_s(), REPORTS):
            if attempt_commitment(key):
                return
            sleep(delay_s)
        give_up_commitment(key)

    @workflow("edit")
    def edit(case_id: str, arrival_id: int) -> None:
        """A segmentation came back from a workstation: an edited core, or named for what it is."""
        take_edit(case_id, arrival_id)

    summoning.register(desk)
