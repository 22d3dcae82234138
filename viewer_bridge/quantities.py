"""Every number of a result, once: its code, unit and digits. Reports of all kinds print the same figure by this table."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from triage.results import Territory, TriageResult
from viewer_bridge.figures import TERRITORIES, ceiled, floored

RATIO = "{ratio}"
"""UCUM annotation of a number without dimension."""

LATE = "Hypoperfused volume (Tmax > 6 s)"
NOT_CALIBRATED = "cut-off without calibration"

FLOW_CUT, LATE_CUT = (30.0, "%"), (6.0, "s")
"""The cut-offs of core and hypoperfused tissue."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a report: its local code and text, its unit in UCUM, and where the result keeps it.

    Attributes
    ----------
    interval
        Its name in `TriageResult.intervals`, or empty.
    cut
        Threshold behind a volume, with its unit in UCUM.
    has_limit
        Trials ask for at least a certain value: it is cut, not rounded, and never reads as the limit.
    """

    code: str
    text: str
    unit: str
    decimals: int
    of: Callable[[TriageResult], float | None]
    interval: str = ""
    cut: tuple[float, str] | None = None
    has_limit: bool = False

    def printed(self, result: TriageResult) -> str:
        """Return the figure, or nothing when it is undefined or must not be trusted."""
        value = self.of(result) if result.trusted else None
        if value is None or not math.isfinite(value):
            return ""
        return floored(value, self.decimals) if self.has_limit else f"{value:.{self.decimals}f}"

    def ends(self, result: TriageResult) -> tuple[str, str] | None:
        """Return the ends of the 90 % interval, rounded outwards; the upper one is empty where there is none.

        None without a figure, without an interval or without trust.
        """
        interval = result.intervals.get(self.interval)
        if interval is None or not self.printed(result):
            return None
        low = floored(interval.low, self.decimals)
        if interval.high is None or not math.isfinite(interval.high):
            return low, ""
        return low, ceiled(interval.high, self.decimals)


def _volume_at(name: str) -> Callable[[TriageResult], float | None]:
    return lambda result: result.volumes_ml.get(name)


def _nominal(name: str) -> Callable[[TriageResult], float | None]:
    return lambda result: result.nominal_ml.get(name)


def _in_territory(name: Territory) -> Callable[[TriageResult], float | None]:
    return lambda result: result.territories_ml.get(name)


CORE = Quantity("core-volume", "Infarct core volume", "mL", 1, attrgetter("core_ml"), "core_ml", FLOW_CUT)
HYPOPERFUSED = Quantity(
    "hypoperfused-volume", LATE, "mL", 1, attrgetter("hypoperfused_ml"), "hypoperfused_ml", LATE_CUT
)
MISMATCH = Quantity("mismatch-volume", "Mismatch volume", "mL", 1, attrgetter("mismatch_ml"), "mismatch_ml")
MISMATCH_RATIO = Quantity(
    "mismatch-ratio",
    "Mismatch ratio",
    RATIO,
    2,
    attrgetter("mismatch_ratio"),
    "mismatch_ratio",
    has_limit=True,
)

RATIOS = (
    MISMATCH_RATIO,
    Quantity(
        "hypoperfusion-intensity-ratio",
        "Hypoperfusion intensity ratio",
        RATIO,
        2,
        attrgetter("hypoperfusion_intensity_ratio"),
    ),
    Quantity("cbv-index", "CBV index", RATIO, 2, attrgetter("cbv_index")),
)

FURTHER_VOLUMES = (
    *(
        Quantity(
            f"tmax-gt-{s}-volume",
            f"Volume with Tmax > {s} s",
            "mL",
            1,
            _volume_at(f"tmax_gt_{s}"),
            cut=(s, "s"),
        )
        for s in (4, 6, 8, 10)
    ),
    *(
        Quantity(
            f"rcbf-lt-{p}-volume",
            f"Volume with rCBF < {p} %",
            "mL",
            1,
            _volume_at(f"rcbf_lt_{p}"),
            cut=(p, "%"),
        )
        for p in (20, 30, 34, 38)
    ),
    Quantity(
        "core-volume-nominal",
        f"Infarct core volume, {NOT_CALIBRATED}",
        "mL",
        1,
        _nominal("core_ml"),
        cut=FLOW_CUT,
    ),
    Quantity(
        "hypoperfused-volume-nominal",
        f"{LATE}, {NOT_CALIBRATED}",
        "mL",
        1,
        _nominal("hypoperfused_ml"),
        cut=LATE_CUT,
    ),
    *(
        Quantity(
            f"{name.replace('_', '-')}-territory-volume",
            f"Hypoperfused volume, {text} territory (by position)",
            "mL",
            1,
            _in_territory(name),
            cut=LATE_CUT,
        )
        for name, text in TERRITORIES.items()
    ),
)

QUANTITIES = (CORE, HYPOPERFUSED, MISMATCH, *RATIOS, *FURTHER_VOLUMES)
"""Every number of a report, in its order."""
