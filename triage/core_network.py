"""The core of a network beside the core by thresholds: asked in a thread, heard until a deadline, judged by a table.

Whatever becomes of the network, the first result is the same to the digit, and later by no more than the deadline.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Thread
from typing import Self

import numpy as np

from triage.artefacts import cleaned, counted
from triage.assessment import Assessment, lesion_side
from triage.disagreement import Pair, verdict
from triage.errors import AnalysisError, GatewayError, InputError
from triage.evidence import of_perfusion
from triage.results import Interval, ModelFinding, QualityFlag, Severity
from triage.second_engine import CoreModel, CoreProbability
from triage.stages import Head, Perfused, Scan, TissueCurves
from triage.types import Float32, Geometry, Mask

DEADLINE_S = 1.5
"""Three times what a network may take on two cores; the alert, which is promised within 5 s, still comes in time."""

FLAG = "core_model"


@dataclass(frozen=True, slots=True)
class Areas:
    """What a network's probabilities come to: bool ``(Z, Y, X)``, and the sum of the probabilities of core in ml."""

    core: Mask
    hypoperfused: Mask | None
    expected_core_ml: float


@dataclass(frozen=True, slots=True)
class CoreReading:
    """What stands in the result of a network: its row, its core if it gave one, and what a reader should know."""

    finding: ModelFinding
    core: Mask | None
    flags: tuple[QualityFlag, ...] = ()


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A network at work in a thread that nobody has to wait for."""

    model: CoreModel
    answer: Future[Areas]
    begun_s: float

    @classmethod
    def begin(
        cls,
        model: CoreModel,
        scan: Scan,
        head: Head,
        tissue: TissueCurves,
        first: Perfused,
        clock: Callable[[], float],
    ) -> Self:
        """Let a network look at a scan."""
        answer: Future[Areas] = Future()

        def look() -> None:
            try:
                said = model(of_perfusion(scan, head, tissue, first), DEADLINE_S)
                answer.set_result(areas(said, tissue.brain, tissue.tissue, head.geometry))
            except Exception as exc:  # noqa: BLE001 - a site's model may raise anything; the result tells it
                answer.set_exception(exc)

        Thread(target=look, name="core network", daemon=True).start()
        return cls(model, answer, clock())

    def end(
        self, head: Head, first: Assessment, interval: Interval | None, clock: Callable[[], float]
    ) -> CoreReading:
        """Put what it found beside the first core, whose `interval` is given, or say why there is nothing."""
        try:
            found = self.answer.result(timeout=max(0.0, DEADLINE_S - (clock() - self.begun_s)))
            return beside(found, self.model.finding, head, first, interval)
        except TimeoutError:
            reason = f"no answer within {DEADLINE_S:g} s"
            return _silent(self.model, reason, Severity.INFO)
        except Exception as exc:  # noqa: BLE001 - as above
            reason = str(exc) if isinstance(exc, GatewayError) else f"it stopped with {type(exc).__name__}"
            return _silent(self.model, reason, Severity.WARNING)


def areas(said: CoreProbability, brain: Mask, tissue: Mask, geometry: Geometry) -> Areas:
    """From probabilities to areas in `tissue`, by the same cleaning as the first method's.

    Raises
    ------
    AnalysisError
        What it says is no probability.
    InputError
        It speaks of another grid.
    """
    for volume in (said.core, said.hypoperfused):
        if volume is not None:
            _check(volume, tissue, geometry)
    core = cleaned((said.core >= said.core_threshold) & tissue, geometry) & tissue
    late = None
    if said.hypoperfused is not None:
        late = counted((said.hypoperfused >= said.hypoperfused_threshold) & tissue, brain, geometry).kept
    return Areas(core, late, float(np.nansum(said.core[tissue])) * geometry.voxel_ml)


def beside(
    found: Areas, identity: ModelFinding, head: Head, first: Assessment, interval: Interval | None
) -> CoreReading:
    """Compare a network's areas with the first ones."""
    core_ml = _ml(found.core, head.geometry)
    overlap = _dice(first.core, found.core)
    sides = first.side, lesion_side(found.core, head.plane.left(head.geometry))
    agreement, text = verdict(Pair(first.core_ml, core_ml, interval, *sides, overlap))
    finding = replace(
        identity,
        core_ml=core_ml,
        hypoperfused_ml=None if found.hypoperfused is None else _ml(found.hypoperfused, head.geometry),
        expected_core_ml=found.expected_core_ml,
        overlap=overlap,
        agreement=agreement,
        text=text,
    )
    return CoreReading(finding, found.core)


def _silent(model: CoreModel, reason: str, severity: Severity) -> CoreReading:
    """No core, and why; that it was late is for information, that it failed is somebody's work."""
    text = f"the network {model.finding.name} gave no core: {reason}"
    return CoreReading(replace(model.finding, text=reason), None, (QualityFlag(FLAG, severity, text),))


def _check(volume: Float32, tissue: Mask, geometry: Geometry) -> None:
    if volume.shape != geometry.shape:
        raise InputError(f"its probabilities have the shape {volume.shape}, the scan has {geometry.shape}")
    inside = volume[tissue]
    inside = inside[~np.isnan(inside)]
    if not inside.size:
        raise AnalysisError("it says nothing of the brain")
    if inside.min() < 0.0 or inside.max() > 1.0:
        raise AnalysisError("what it says lies outside 0 to 1 and is no probability")


def _dice(one: Mask, other: Mask) -> float | None:
    together = int(one.sum()) + int(other.sum())
    return 2.0 * int((one & other).sum()) / together if together else None


def _ml(area: Mask, geometry: Geometry) -> float:
    return float(np.count_nonzero(area)) * geometry.voxel_ml
