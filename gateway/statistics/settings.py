"""The ``[statistics]`` table of the configuration."""

from typing import Annotated

from pydantic import Field

from gateway.section import Section


class Statistics(Section):
    """What statistics may show."""

    suppress_below: Annotated[int, Field(ge=0, le=100)] = 0
    """Counts from 1 up to one less than this are not written, see `gateway.statistics.suppression`; 0 writes all."""
