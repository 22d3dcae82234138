"""The table ``[sharing]``: gateways of other hospitals, and what goes to and comes from each."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from gateway.section import Section

Name = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9-]+$")]

HERE = ("127.0.0.1", "localhost", "::1")
"""Hosts that no line leads to, where nothing has to be encrypted."""


class Partner(Section):
    """Another hospital's gateway."""

    name: Name
    """How it calls itself in its own ``sharing.name``."""
    title: Annotated[str, Field(max_length=40)] = ""
    """How its hospital is called in alerts and on pages; by default its name."""
    url: str
    """Where it answers, such as ``https://gateway.upper.example``."""
    secret: Annotated[str, Field(min_length=16, max_length=256, repr=False)]
    """Known to both and to nobody else; every request is signed with it, in both directions."""
    may_receive: bool = False
    """Whether studies may be handed to it."""
    may_send: bool = False
    """Whether it may hand studies to us."""
    images: Literal["always", "asked"] = "always"
    """Whether the received images follow the results by themselves, or when it asks for more."""
    authorities: Path | None = None
    """PEM file of those who may vouch for it; empty: those that the system knows."""
    unencrypted: bool = False
    """Whether plain http is allowed beyond this machine, as on a line that is encrypted by other means."""

    @field_validator("title")
    @classmethod
    def _is_one_line(cls, title: str) -> str:
        if not title.isprintable():
            raise ValueError("must be one line of letters that can be seen")
        return title.strip()

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must begin with https:// and name a host")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("must hold neither a name nor a question")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and parts.hostname not in HERE and not self.unencrypted:
            raise ValueError("url must be https: persons would cross the line in the open")
        if not (self.may_receive or self.may_send):
            raise ValueError("set may_receive, may_send or both")
        return self


class Sharing(Section):
    """Who we are to other hospitals, and who they are."""

    name: Name | Literal[""] = ""
    """How partners call us; the same word stands in their configuration."""
    partners: tuple[Partner, ...] = ()
    largest_object_bytes: Annotated[int, Field(ge=1 << 20)] = 2 * 1024**3
    """One request may bring no more; bigger objects are refused."""
    requests_per_s: Annotated[float, Field(gt=0)] = 20.0
    """Of each partner, in the long run; three times as many at once."""

    @model_validator(mode="after")
    def _has_names(self) -> Self:
        names = [partner.name for partner in self.partners]
        if len(set(names)) != len(names):
            raise ValueError("two partners have the same name")
        if names and not self.name:
            raise ValueError("name: say how partners call us")
        if self.name in names:
            raise ValueError("a partner has our own name")
        return self

    def partner(self, name: str) -> Partner | None:
        """The partner of that name, or None."""
        return next((partner for partner in self.partners if partner.name == name), None)

    def title_of(self, name: str) -> str:
        """How people call a partner's hospital, one that is no longer configured too.

        >>> Sharing().title_of("province")
        'province'
        """
        known = self.partner(name)
        return (known.title if known else "") or name
