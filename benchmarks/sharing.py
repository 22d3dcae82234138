"""A study to another hospital over a poor line: what is seen when, and what breaks cost.

``python -m benchmarks.sharing [--rate 200000] [--images 24]`` prints a table; each line is a handover of its own.
"""

import argparse
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.poor_line import PoorLine
from tests.sharing.hospitals import STUDY, Hospital, serving_at, two_hospitals

CUTS: tuple[int, ...] = (0, 2_000_000, 500_000, 150_000)
"""Bytes after which the line breaks; 0 for never. A CT image has half a million."""
IMAGE_BYTES = 525_000
OBJECT_BYTES = 150_000
"""Of each of four results and four maps."""
MOST_OVERHEAD_PERCENT = 10.0
MOST_DELAY = 1.35
"""Of the time that the bytes themselves take at this rate, beside two seconds."""
SLACK_S = 2.0
PATIENCE_S = 900.0


@dataclass(frozen=True)
class Measured:
    """One handover."""

    cut_every: int
    cuts: int
    sent_bytes: int
    needed_bytes: int
    seen_s: Mapping[str, float]

    @property
    def overhead_percent(self) -> float:
        """Bytes that went up the line beyond those of the objects."""
        return 100.0 * (self.sent_bytes / self.needed_bytes - 1)

    def is_met(self, rate: float) -> bool:
        """Whether results were there as soon as this line allows, and little went twice."""
        results_s = 4 * OBJECT_BYTES / rate
        return (
            self.overhead_percent <= MOST_OVERHEAD_PERCENT
            and self.seen_s["results"] <= MOST_DELAY * results_s + SLACK_S
        )


def carry(lower: Hospital) -> None:
    """Take turns as the worker does, with its pauses."""
    courier = lower.courier()
    while not lower.is_done():
        time.sleep(min(courier.turn(), 1.0))
    courier.close()


def measure(rate: float, images: int, cut_every: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder, two_hospitals(Path(folder)) as (lower, upper):
        line = PoorLine(upper.site.config.http.port, rate, cut_every)
        lower.partner = lower.partner.model_copy(update={"url": line.url})
        lower.receive(images=images - 2, size=IMAGE_BYTES)
        lower.conclude(size=OBJECT_BYTES)
        with serving_at(upper):
            begun = time.monotonic()
            lower.share()
            threading.Thread(target=carry, args=(lower,), daemon=True).start()
            seen_s = watch(upper, begun)
        line.close()
        needed = sum(one.size_bytes for one in upper.ledger.holdings.after(0, 10_000))
        return Measured(cut_every, line.cuts, line.up_bytes, needed, seen_s)


def watch(upper: Hospital, begun: float) -> dict[str, float]:
    """When the receiver knew of each stage, in seconds since somebody asked."""
    seen: dict[str, float] = {}
    while "images" not in seen and time.monotonic() < begun + PATIENCE_S:
        time.sleep(0.1)
        if upper.ledger.cases.of_study(STUDY) is None:
            continue
        (received,) = upper.exchange()["received"]
        for stage in ("announced", "results", "maps", "images"):
            if received[f"{stage}_at"]:
                seen.setdefault(stage, time.monotonic() - begun)
    return seen


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=200_000.0, help="bytes a second")
    options.add_argument("--images", type=int, default=24)
    given = options.parse_args()
    print(f"line of {given.rate / 1000:.0f} kB/s, {given.images} images of {IMAGE_BYTES / 1000:.0f} kB")
    print("breaks every |  breaks | needed | overhead | numbers | results |    maps |  images | met")
    for cut_every in CUTS:
        found = measure(given.rate, given.images, cut_every)
        shown = " | ".join(
            f"{found.seen_s[stage]:5.1f} s" for stage in ("announced", "results", "maps", "images")
        )
        every = f"{cut_every / 1000:.0f} kB" if cut_every else "never"
        print(
            f"{every:>12} | {found.cuts:7} | {found.needed_bytes / 1e6:3.1f} MB | {found.overhead_percent:6.1f} % | "
            f"{shown} | {'yes' if found.is_met(given.rate) else 'NO'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
