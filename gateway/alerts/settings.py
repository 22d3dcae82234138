"""Configuration of the alerts: who belongs to the stroke team, and how they are reached."""

from typing import Annotated

from pydantic import Field

from gateway.section import Section


class Webhook(Section):
    """A receiver of signed JSON."""

    url: str
    secret: str = Field(min_length=16, repr=False)


class AlertLevel(Section):
    """Who is alerted together: Apprise URLs and webhooks, which may hold secrets."""

    name: str
    apprise: tuple[str, ...] = Field(default=(), repr=False)
    webhooks: tuple[Webhook, ...] = ()


class Alerts(Section):
    """The stroke team. The console is always alerted first; levels follow one another until somebody acknowledges."""

    escalate_after_minutes: Annotated[float, Field(gt=0)] = 5.0
    levels: tuple[AlertLevel, ...] = ()
