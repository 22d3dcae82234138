"""The table ``[identity]``: who may come in, with what, and for how long."""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from gateway.section import Section
from gateway.team.people import Role

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MostHours = Annotated[float, Field(gt=0, le=24 * 31)]


class Oidc(Section):
    """A provider of OpenID Connect, such as the hospital's own directory; its table of roles is the word that counts."""

    issuer: str
    client_id: str
    client_secret: str = Field(default="", repr=False)
    client_secret_file: Path | None = None
    """Instead of `client_secret`: a file that only its owner can read."""
    label: str = "the hospital's login"
    """What stands on the login page's button."""
    scopes: tuple[str, ...] = ("openid", "profile")
    roles_claim: str = "groups"
    """Where the ID token names groups; dots lead into objects, as in ``realm_access.roles``."""
    roles: Mapping[str, tuple[Role, ...]] = {}
    """From a group's name to roles here. Whoever is in no group of the table does not come in."""
    login_claim: str = "preferred_username"
    adopt_logins: bool = False
    """Whether somebody who comes for the first time gets the local account of the same login.

    Only for a provider whose people cannot choose their own user names.
    """

    @model_validator(mode="after")
    def _safe(self) -> Self:
        parts = urlsplit(self.issuer)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("issuer: write its https address")
        if "openid" not in self.scopes:
            raise ValueError("scopes: openid is missing, without which there is no ID token")
        return self


class Identity(Section):
    """Accounts, sessions and the access token."""

    console_token: bool = True
    """Whether a browser may log in with the access token; as a bearer it always counts."""
    session_hours: MostHours = 12.0
    """A shift; then everybody logs in again."""
    idle_hours: MostHours = 4.0
    """A session that nobody used for so long has ended."""
    second_factor: frozenset[Role] = frozenset({Role.ADMINISTRATOR, Role.IT})
    """Roles that a password alone does not let in; everybody else is offered a second factor."""
    welcome_hours: MostHours = 48.0
    """How long the link that lets somebody choose a password is good."""
    proxies: tuple[str, ...] = ()
    """Addresses of reverse proxies whose X-Forwarded-For is believed."""
    oidc: Oidc | None = None

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        for proxy in self.proxies:
            ipaddress.ip_address(proxy)
        return self
