"""What every table of the configuration is."""

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError(f"{name!r} is no time zone; write one such as Asia/Ho_Chi_Minh") from exc
    return name


Seconds = Annotated[float, Field(gt=0)]
Hours = Annotated[float, Field(ge=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
AeTitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[\x21-\x5b\x5d-\x7e ]+$")]

Zone = Annotated[str, AfterValidator(_known_zone)]
"""Name of a time zone in the IANA database."""

HOME_ZONE = "Asia/Ho_Chi_Minh"
"""Where this gateway comes from; a site elsewhere says so."""


class Section(BaseModel):
    """A frozen table of the file in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
