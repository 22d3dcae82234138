"""The protocol of a case. Everything else is a noun or a verb that this page uses.

A scanner's images become *arrivals*; `gateway.intake` proves that a study is complete and starts ``case``. A workflow
may be killed at any line: it goes on at its last unfinished step, on this machine or another. Steps run at least once,
so each is harmless when repeated, and each failure ends in a named state with a reason.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, repeat
from typing import TypeVar

from gateway.desk import Desk
from gateway.engine import sleep, step, wait_signal, workflow
from gateway.steps import alerting, analysis, delivering, forwarding
from gateway.steps.forwarding import Forwarded

R = TypeVar("R")

BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
LONGEST_BACKOFF_S = 3600.0
"""Nothing is given up while its receiver may come back: after eight hours of outage the first try is within the hour."""


def backoff_s() -> Iterator[float]:
    """Waiting times between attempts, without end."""
    return chain(BACKOFF_S, repeat(LONGEST_BACKOFF_S))


def register(desk: Desk) -> None:  # noqa: C901 - a page with five workflows, none of which branches deeply
    """Declare the workflows of a case; `desk` holds what their steps work with."""

    def verb(act: Callable[..., R]) -> Callable[..., R]:
        return step(act.__name__, partial(act, desk))

    analyse, give_up = verb(analysis.analyse), verb(analysis.give_up)
    announce, escalate = verb(alerting.announce), verb(alerting.escalate)
    nobody_answered = verb(alerting.nobody_answered)
    attempt = verb(delivering.attempt)
    forward_images, end_run = verb(forwarding.forward_images), verb(forwarding.end_run)

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
        """The stroke team, level by level, until somebody acknowledges."""
        for level in range(desk.alert_levels):
            escalate(case_id, revision, level)
            if wait_signal("answered", desk.patience_s):
                return
        nobody_answered(case_id, revision)

    @workflow("deliver")
    def deliver(kind: str, case_id: str, revision: int, target: str) -> None:
        """One thing to one receiver: a channel of the team, the archive, the EMR."""
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
