"""How alerts turned out: the share of each class that a radiologist confirmed, with its interval.

For a class that claims a lesion this is the positive predictive value, for one that claims none the negative one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.feedback.classes import CLAIMS, AlertClass
from gateway.feedback.expectation import wilson
from gateway.statistics.figures import Month
from gateway.statistics.questions import CLASSES


@dataclass(frozen=True, slots=True)
class Predictive:
    """One class of alerts; counts are None where they are suppressed, and so is all that is made of them.

    Attributes
    ----------
    share, low, high
        Of those judged that were confirmed, with the ends of Wilson's 90 % interval; None where nobody judged.
    """

    code: str
    text: str
    judged: int | None
    confirmed: int | None
    share: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, claim: AlertClass, judged: int | None, confirmed: int | None) -> "Predictive":
        """From two counts.

        >>> Predictive.of(AlertClass.LESION, 34, 27).share
        0.7941176470588235
        """
        text = CLASSES[claim]
        if not judged or confirmed is None:
            return cls(claim.value, text, judged, confirmed, None, None, None)
        return cls(claim.value, text, judged, confirmed, confirmed / judged, *wilson(confirmed, judged))


def predictive_of(month: Month) -> Iterator[Predictive]:
    """Every class of a month, with what may be shown of it."""
    for claim in CLAIMS:
        group = month.group(f"confirmed_{claim.value}")
        yield Predictive.of(claim, group.whole, group.count("confirmed"))
