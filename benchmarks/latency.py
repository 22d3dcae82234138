"""How long the stroke team waits after the last image: the whole gateway, stage by stage, against its bounds.

``python -m benchmarks.latency [--short] [--scanner-pace] [--network] [--together] [--burst] [--baseline]``; without a
choice, all of them. A study is a scout, a non-contrast CT, a CT angiography of 480 slices and, last, 16 x 45 perfusion
slices, 512 x 512: 1,217 images. ``--short`` leaves the angiography out (737 images) and runs everything three times.

Sender, gateway, Orthanc and the receiving phone share the machine and its clock, which starts at the sender when the
last perfusion image is acknowledged; the load average tells whether others used it too. p95 is the nearest rank: of ten runs, the slowest. Needs 20 GB of disk.
"""

import math
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks import stable_timer
from benchmarks.ingest import Row
from benchmarks.pacing import Turn, take_turn
from benchmarks.phantom import Patient, make_patient
from benchmarks.scanner import USUAL, Part, Written, write_study
from benchmarks.stroke_site import IMAGES_PER_S, Site, Walk, a_site, roomy_disk
from benchmarks.watching import service_memory
from triage.types import Side

VENDOR = "canon"
"""A volume scanner, whose instance numbers follow time; it gives no counts, so the association's end is the proof."""
RUNS, RUNS_SHORT, RUNS_BASELINE = 10, 3, 3
ROUTINE_STUDIES, ROUTINE_SLICES, ROUTINE_AFTER_S = 20, 24, 4.0
"""Studies that come while a patient's perfusion series does; the last ones come after its end."""
SETTLE_S = 10.0

PACED_MEDIAN_S, PACED_P95_S, NETWORK_S, TOGETHER_S, OBJECTS_S = 3.0, 5.0, 8.0, 10.0, 10.0
BURST_RATIO, ANALYSIS_MB, IDLE_MB = 1.2, 2500.0, 600.0

STAGES = (
    ("proof", "proven complete"),
    ("start", "computation begins"),
    ("end", "computation ends"),
    ("alert", "alert at the first channel"),
    ("objects", "result objects in Orthanc"),
)


def p95(values: Sequence[float]) -> float:
    """Nearest rank: what 95 of 100 stay at or below."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1]


def at_most(what: str, bound: float, found: float, unit: str = "s") -> Row:
    """A line with a ceiling."""
    return what, f"<= {bound:g} {unit}", f"{found:.2f} {unit}", found <= bound


def stages(name: str, walks: Sequence[Walk]) -> Iterator[Row]:
    """Lines without a bound: how the time divides."""
    for key, text in STAGES:
        seconds = [getattr(walk, key) for walk in walks]
        found = f"{statistics.median(seconds):+.2f} s, p95 {p95(seconds):+.2f} s"
        yield f"{name}, {len(walks)} runs: {text}", "", found, True
    wait = p95([walk.objects - walk.alert for walk in walks])
    yield at_most(f"{name}: alert to objects, p95", OBJECTS_S, wait)


def scanner_pace(written: Written, _routine: Sequence[Written], runs: int) -> Iterator[Row]:
    """One patient at a time, 20 images a second."""
    with a_site() as site:
        yield from _idle("idle, nobody yet", site)
        walks = [site.walk(site.turn(written), site.paced) for _ in range(runs)]
        yield from stages("scanner pace", walks)
        alerts = [walk.alert for walk in walks]
        yield at_most("scanner pace: to the alert, median", PACED_MEDIAN_S, statistics.median(alerts))
        yield at_most("scanner pace: to the alert, p95", PACED_P95_S, p95(alerts))
        yield at_most("one analysis: peak memory", ANALYSIS_MB, site.peaks.analyst_mb, "MB")
        yield from _idle(f"idle after {runs} patients", site)


def _idle(name: str, site: Site) -> Iterator[Row]:
    time.sleep(SETTLE_S)
    held = service_memory(site.gateway.process.pid)
    total = sum(process.proportional_mb for process in held)
    yield at_most(f"{name}: all processes, proportional", IDLE_MB, total, "MB")
    each = ", ".join(f"{process.name} {process.proportional_mb:.0f}" for process in held)
    yield f"{name}: of it, in MB", "", each, True
    yield (
        f"{name}: all processes, resident",
        "",
        f"{sum(process.resident_mb for process in held):.0f} MB",
        True,
    )


def network_speed(written: Written, _routine: Sequence[Written], runs: int) -> Iterator[Row]:
    """One patient at a time, as fast as storescu sends."""
    with a_site() as site:
        walks = [site.walk(site.turn(written), site.fast) for _ in range(runs)]
    yield from stages("network speed", walks)
    yield at_most("network speed: to the alert, p95", NETWORK_S, p95([walk.alert for walk in walks]))


def together(written: Written, _routine: Sequence[Written], runs: int) -> Iterator[Row]:
    """Two patients at once, each as fast as storescu sends."""
    walks: list[Walk] = []
    with a_site() as site, ThreadPoolExecutor(2) as pool:
        for _ in range(math.ceil(runs / 2)):
            turns = [site.turn(written) for _ in range(2)]
            walks += pool.map(lambda turn: site.follow(turn, site.fast(turn)), turns)
            site.await_archive()
            for turn in turns:
                turn.remove()
    yield from stages("two at once", walks)
    yield at_most("two at once: to the alert, the slowest", TOGETHER_S, max(walk.alert for walk in walks))


def burst(written: Written, routine: Sequence[Written], runs: int) -> Iterator[Row]:
    """Patients at a scanner's pace, in turns with and without routine studies beside them."""
    quiet: list[Walk] = []
    crowded: list[Walk] = []
    with a_site() as site:
        for _ in range(runs):
            quiet.append(site.walk(site.turn(written), site.paced))
            others = [site.turn(study) for study in routine]
            turn = site.turn(written)
            with _coming(site, others, turn):
                crowded.append(site.walk(turn, site.paced))
            for other in others:
                other.remove()
    yield from stages("quiet", quiet)
    yield from stages(f"{len(routine)} routine studies beside", crowded)
    ratio = p95([walk.alert for walk in crowded]) / p95([walk.alert for walk in quiet])
    yield at_most("burst: p95 to the alert, over quiet", BURST_RATIO, ratio, "x")


