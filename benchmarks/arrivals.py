"""Studies that come in every way a network can bring them: none may be judged whole before it is.

``python -m benchmarks.arrivals [SENDS]``. Each send draws a series and how it travels: shuffled or in order, over
associations side by side, one after another or one a frame, with pauses, with an image that never comes, or broken off and
sent again. The intake looks on with a real
ledger and a clock of its own; images are headers only. A premature result is an analysis ordered before the last image was
there. Prints how long after it the proof came, by kind of proof, and the premature ones by how they came.
"""

import logging
import random
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import structlog
from sqlalchemy import insert

from benchmarks.ingest import Row
from dicom_scp.arrival import Arrival, AssociationEvent, AssociationKind
from dicom_scp.headers import ImageHeader
from gateway.config import Intake as IntakeSettings
from gateway.intake import Intake
from gateway.ledger.arrivals import row_of
from gateway.ledger.ledger import Ledger
from gateway.ledger.records import CaseState, moment_of
from gateway.ledger.schema import arrivals

SENDS = 200
START = datetime(2026, 3, 1, tzinfo=UTC)
FRAME_S, LONGEST_PAUSE_S = 2.0, 12.0
"""Between frames; and the longest that a sender pauses for, well below the quiet timer."""
RESEND_S = (1.0, 15.0)
"""How soon a sender that was cut off comes again."""
PART_IMAGES = (40, 100)
"""Of a sender that divides a series over associations, one after another."""
LOOK_S, TIMEOUT_S = 0.25, 60.0

ONE, PER_FRAME, IN_PARTS = "one association", "one a frame", "one after another"
AT_ONCE = {"two at once": 2, "four at once": 4, ONE: 1}
WAYS = (ONE, ONE, PER_FRAME, IN_PARTS, *AT_ONCE)
"""How many associations; the commonest is drawn most."""

KINDS = (
    ("closed its association", "rectangle and end of associations"),
    ("taken as complete after", "quiet timer"),
    ("", "the scanner's own count"),
)
"""Words of a proof, and what kind it is."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one study comes."""

    order: str
    ways: str
    paused: bool
    counted: bool
    cut: str
    lost: bool

    @property
    def text(self) -> str:
        """In words."""
        said = "counted" if self.counted else "not counted"
        return f"{self.order}, {self.ways}, {said}{', paused' * self.paused}{', one image lost' * self.lost}{f', {self.cut}' * bool(self.cut)}"


@dataclass(frozen=True, slots=True)
class Send:
    """What became of one study."""

    manner: Manner
    premature: bool
    kind: str
    proof_s: float


Batch = tuple[float, str, Sequence[ImageHeader]]
"""Seconds to wait first, the association, and the images that come then."""


def draw_manner(draw: random.Random) -> Manner:
    """Draw how a study comes; who opens an association for every frame sends as it acquires."""
    ways = draw.choice(WAYS)
    order = "by frame" if ways == PER_FRAME else draw.choice(["by frame", "by slice", "shuffled"])
    cut = draw.choice(["", "", "", "cut off after a frame", "cut off anywhere"]) if ways == ONE else ""
    return Manner(order, ways, draw.random() < 0.5, draw.random() < 0.3, cut, lost=draw.random() < 0.15)


def draw_series(draw: random.Random, study: str, *, counted: bool) -> list[ImageHeader]:
    """Headers of a perfusion series in the order of its frames."""
    slices, frames = draw.choice([2, 4, 8]), draw.randint(20, 30)
    return [
        ImageHeader(
            sop_instance_uid=f"{study}.1.{frame * slices + place + 1}",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            study_uid=study,
            series_uid=f"{study}.1",
            modality="CT",
            image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
            instance_number=frame * slices + place + 1,
            rows=512,
            columns=512,
            position_mm=(-100.0, -100.0, 5.0 * place),
            orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
            pixel_spacing_mm=(0.5, 0.5),
            acquired_at_s=100 + FRAME_S * frame + 0.01 * place,
            temporal_positions=frames if counted else None,
        )
        for frame in range(frames)
        for place in range(slices)
    ]


def batches(draw: random.Random, series: Sequence[ImageHeader], manner: Manner) -> Iterator[Batch]:
    """The images as they come."""
    slices = len({header.position_mm for header in series})
    if manner.ways == PER_FRAME:
        pace_s = draw.uniform(1.0, 2 * FRAME_S)
        for first in range(0, len(series), slices):
            longer = draw.uniform(1.0, 1.4) if manner.paused else 1.0
            yield pace_s * longer, f"a{first}", series[first : first + slices]
        return
    ordered = list(series)
    if manner.order == "shuffled":
        draw.shuffle(ordered)
    elif manner.order == "by slice":
        ordered.sort(key=lambda header: header.position_mm or ())
    size = draw.randint(*PART_IMAGES) if manner.ways == IN_PARTS else slices
    for number, first in enumerate(range(0, len(ordered), size)):
        pauses = manner.ways == IN_PARTS or draw.random() < 0.1
        pause_s = draw.uniform(2.0, LONGEST_PAUSE_S) if manner.paused and first and pauses else 0.0
        name = f"a{number % AT_ONCE.get(manner.ways, len(ordered))}"
        yield draw.uniform(0.05, 0.3) + pause_s, name, ordered[first : first + size]


