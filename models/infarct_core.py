"""The network that looks for the infarct core: a `triage.second_engine.CoreModel`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.network import Network, open_network
from models.providers import CPU_ONLY
from models.registry import DEFAULT_THREADS
from models.shelves import by_task
from models.spec import Task
from triage.errors import AnalysisError
from triage.second_engine import CoreProbability, Evidence, Volume
from triage.types import ModelFinding


@dataclass(frozen=True, slots=True)
class CoreNetwork:
    """A verified network for the infarct core; safe to call from another thread."""

    network: Network

    @property
    def finding(self) -> ModelFinding:
        """Identity of the model, known before it has found anything."""
        return self.network.spec.finding()

    def __call__(self, evidence: Evidence, deadline_s: float) -> CoreProbability:
        """Look at a scan; outside `Volume.TISSUE` the answer is NaN, for perfusion is judged in tissue alone.

        Raises
        ------
        AnalysisError
            The evidence lacks a volume, the network failed or broke its contract, or it took longer than `deadline_s`
            seconds; the message is a sentence for people.
        """
        if Volume.TISSUE not in evidence.volumes:
            raise AnalysisError(
                f"{self.network.model} cannot look at this scan: it is not known what is tissue"
            )
        found = self.network(evidence, deadline_s)
        found[:, evidence.volumes[Volume.TISSUE] < 1] = np.nan
        core, *more = self.network.contract.classes
        return CoreProbability(
            found[0],
            found[1] if more else None,
            core.threshold,
            more[0].threshold if more else core.threshold,
        )


def load_core_model(
    threads: int = DEFAULT_THREADS,
    folder: Path | None = None,
    providers: Sequence[str] = CPU_ONLY,
) -> CoreNetwork | None:
    """Open the network for the infarct core, the site's from `folder` or ours; None when no model is installed.

    Raises
    ------
    ConfigError
        A model is not the one of its manifest, or does not keep its contract.
    """
    model = by_task(folder).get(Task.INFARCT_CORE)
    return CoreNetwork(open_network(model, threads, providers)) if model else None