@contextmanager
def _coming(site: Site, others: Sequence[Turn], turn: Turn) -> Iterator[None]:
    """Send others while a patient comes, evenly over the perfusion series and a little beyond."""
    perfusion = sum(image.part is Part.PERFUSION for image in turn.images)
    first_s = (len(turn.images) - perfusion) / IMAGES_PER_S
    step_s = (perfusion / IMAGES_PER_S + ROUTINE_AFTER_S) / len(others)
    began = time.monotonic()

    def send() -> None:
        for number, other in enumerate(others):
            time.sleep(max(0.0, began + first_s + number * step_s - time.monotonic()))
            site.fast(other)

    sender = threading.Thread(target=send)
    sender.start()
    yield
    sender.join()


def baseline(written: Written, _routine: Sequence[Written], runs: int) -> Iterator[Row]:
    """The same study by Orthanc's timer, against network speed in the same run."""
    with a_site() as site:
        ours = [site.walk(site.turn(written), site.fast).alert for _ in range(min(runs, RUNS_BASELINE))]
    with tempfile.TemporaryDirectory(prefix="latency-", dir=roomy_disk()) as name:
        folder = Path(name)
        with stable_timer.plain_orthanc(folder / "orthanc") as (orthanc, port):
            theirs = []
            for number in range(1 + min(runs, RUNS_BASELINE)):  # the first one warms this process up
                turn = take_turn(written, folder / "sent", number)
                theirs.append(stable_timer.run(orthanc, port, turn, folder / "fetched"))
                turn.remove()
    for key, text in (
        ("timer_s", "timer"),
        ("fetch_s", "fetching"),
        ("compute_s", "computing, warm process"),
    ):
        seconds = statistics.median(getattr(waited, key) for waited in theirs[1:])
        yield f"plain Orthanc, StableAge {stable_timer.STABLE_AGE_S} s: {text}", "", f"{seconds:.2f} s", True
    total, mine = statistics.median(waited.total_s for waited in theirs[1:]), statistics.median(ours)
    found = f"{total / mine:.1f} x ({total:.1f} s, ours {mine:.1f} s)"
    yield "plain Orthanc to its numbers, over our alert", "", found, True


SCENARIOS = {
    "scanner-pace": scanner_pace,
    "network": network_speed,
    "together": together,
    "burst": burst,
    "baseline": baseline,
}


def _patients(folder: Path, parts: tuple[Part, ...]) -> tuple[Written, list[Written]]:
    patient = write_study(make_patient(Patient()), folder / "patient", VENDOR, parts=parts)
    still = make_patient(Patient(seed=1, side=Side.NONE, slices=ROUTINE_SLICES, frames=1))
    routine = write_study(still, folder / "routine", VENDOR, parts=(Part.NON_CONTRAST,))
    return patient, [routine] * ROUTINE_STUDIES


def main() -> int:
    """Print the table; 1 when a bound is missed."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help=f"no angiography, {RUNS_SHORT} runs each")
    for name in SCENARIOS:
        parser.add_argument(f"--{name}", action="append_const", const=name, dest="chosen")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the gateway is stopped
    runs, missed = (RUNS_SHORT if options.short else RUNS), 0
    with tempfile.TemporaryDirectory(prefix="latency-", dir=roomy_disk()) as name:
        written, routine = _patients(Path(name), USUAL if options.short else tuple(Part))
        short = f": --short, no angiography, p95 of {runs} runs is their slowest" if options.short else ""
        print(f"{len(written.paths)} images a patient, {runs} runs{short}", flush=True)
        for chosen in options.chosen or SCENARIOS:
            for what, bound, found, met in SCENARIOS[chosen](written, routine, runs):
                verdict = ("met" if met else "MISSED") if bound else ""
                print(f"{what:64} {bound:12} {found:30} {verdict}", flush=True)
                missed += not met
            print(f"{chosen}: ended at a load average of {os.getloadavg()[0]:.1f}", flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