class Scanner:
    """A scanner, an intake that looks on, and the clock that both obey."""

    def __init__(self, folder: Path, settings: IntakeSettings) -> None:
        self.ledger, self.now, self._open = (
            Ledger.open(f"sqlite:///{folder / 'ledger.db'}"),
            START,
            set[str](),
        )
        client = cast("Any", SimpleNamespace(submit=lambda *_, **__: None))
        self._intake = Intake(self.ledger, client, settings, analysis_timeout_s=300)

    def wait(self, seconds: float) -> None:
        """Let time pass while the intake looks."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.now = min(end, self.now + timedelta(seconds=LOOK_S))
            self._intake.look(self.now)

    def send(self, name: str, headers: Sequence[ImageHeader]) -> None:
        """Send images over an association, which is opened if it is not open."""
        if name not in self._open:
            self._tell(name, AssociationKind.OPENED)
            self._open.add(name)
        rows = []
        for header in headers:
            uid = header.sop_instance_uid
            arrival = Arrival(header, f"{uid}.dcm", f"{uid:0>64}", 10, "1.2", self.now, "CT01", "GW", name)
            rows.append(row_of(arrival))
        with self.ledger.engine.begin() as connection:
            connection.execute(insert(arrivals).prefix_with("OR IGNORE"), rows)

    def close(self, how: AssociationKind = AssociationKind.RELEASED) -> None:
        """End every association."""
        for name in self._open:
            self._tell(name, how)
        self._open.clear()

    def _tell(self, name: str, kind: AssociationKind) -> None:
        self.ledger.arrivals.record_association(AssociationEvent(name, "CT01", kind, self.now))


def send_once(scanner: Scanner, draw: random.Random, study: str) -> Send:
    """Send one study and follow its case until it is judged."""
    manner = draw_manner(draw)
    series = draw_series(draw, study, counted=manner.counted)
    if manner.lost:
        series.remove(draw.choice(series[: len(series) // 2]))
    plan = [(wait_s, f"{study} {name}", headers) for wait_s, name, headers in batches(draw, series, manner)]
    if manner.cut:
        _send_a_part(scanner, draw, plan, manner)
        plan = [(wait_s, f"{name} again", headers) for wait_s, name, headers in plan]
    for wait_s, name, headers in plan:
        scanner.wait(wait_s)
        scanner.send(name, headers)
        if manner.ways in {PER_FRAME, IN_PARTS}:
            scanner.close()
    last_at = scanner.now
    judged_before = _judged(scanner, study)
    scanner.close()
    while not _judged(scanner, study) and scanner.now - last_at < timedelta(seconds=TIMEOUT_S):
        scanner.wait(LOOK_S)
    case = scanner.ledger.cases.of_study(study)
    if case is None or case.state is not CaseState.ANALYSING:
        return Send(manner, judged_before, "never", TIMEOUT_S)
    kind = next(kind for words, kind in KINDS if words in (case.proof or ""))
    proof_s = (moment_of(case.times["complete_at"] or "") - last_at).total_seconds()
    scanner.ledger.cases.conclude(case.id, case.revision, {"status": "analysed", "reason": None}, scanner.now)
    return Send(manner, judged_before, kind, proof_s)


def _send_a_part(scanner: Scanner, draw: random.Random, plan: Sequence[Batch], manner: Manner) -> None:
    """Send some of it, lose the connection, and come again after a while."""
    upto = draw.randint(len(plan) // 2, len(plan) - 1)
    for number, (wait_s, name, headers) in enumerate(plan[:upto]):
        scanner.wait(wait_s)
        whole = number < upto - 1 or manner.cut == "cut off after a frame"
        scanner.send(name, headers if whole else headers[: len(headers) // 2])
    scanner.close(AssociationKind.ABORTED)
    scanner.wait(draw.uniform(*RESEND_S))


def _judged(scanner: Scanner, study: str) -> bool:
    case = scanner.ledger.cases.of_study(study)
    return case is not None and (case.revision > 1 or case.state is not CaseState.RECEIVING)


def measure(sends: int, folder: Path, settings: IntakeSettings | None = None, seed: int = 7) -> list[Send]:
    """Send so many studies, one after the other."""
    draw = random.Random(seed)
    found = []
    for number in range(sends):
        place = folder / str(number)
        place.mkdir()
        scanner = Scanner(place, settings or IntakeSettings())
        found.append(send_once(scanner, draw, f"1.2.{number + 1}"))
        scanner.ledger.engine.dispose()
    return found


def rows(found: Sequence[Send]) -> Iterator[Row]:
    """The table."""
    premature = [send for send in found if send.premature]
    yield "judged before the last image", "0", f"{len(premature)} of {len(found)}", not premature
    for send in premature:
        yield f"  {send.manner.text}", "", send.kind, True
    for kind in [*(kind for _, kind in KINDS), "never"]:
        seconds = [send.proof_s for send in found if send.kind == kind and not send.premature]
        if seconds:
            text = f"median {statistics.median(seconds):.2f} s, slowest {max(seconds):.2f} s"
            yield f"proof by {kind}: {len(seconds)} sends", "", text, True


def main() -> int:
    """Print the table; 1 when a study was judged too early."""
    quiet = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=quiet)
    sends, missed = int(sys.argv[1]) if len(sys.argv) > 1 else SENDS, 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as name:  # noqa: S108 - a scratch disk in memory
        for what, bound, found, met in rows(measure(sends, Path(name))):
            verdict = ("met" if met else "MISSED") if bound else ""
            print(f"{what:64} {bound:6} {found:44} {verdict}", flush=True)
            missed += not met
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
