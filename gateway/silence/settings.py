"""The ``[silence]`` table of the configuration."""

from datetime import date
from typing import Annotated

from pydantic import Field

from gateway.section import AeTitle, Hours, Seconds, Section

Minutes = Annotated[float, Field(gt=0)]


class PhantomSettings(Section):
    """The made-up patient who walks from our own door to the numbers, by the clock."""

    enabled: bool | None = None
    """Unless the file says otherwise, ``stroke-gateway run`` turns it on."""
    archive: bool | None = None
    """Whether its images go to the archive as well; without a word only to the private one that ``run`` starts: another
    archive may hand on whatever it gets."""
    every_minutes: Minutes = 60.0
    ae_title: AeTitle = "STROKEPHANTOM"
    """By which it calls; nobody else may."""
    limit_s: Seconds = 120.0
    """From the first image to the numbers; afterwards it has not come through."""
    longest_wait_hours: Hours = 6.0
    """Without a gap between patients; afterwards somebody should look why."""


class Silence(Section):
    """What must not fall silent, and when IT hears of it."""

    enabled: bool = True
    look_every_s: Seconds = 30.0
    scanners_ignored: tuple[AeTitle, ...] = ()
    """Calling titles that nobody expects anything of, such as a workstation's."""
    quiet_days: tuple[date, ...] = ()
    """Days on which scanners do as on Sundays, such as the days of Tết."""
    drift_s: Seconds = 60.0
    """A clock that is off by more wants a person."""
    probe_every_minutes: Minutes = 60.0
    probe_failures: Annotated[int, Field(ge=1)] = 2
    """In a row, before a channel counts as dead."""
    tell_again_hours: Annotated[float, Field(gt=0)] = 12.0
    """While a trouble lasts, IT is told again, quietly."""
    phantom: PhantomSettings = PhantomSettings()
