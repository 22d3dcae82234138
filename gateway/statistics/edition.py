"""Whose figures these are, by which clock, and when they were written: stands in every output."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

from gateway.config import Config

USE = "Research use. Not for primary diagnosis."


@dataclass(frozen=True, slots=True)
class Edition:
    """What is the same for all figures that are written together."""

    site: str
    zone: ZoneInfo
    written_at: datetime

    @classmethod
    def of(cls, config: Config, now: datetime) -> Self:
        """The site's own, written `now`."""
        zone = ZoneInfo(config.site.time_zone)
        return cls(config.site.name, zone, now.astimezone(zone).replace(microsecond=0))

    @property
    def zone_name(self) -> str:
        """Name of the time zone, as configured."""
        return self.zone.key

    def local(self, moment: datetime) -> str:
        """A time by the site's clock, with its distance from UTC.

        >>> edition = Edition("H", ZoneInfo("Asia/Ho_Chi_Minh"), datetime.now(ZoneInfo("UTC")))
        >>> edition.local(datetime(2026, 3, 1, 20, 0, tzinfo=ZoneInfo("UTC")))
        '2026-03-02T03:00:00+07:00'
        """
        return moment.astimezone(self.zone).isoformat(timespec="seconds")
