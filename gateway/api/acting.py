"""In whose name something is done: that of the account, or what was typed by whoever has the site's token alone."""

from dataclasses import replace

from starlette.requests import Request

from gateway.api.rights import actor_of
from gateway.team.people import SITE, Actor, ActorKind


def acting(request: Request, typed: str = "") -> Actor:
    """Whoever asks, by the name that is to be written down."""
    actor = actor_of(request)
    name = "".join(letter for letter in typed if letter.isprintable()).strip()
    return replace(actor, name=name or SITE.name) if actor.kind is ActorKind.SITE else actor


def who(request: Request, typed: str = "", otherwise: str = SITE.name) -> str:
    """The name of whoever asks; `otherwise` where nobody gave one."""
    name = acting(request, typed).name
    return otherwise if name == SITE.name else name
