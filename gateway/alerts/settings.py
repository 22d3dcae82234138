"""The table ``[alerts]``: who is called when, and how long each level has to answer."""

from typing import Annotated, Literal, Self

from pydantic import Field

from gateway.section import Section
from gateway.team.people import Role
from viewer_bridge.report.wording.language import Language

Minutes = Annotated[float, Field(gt=0)]


class Webhook(Section):
    """A receiver of signed JSON."""

    url: str
    secret: str = Field(min_length=16, repr=False)


class AlertLevel(Section):
    """Who is called together: the people of a role, each by the channels they chose, and channels of nobody in particular.

    Apprise URLs and webhooks may hold secrets.
    """

    name: str
    role: Role | None = None
    who: Literal["on_duty", "everybody"] = "on_duty"
    """Of the role: whom the rota names at that moment, or all."""
    minutes: Minutes | None = None
    """Until the next level is called; by default `Alerts.escalate_after_minutes`."""
    repeat_minutes: Minutes | None = None
    """Those who were called and have not answered are told again, quietly, every so often."""
    apprise: tuple[str, ...] = Field(default=(), repr=False)
    webhooks: tuple[Webhook, ...] = ()


ON_DUTY = AlertLevel(name="on duty", role=Role.STROKE_DOCTOR, repeat_minutes=2.0)
EVERYBODY = AlertLevel(name="every stroke doctor", role=Role.STROKE_DOCTOR, who="everybody")


class Alerts(Section):
    """The stroke team. The console is always alerted first; levels follow one another until somebody answers."""

    escalate_after_minutes: Minutes = 5.0
    """How long a level has to answer, unless it says otherwise."""
    levels: tuple[AlertLevel, ...] = (ON_DUTY, EVERYBODY)
    """None at all: the console alone."""
    received_levels: tuple[AlertLevel, ...] = ()
    """Of cases that another hospital has handed over; none: the same `levels`."""
    language: Language = Language.VIETNAMESE
    """Of what goes to channels of nobody in particular; people have their own."""
    link_hours: Annotated[float, Field(gt=0)] = 24.0
    """How long the link of an alert opens its case."""
    same_patient_hours: Annotated[float, Field(ge=0)] = 24.0
    """Whoever took a patient's alert is called first, and alone, about further studies of that patient; 0 for never."""
    same_patient_minutes: Minutes = 2.0
    """How long they have to answer before the first level is called."""

    @property
    def for_received(self) -> Self:
        """What holds for cases that another hospital has handed over.

        >>> Alerts(received_levels=(EVERYBODY,)).for_received.levels == (EVERYBODY,), Alerts().for_received == Alerts()
        (True, True)
        """
        return self.model_copy(update={"levels": self.received_levels or self.levels})

    @property
    def every_level(self) -> tuple[AlertLevel, ...]:
        """Levels of all alerts."""
        return (*self.levels, *self.received_levels)
