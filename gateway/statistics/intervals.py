"""What is timed of a case: tables of two times each, with the limits that a share is told for."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.statistics.channels import CHANNELS, STEPS, moment_name

LIMITS_S = (5.0, 60.0, 300.0)
"""Shares of cases are told within these: a glance, a minute, and what the best published service takes (mean 4 min,
Mallon 2024, SVN 9:497)."""

DOOR_LIMITS_S = (1200.0, 1500.0, 3600.0)
"""Of the way to the scanner: 20 minutes for half of the patients (AHA/ASA guideline 2019, Powers, Stroke 50:e344), 25
minutes (Target: Stroke), an hour."""

DOOR, ORDERED, SCANNED = "door_at", "ordered_at", "scanned_at"
"""Times of a case that others than the gateway tell: its registration, its order, and the begin of its scan."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What lies between two times of a case."""

    code: str
    text: str
    start: str
    end: str
    limits_s: tuple[float, ...] = LIMITS_S


INTERVALS = (
    Interval("first_to_last_image", "First image to last image", "first_image_at", "last_image_at"),
    Interval("last_image_to_alert", "Last image to alert", "last_image_at", "alert_sent_at"),
    Interval("alert_to_acknowledged", "Alert to acknowledgement", "alert_sent_at", "acknowledged_at"),
    Interval("last_image_to_emr", "Last image to acceptance by the EMR", "last_image_at", "emr_accepted_at"),
)
"""Each counts once a case: in the first revision in which both of its times are known.

The last image is that of the study as it was when its completeness was proven. Later revisions are told apart by their own
figure: a case that was answered in seconds and revised an hour later was answered in seconds.
"""

PEOPLE = (
    Interval("door_to_ct", "Registration at the hospital to scan", DOOR, SCANNED, DOOR_LIMITS_S),
    Interval("order_to_ct", "Order to scan", ORDERED, SCANNED, DOOR_LIMITS_S),
    Interval("alert_to_opened", "Alert to opening", "alert_sent_at", "alert_opened_at"),
    Interval("opened_to_acknowledged", "Opening to acknowledgement", "alert_opened_at", "acknowledged_at"),
)
"""What lies with people, before the gateway and after it. A scan begins when its scanner says so, else with its first image."""


def _of_channels() -> Iterator[Interval]:
    for kind, channel in CHANNELS.items():
        for state, (code, words) in STEPS.items():
            end = moment_name(kind, state)
            yield Interval(
                f"alert_to_{kind.value}_{code}", f"Alert to first {words}, {channel}", "alert_sent_at", end
            )


OF_CHANNELS = tuple(_of_channels())
"""When the first of all whom a channel reached had the alert, opened it and answered."""

EVERY = (*INTERVALS, *PEOPLE, *OF_CHANNELS)
