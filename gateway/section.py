"""What every table of the configuration is."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0)]
Hours = Annotated[float, Field(ge=0)]
Port = Annotated[int, Field(ge=0, le=65535)]
AeTitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[\x21-\x5b\x5d-\x7e ]+$")]


class Section(BaseModel):
    """A frozen table of the file in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
