"""The ``[runs]`` table of the configuration."""

from typing import Annotated

from pydantic import Field

from gateway.lanes import Queue
from gateway.section import Seconds, Section

Minutes = Annotated[float, Field(gt=0)]


class Runs(Section):
    """When a run counts as stuck, and how long a finished one is remembered."""

    watch_every_s: Seconds = 10.0
    urgent_wait_s: Seconds = 5.0
    """An urgent run that waits longer for a worker is stuck, and the gateway not ready."""
    silent_minutes: dict[Queue, Minutes] = Field(default_factory=dict)
    """By lane, in place of its default: a run under way without a new step for so long is stuck."""
    keep_days: Annotated[float, Field(gt=0)] = 30.0
    """Runs that ended well leave the journal at this age; dead letters never do."""
