"""Lanes of work: which run waits behind which, and how many of a lane are under way in one worker."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum


class Priority(IntEnum):
    """Lower runs first. The engine's default, 0, would beat STROKE_CODE: every call names one."""

    STROKE_CODE = 1
    """A study whose order is a stroke code: analysed before all others that wait."""
    URGENT = 2
    NORMAL = 10


class Queue(StrEnum):
    """Lanes of work; a waiting run occupies a place, so lanes that wait are wide."""

    ANALYSIS = "analysis"
    FORWARD = "forward"
    ALERT = "alert"
    URGENT = "urgent"
    DELIVER = "deliver"


CONCURRENCY: Mapping[Queue, int] = {
    Queue.ANALYSIS: 1,  # one study at a time keeps two cores and the memory bound
    Queue.FORWARD: 200,  # one for each study while the archive is away; uploads are bounded where they happen
    Queue.ALERT: 500,
    Queue.URGENT: 100,
    Queue.DELIVER: 200,
}
"""Runs of a lane under way in one worker; a lane that is full never holds up another."""

POLLED_OFTEN = (Queue.ANALYSIS, Queue.ALERT, Queue.URGENT)
"""Lanes between the last image and the phone; polling costs a twentieth of a core each, so only these."""

_LANES = {
    "case": Queue.ANALYSIS,
    "overdue": Queue.URGENT,
    "alert": Queue.ALERT,
    "forward": Queue.FORWARD,
    "summon": Queue.URGENT,
    "trial": Queue.URGENT,
}


def lane_of(workflow: str, key: str) -> Queue:
    """Lane of a run, which the engine forgets when a run ends badly.

    >>> lane_of("alert", "alert:a:r1").value, lane_of("deliver", "alert:a:r1:sms").value, lane_of("deliver", "emr:a:r1:his").value
    ('alert', 'urgent', 'deliver')
    """
    if workflow == "deliver" and key.startswith("alert:"):
        return Queue.URGENT
    return _LANES.get(workflow, Queue.DELIVER)
