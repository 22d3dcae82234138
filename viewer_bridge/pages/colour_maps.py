"""Colour tables whose lightness rises with the value, so that grey prints and colour-blind eyes read them alike."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triage.types import Findings, Float32
from viewer_bridge.figures import ONLY_TIME_TO_PEAK

Rgb = NDArray[np.uint8]
"""uint8 ``(rows, columns, 3)``, red green blue."""

TABLE_SIZE = 256
"""Entries of a colour table, one for each 8-bit level."""

MISSING_RGB = (10, 11, 14)
"""Drawn where a map is NaN: the page's own black, so that nothing there looks like a low value."""

EMBER_ANCHORS = (
    (0.00, (22, 18, 44)),
    (0.20, (62, 32, 108)),
    (0.40, (134, 40, 112)),
    (0.58, (204, 62, 66)),
    (0.75, (242, 122, 32)),
    (0.90, (252, 196, 66)),
    (1.00, (255, 246, 196)),
)
"""Night blue to glowing: high is hot. For times, where late is bad."""

LAGOON_ANCHORS = (
    (0.00, (30, 12, 52)),
    (0.18, (38, 44, 118)),
    (0.36, (28, 94, 146)),
    (0.54, (26, 146, 142)),
    (0.72, (88, 190, 106)),
    (0.88, (190, 220, 92)),
    (1.00, (250, 246, 176)),
)
"""Deep violet to pale yellow: low is dark. For flow and volume, where little is bad."""


def _table(anchors: tuple[tuple[float, tuple[int, int, int]], ...]) -> Rgb:
    """Interpolate anchors to a table ``(256, 3)``."""
    at = [position for position, _ in anchors]
    colours = np.array([colour for _, colour in anchors], dtype=np.float64)
    levels = np.linspace(0.0, 1.0, TABLE_SIZE)
    table: Rgb = np.rint([np.interp(levels, at, channel) for channel in colours.T]).astype(np.uint8)
    return table.T


EMBER = _table(EMBER_ANCHORS)
LAGOON = _table(LAGOON_ANCHORS)


@dataclass(frozen=True, slots=True)
class MapLook:
    """How one parametric map is shown: attribute of `PerfusionMaps`, words, range and colours.

    With `tissue_only` nothing is drawn outside tissue: where no contrast arrives, noise peaks at any time.
    """

    attribute: str
    title: str
    unit: str
    low: float
    high: float
    ticks: tuple[float, ...]
    table: Rgb
    tissue_only: bool = False


MAP_LOOKS = {
    "cbf": MapLook(
        "cbf_ml_per_100g_min",
        "CBF - cerebral blood flow",
        "ml/100 g/min",
        0.0,
        60.0,
        (0, 15, 30, 45, 60),
        LAGOON,
    ),
    "cbv": MapLook(
        "cbv_ml_per_100g", "CBV - cerebral blood volume", "ml/100 g", 0.0, 6.0, (0, 1, 2, 3, 4, 5, 6), LAGOON
    ),
    "mtt": MapLook("mtt_s", "MTT - mean transit time", "s", 0.0, 12.0, (0, 2, 4, 6, 8, 10, 12), EMBER),
    "tmax": MapLook(
        "tmax_s", "Tmax - time to maximum of the residue", "s", 0.0, 12.0, (0, 2, 4, 6, 8, 10, 12), EMBER
    ),
    "ttp": MapLook(
        "ttp_s", ONLY_TIME_TO_PEAK, "s", 0.0, 24.0, (0, 4, 8, 12, 16, 20, 24), EMBER, tissue_only=True
    ),
}
"""Display ranges are the customary ones of stroke software; values beyond them take the end colour. The time to peak
counts from the arrival of the bolus: on simulated patients healthy tissue peaks after 9 to 10 s and tissue with a Tmax
of 8 s after 17 to 19 s, which is as hot here as on the Tmax map."""

PERFUSION_MAPS = ("cbf", "cbv", "mtt", "tmax")
"""What an arterial input gives."""


def shown_maps(findings: Findings) -> tuple[str, ...]:
    """Names of the maps that a case has; a map that is missing everywhere is never drawn.

    Without an arterial input there is only the time to peak.
    """
    return PERFUSION_MAPS if findings.arterial is not None else ("ttp",)


def colourise(values: Float32, look: MapLook) -> Rgb:
    """Paint a map ``(rows, columns)`` in the colours of `look`; NaN becomes `MISSING_RGB`.

    Examples
    --------
    >>> colourise(np.array([[np.nan, 99.0]], np.float32), MAP_LOOKS["tmax"]).tolist()
    [[[10, 11, 14], [255, 246, 196]]]
    """
    missing = np.isnan(values)
    level = (np.where(missing, look.low, values) - look.low) / (look.high - look.low)
    painted: Rgb = look.table[np.rint(np.clip(level, 0.0, 1.0) * (TABLE_SIZE - 1)).astype(np.intp)]
    painted[missing] = MISSING_RGB
    return painted
