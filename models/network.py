"""An imaging network at work: evidence in, checked probabilities out."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from models.image_contract import ImageContract
from models.imaging import prepared, restored
from models.providers import CPU_ONLY
from models.registry import DEFAULT_THREADS, open_model
from models.running import Model
from models.shelves import Installed
from models.spec import ModelSpec
from triage.errors import AnalysisError, ConfigError, InputError
from triage.second_engine import Evidence
from triage.types import Float32

ROUNDING = 1e-4
"""So far a probability may lie outside 0 to 1: a softmax in float32 does, by rounding."""


@dataclass(frozen=True, slots=True)
class Network:
    """A verified imaging model; safe to call from several threads."""

    model: Model
    contract: ImageContract

    @property
    def spec(self) -> ModelSpec:
        """Identity, purpose and limits."""
        return self.model.spec

    def __call__(self, evidence: Evidence, deadline_s: float | None = None) -> Float32:
        """Probabilities ``(K, Z, Y, X)`` on the grid of the evidence, or ``(K,)`` for a task that judges the whole head.

        Raises
        ------
        AnalysisError
            The evidence lacks a volume, the network failed, answered something that is no probability, or took longer
            than `deadline_s` in all.
        """
        started = perf_counter()
        try:
            shown = prepared(evidence, self.contract)
            left_s = None if deadline_s is None else deadline_s - (perf_counter() - started)
            answer = self.model.run({"image": shown.tensor}, left_s)["probability"]
        except InputError as exc:
            raise AnalysisError(f"{self.model} cannot look at this scan: {exc}") from exc
        self._check(answer)
        if self.spec.task.answers_per_case:
            return np.asarray(np.clip(answer[0], 0, 1), np.float32)
        return restored(answer, shown.grid, self.contract)

    def _check(self, answer: Float32) -> None:
        if not np.isfinite(answer).all():
            raise AnalysisError(f"{self.model} answered something that is no number")
        if answer.size and (answer.min() < -ROUNDING or answer.max() > 1 + ROUNDING):
            raise AnalysisError(
                f"{self.model} answered {answer.min():.3g} to {answer.max():.3g}; probabilities lie between 0 and 1"
            )


def open_network(
    installed: Installed, threads: int = DEFAULT_THREADS, providers: Sequence[str] = CPU_ONLY
) -> Network:
    """Open an imaging model, verified and warmed up.

    Raises
    ------
    ConfigError
        It is not the one of its manifest, or no imaging model.
    """
    if installed.spec.image is None:
        raise ConfigError(f"{installed.spec.name} is no imaging model; its task is {installed.spec.task}")
    return Network(open_model(installed, threads, providers), installed.spec.image)
