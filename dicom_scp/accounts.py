"""What the scanner's account of its procedure steps says of a series, beside the images that are here."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Self

from dicom_scp.mpps import Step, StepStatus

DISCONTINUED = "the scan was discontinued at the scanner"


@dataclass(frozen=True, slots=True)
class PerformedCount:
    """What the scanner's account of its procedure steps (MPPS) says of one series.

    Attributes
    ----------
    counted, arrived
        Images that the account names, and how many of those are here; both 0 while it is not final or names none.
    beyond
        Images of the series that are here and that the account does not name: it is wrong, and proves nothing.
    discontinued
        Whether the step that made the series was given up.
    """

    counted: int = 0
    arrived: int = 0
    beyond: int = 0
    discontinued: bool = False

    @classmethod
    def of(cls, steps: Iterable[Step], series_uid: str, arrived: Collection[str]) -> Self:
        """Compare the account with the SOP instances of a series that are here; several steps may share a series."""
        known = list(steps)
        mine = [step for step in known if any(each.series_uid == series_uid for each in step.series)]
        idle = [step for step in known if not step.series]
        discontinued = any(step.status is StepStatus.DISCONTINUED for step in mine or idle)
        if not all(step.status.is_final for step in mine):
            return cls(discontinued=discontinued)
        series = [each for step in mine for each in step.series if each.series_uid == series_uid]
        images = {uid for each in series for uid in each.images}
        others = {uid for each in series for uid in each.others}
        here = set(arrived)
        return cls(len(images), len(images & here), len(here - images - others), discontinued)

    @property
    def is_credible(self) -> bool:
        """Whether the account can be believed: it is final, names images, and none is here that it does not name."""
        return self.counted > 0 and not self.beyond

    @property
    def is_met(self) -> bool:
        """Whether everything that was counted is here: nothing more will come."""
        return self.is_credible and self.arrived == self.counted

    @property
    def missing(self) -> int:
        """Images that are still to come."""
        return self.counted - self.arrived if self.is_credible else 0

    @property
    def text(self) -> str:
        """For a proof, empty where the account says nothing."""
        return f"MPPS: {self.arrived} of {self.counted} images" if self.is_credible else ""

    @property
    def ending(self) -> str:
        """The remark on a scan that was given up, or nothing."""
        return DISCONTINUED if self.discontinued else ""


NO_ACCOUNT = PerformedCount()
"""The scanner says nothing."""
